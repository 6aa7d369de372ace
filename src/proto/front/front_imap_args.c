/* proto/front/front_imap_args.c - the strings of IMAP (RFC 9051 4.3, 9): atoms, quoted strings and literals. Programs that never read the
 * RFC send passwords as they are, so an atom may hold anything but a blank, and a backslash that escapes nothing stands for itself. */
#include <string.h>

#include "proto/front/front_private.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool front_imap_literal(struct bytes line, size_t *size, bool *is_sync)
{
    size_t end = line.size, from;
    *is_sync = true;
    if (end < 3 || line.data[end - 1] != '}')
        return false;
    end--;
    if (line.data[end - 1] == '+') {
        *is_sync = false;
        end--;
    }
    for (from = end; from > 0 && is_digit(line.data[from - 1]);)
        from--;
    if (from == end || from == 0 || line.data[from - 1] != '{')
        return false;
    *size = 0;
    for (; from < end; from++)
        *size = *size < SIZE_MAX / 32 ? *size * 10 + (size_t)(line.data[from] - '0') : SIZE_MAX / 2;
    return true;
}

static void put(uint8_t *out, size_t room, size_t *size, uint8_t c)
{
    if (*size < room)
        out[*size] = c;
    ++*size;
}

static bool take_quoted(struct bytes *rest, uint8_t *out, size_t room, size_t *size)
{
    const uint8_t *in = rest->data;
    size_t at = 1;
    for (; at < rest->size && in[at] != '"'; at++) {
        bool is_escape = in[at] == '\\' && at + 1 < rest->size && (in[at + 1] == '"' || in[at + 1] == '\\');
        at += is_escape;
        if (in[at] == '\r' || in[at] == '\n')
            return false;
        put(out, room, size, in[at]);
    }
    if (at >= rest->size)
        return false;
    *rest = bytes_slice(*rest, at + 1, rest->size);
    return true;
}

/* In a command put together of its pieces: "{5}" CRLF, five octets. A NUL is no CHAR8. */
static bool take_literal(struct bytes *rest, uint8_t *out, size_t room, size_t *size)
{
    size_t line_size = bytes_find(*rest, BYTES_LIT("\r\n")), length;
    bool is_sync;
    if (line_size == SIZE_MAX || !front_imap_literal(bytes_slice(*rest, 0, line_size), &length, &is_sync) ||
        length > rest->size - line_size - 2)
        return false;
    struct bytes content = bytes_slice(*rest, line_size + 2, line_size + 2 + length);
    if (content.size && memchr(content.data, 0, content.size))
        return false;
    for (size_t i = 0; i < content.size; i++)
        put(out, room, size, content.data[i]);
    *rest = bytes_slice(*rest, line_size + 2 + length, rest->size);
    return true;
}

static bool take_atom(struct bytes *rest, uint8_t *out, size_t room, size_t *size)
{
    for (; *size < rest->size && rest->data[*size] > ' ';)
        put(out, room, size, rest->data[*size]);
    *rest = bytes_slice(*rest, *size, rest->size);
    return *size > 0;
}

bool front_imap_astring(struct bytes *rest, uint8_t *out, size_t room, size_t *size)
{
    *size = 0;
    if (rest->size == 0)
        return false;
    uint8_t first = rest->data[0];
    if (!(first == '"' ? take_quoted : first == '{' ? take_literal : take_atom)(rest, out, room, size))
        return false;
    if (rest->size == 0)
        return true;
    bool is_parted = rest->data[0] == ' ';
    while (rest->size > 0 && rest->data[0] == ' ')
        *rest = bytes_slice(*rest, 1, rest->size);
    return is_parted;
}
