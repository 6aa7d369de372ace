/* proto/imap/wire.c - gathers; what a response means is decided elsewhere. A bare LF ends a line as well as CRLF does. */
#include "proto/imap/wire.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "proto/imap/client.h"

#define WINDOW (16u << 10)
#define IDLE_CAPACITY 1024 /* kept between responses */
#define DIGITS 20          /* of a 64-bit number */

void imap_wire_init(struct imap_wire *w)
{
    *w = (struct imap_wire){ .window = WINDOW };
    buf_init(&w->text, IMAP_LINE_LIMIT + IMAP_LITERAL_LIMIT + 1024);
}

void imap_wire_fini(struct imap_wire *w)
{
    buf_fini(&w->text);
}

static void begin(struct imap_wire *w)
{
    if (w->text.capacity > IDLE_CAPACITY)
        buf_release(&w->text);
    else
        buf_clear(&w->text);
    w->line_size = 0;
    w->window = WINDOW;
    w->is_over = false;
}

bool imap_wire_is_fresh(const struct imap_wire *w)
{
    return w->is_over || w->text.size == 0;
}

/* Only data holds literals: words for people may end in braces. */
static bool may_hold_literal(const struct imap_wire *w)
{
    static const char *const statuses[] = { "* OK", "* NO", "* BAD", "* BYE", "* PREAUTH" };
    struct bytes text = buf_bytes(&w->text);
    if (!bytes_starts_nocase(text, "* "))
        return false;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (bytes_starts_nocase(text, statuses[i]) && text.size > strlen(statuses[i]) &&
            text.data[strlen(statuses[i])] == ' ')
            return false;
    return true;
}

/* "{12}", "{12+}" or "~{12}" at the line's end. Gives back how much of the text stands before; false: there is none. */
static bool find_literal(struct imap_wire *w, size_t *before)
{
    struct bytes text = buf_bytes(&w->text);
    if (text.size == 0 || text.data[text.size - 1] != '}' || !may_hold_literal(w))
        return false;
    size_t end = text.size - 1;
    if (end > 0 && text.data[end - 1] == '+')
        end--;
    size_t at = end;
    while (at > 0 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9')
        at--;
    if (at == 0 || at == end || text.data[at - 1] != '{')
        return false;
    char digits[DIGITS + 1] = "";
    if (end - at <= DIGITS)
        memcpy(digits, text.data + at, end - at);
    if (!text_to_u64(digits, UINT64_MAX, &w->literal_size))
        w->literal_size = UINT64_MAX;
    *before = at - 1;
    if (*before > 0 && text.data[*before - 1] == '~')
        (*before)--;
    return true;
}

static enum imap_wire_event end_line(struct imap_wire *w)
{
    size_t before;
    if (w->text.size > 0 && w->text.data[w->text.size - 1] == '\r')
        w->text.data[--w->text.size] = 0;
    if (!find_literal(w, &before)) {
        w->is_over = true;
        return IMAP_WIRE_WHOLE;
    }
    w->text.size = before;
    w->text.data[before] = 0;
    w->state = IMAP_WIRE_AT_LITERAL;
    return IMAP_WIRE_LITERAL;
}

static enum imap_wire_event breach(struct imap_wire *w, const char *what)
{
    w->breach = what;
    return IMAP_WIRE_BREACH;
}

static size_t take_line(struct imap_wire *w, struct bytes in, enum imap_wire_event *event)
{
    if (w->is_over)
        begin(w);
    struct bytes piece = bytes_slice(in, 0, w->window);
    const uint8_t *lf = memchr(piece.data, '\n', piece.size);
    if (lf)
        piece.size = (size_t)(lf - piece.data);
    w->line_size += piece.size;
    w->window -= piece.size;
    if (w->line_size > IMAP_LINE_LIMIT || !buf_add_bytes(&w->text, piece)) {
        *event = breach(w, "an over-long line");
        return in.size;
    }
    if (lf) {
        *event = end_line(w);
        return piece.size + 1;
    }
    if (w->window == 0) {
        w->window = WINDOW;
        *event = IMAP_WIRE_FULL;
    }
    return piece.size;
}

/* A literal's mark counts as part of the line, so that a line of many empty ones has an end. */
static void put_mark(struct imap_wire *w, uint64_t size)
{
    size_t before = w->text.size;
    buf_addf(&w->text, "{%llu}\r\n", (unsigned long long)size);
    w->line_size += w->text.size - before;
}

uint64_t imap_wire_room(const struct imap_wire *w)
{
    size_t kept = w->text.size - (w->text.size < w->line_size ? w->text.size : w->line_size);
    return kept < IMAP_LITERAL_LIMIT ? IMAP_LITERAL_LIMIT - kept : 0;
}

static void start_literal(struct imap_wire *w, uint64_t kept, int state)
{
    assert(w->state == IMAP_WIRE_AT_LITERAL);
    put_mark(w, kept);
    w->keep_left = kept;
    w->literal_left = w->literal_size;
    w->state = w->literal_left ? state : IMAP_WIRE_IN_LINE;
}

void imap_wire_keep(struct imap_wire *w)
{
    uint64_t room = imap_wire_room(w);
    start_literal(w, w->literal_size < room ? w->literal_size : room, IMAP_WIRE_KEEPING);
}

void imap_wire_stream(struct imap_wire *w)
{
    start_literal(w, 0, IMAP_WIRE_STREAMING);
}

void imap_wire_cut(struct imap_wire *w, size_t from, size_t to)
{
    memmove(w->text.data + from, w->text.data + to, w->text.size - to);
    w->text.size -= to - from;
    w->text.data[w->text.size] = 0;
    w->line_size -= to - from;
}

static size_t take_literal(struct imap_wire *w, struct bytes in, enum imap_wire_event *event, struct bytes *chunk)
{
    if (in.size > w->literal_left)
        in.size = (size_t)w->literal_left;
    w->literal_left -= in.size;
    if (w->state == IMAP_WIRE_STREAMING) {
        *chunk = in;
        *event = IMAP_WIRE_CHUNK;
    } else {
        struct bytes kept = bytes_slice(in, 0, w->keep_left < in.size ? (size_t)w->keep_left : in.size);
        w->keep_left -= kept.size;
        if (!buf_add_bytes(&w->text, kept))
            *event = breach(w, "an over-long response");
    }
    if (w->literal_left == 0)
        w->state = IMAP_WIRE_IN_LINE;
    return in.size;
}

size_t imap_wire_take(struct imap_wire *w, struct bytes in, enum imap_wire_event *event, struct bytes *chunk)
{
    assert(w->state != IMAP_WIRE_AT_LITERAL && !w->breach);
    *event = IMAP_WIRE_MORE;
    return w->state == IMAP_WIRE_IN_LINE ? take_line(w, in, event) : take_literal(w, in, event, chunk);
}
