/* proto/pop3/body.c - a message on its way through: up to the lone dot, the dots at the front of lines undone (RFC 1939 3). Lines may
 * have any length and hold anything, bare CR and LF among it: only a CRLF begins one, unless the server ended its answer by an LF. */
#include <string.h>

#include "proto/pop3/client_private.h"

static void give(struct pop3_client *c, struct bytes chunk)
{
    if (chunk.size > 0 && c->is_wanted && c->host.body)
        c->is_wanted = c->host.body(c->ctx, c->number, chunk);
}

static bool ends_line(const struct pop3_client *c, struct bytes in, size_t lf)
{
    return c->is_careless || (lf > 0 ? in.data[lf - 1] == '\r' : c->at == AFTER_CR);
}

/* Behind a dot that began a line: the message's end, or a dot to be undone. */
static size_t take_dot(struct pop3_client *c, uint8_t octet, bool *is_over)
{
    if (c->at == AFTER_DOT && octet == '\r') {
        c->at = AFTER_DOT_CR;
        return 1;
    }
    if (octet == '\n' && (c->at == AFTER_DOT_CR || c->is_careless)) {
        *is_over = true;
        return 1;
    }
    if (c->at == AFTER_DOT_CR)
        give(c, BYTES_LIT("\r"));
    c->at = c->at == AFTER_DOT_CR ? AFTER_CR : WITHIN_LINE;
    return 0;
}

/* Whole lines as one piece, up to one that begins with a dot. */
static size_t take_lines(struct pop3_client *c, struct bytes in)
{
    size_t end = 0;
    if (c->at == AT_LINE_START && in.data[0] == '.') {
        c->at = AFTER_DOT;
        return 1;
    }
    while (end < in.size) {
        const uint8_t *lf = memchr(in.data + end, '\n', in.size - end);
        if (!lf) {
            end = in.size;
            c->at = in.data[end - 1] == '\r' ? AFTER_CR : WITHIN_LINE;
            break;
        }
        c->at = ends_line(c, in, (size_t)(lf - in.data)) ? AT_LINE_START : WITHIN_LINE;
        end = (size_t)(lf - in.data) + 1;
        if (c->at == AT_LINE_START && end < in.size && in.data[end] == '.')
            break;
    }
    give(c, bytes_slice(in, 0, end));
    return end;
}

size_t pop3_client_take_body(struct pop3_client *c, struct bytes in, bool *is_over)
{
    size_t used = 0;
    while (used < in.size && !*is_over) {
        struct bytes rest = bytes_slice(in, used, in.size);
        used += c->at == AFTER_DOT || c->at == AFTER_DOT_CR ? take_dot(c, rest.data[0], is_over) : take_lines(c, rest);
    }
    return used;
}
