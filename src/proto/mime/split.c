/* proto/mime/split.c - a line is judged by its first octets: field, continuation, empty, or the body already. */
#include "proto/mime/split.h"

#include <string.h>

#include "base/arena.h"
#include "proto/mime/header.h"

enum verdict { GOES_ON, IS_FIELD, IS_EMPTY, IS_MAILBOX, IS_STRAY };

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Judges the line by head[], whose last octet is `c`. Blanks before the colon are obsolete and legal (RFC 5322 4.5). */
static enum verdict judge(struct mime_split *s, uint8_t c)
{
    if (c == '\n' && (s->head_size == 1 || (s->head_size == 2 && s->head[0] == '\r')))
        return IS_EMPTY;
    if (c == '\r' && s->head_size == 1)
        return GOES_ON;
    if (s->head[0] == '\r' || c == '\n')
        return IS_STRAY;
    size_t before = s->head_size - 1;
    if ((c == ':' || is_blank(c)) && s->name_size == 0)
        s->name_size = before;
    if (s->name_size == 0 && (c == ':' || is_blank(c)))
        return IS_STRAY;
    if (c == ':')
        return IS_FIELD;
    if (!is_blank(c) && s->name_size > 0)
        return !s->is_begun && memcmp(s->head, "From ", 5) == 0 ? IS_MAILBOX : IS_STRAY;
    if (!is_blank(c) && (c < '!' || c > '~'))
        return IS_STRAY;
    return s->head_size == sizeof s->head ? IS_STRAY : GOES_ON;
}

static struct bytes head_of(const struct mime_split *s)
{
    return (struct bytes){ (const uint8_t *)s->head, s->head_size };
}

static enum mime_part end_header(struct mime_split *s, bool is_stray, struct bytes *piece)
{
    s->size -= s->head_size;
    s->is_stray = is_stray;
    s->place = is_stray ? MIME_AT_STRAY : MIME_IN_BODY;
    if (!is_stray)
        *piece = head_of(s);
    return MIME_END_HEADER;
}

static enum mime_part in_name(struct mime_split *s, struct bytes *in, bool is_last, struct bytes *piece)
{
    enum verdict verdict = GOES_ON;
    while (in->size > 0 && verdict == GOES_ON) {
        uint8_t c = in->data[0];
        s->head[s->head_size++] = (char)c;
        s->size++;
        *in = bytes_slice(*in, 1, in->size);
        verdict = judge(s, c);
    }
    if (verdict == GOES_ON && !is_last)
        return MIME_MORE;
    s->is_begun = true;
    if (verdict == IS_EMPTY || verdict == IS_STRAY || verdict == GOES_ON)
        return end_header(s, verdict != IS_EMPTY, piece);
    *piece = head_of(s);
    s->name = bytes_slice(*piece, 0, s->name_size);
    s->in_field = verdict == IS_FIELD;
    s->place = s->in_field ? MIME_IN_VALUE : MIME_IN_MAILBOX;
    return s->in_field ? MIME_NAME : MIME_MAILBOX;
}

/* The rest of the line; the field itself may go on behind it. */
static enum mime_part in_value(struct mime_split *s, struct bytes *in, struct bytes *piece)
{
    const uint8_t *lf = memchr(in->data, '\n', in->size);
    enum mime_part part = s->place == MIME_IN_VALUE ? MIME_VALUE : MIME_MAILBOX;
    *piece = bytes_slice(*in, 0, lf ? (size_t)(lf - in->data) + 1 : in->size);
    *in = bytes_slice(*in, piece->size, in->size);
    s->size += piece->size;
    if (lf)
        s->place = MIME_AT_LINE;
    return part;
}

static enum mime_part at_line(struct mime_split *s, struct bytes *in, bool is_last, struct bytes *piece)
{
    if (in->size == 0 && !is_last)
        return MIME_MORE;
    if (in->size > 0 && s->in_field && is_blank(in->data[0])) {
        s->place = MIME_IN_VALUE;
        return in_value(s, in, piece);
    }
    if (s->in_field) {
        s->in_field = false;
        return MIME_END_FIELD;
    }
    s->head_size = s->name_size = 0;
    if (in->size == 0)
        return end_header(s, false, piece);
    s->place = MIME_IN_NAME;
    return in_name(s, in, is_last, piece);
}

enum mime_part mime_split_next(struct mime_split *s, struct bytes *in, bool is_last, struct bytes *piece)
{
    *piece = BYTES_NONE;
    switch (s->place) {
    case MIME_AT_LINE:
        return at_line(s, in, is_last, piece);
    case MIME_IN_NAME:
        return in_name(s, in, is_last, piece);
    case MIME_IN_VALUE:
    case MIME_IN_MAILBOX:
        if (in->size > 0)
            return in_value(s, in, piece);
        s->place = is_last ? MIME_AT_LINE : s->place;
        return is_last ? at_line(s, in, is_last, piece) : MIME_MORE;
    case MIME_AT_STRAY:
        s->place = MIME_IN_BODY;
        *piece = head_of(s);
        return MIME_BODY;
    case MIME_IN_BODY:
        break;
    }
    *piece = *in;
    *in = BYTES_NONE;
    return piece->size > 0 ? MIME_BODY : MIME_MORE;
}

void mime_split_skip_stray(struct mime_split *s)
{
    bool is_ended = s->head_size > 0 && s->head[s->head_size - 1] == '\n';
    s->place = is_ended ? MIME_AT_LINE : MIME_IN_MAILBOX;
    s->size += s->head_size;
    s->is_stray = false;
}

void mime_capture_add(struct mime_capture *c, struct arena *arena, struct bytes piece)
{
    if (piece.size > MIME_FIELD_LIMIT - c->size) {
        piece.size = MIME_FIELD_LIMIT - c->size;
        c->is_cut = true;
    }
    if (piece.size == 0)
        return;
    if (c->size + piece.size > c->capacity) {
        size_t capacity = c->capacity ? c->capacity : 256;
        while (capacity < c->size + piece.size)
            capacity *= 2;
        uint8_t *larger = arena_alloc(arena, capacity);
        if (c->size)
            memcpy(larger, c->data, c->size);
        c->data = larger;
        c->capacity = capacity;
    }
    memcpy(c->data + c->size, piece.data, piece.size);
    c->size += piece.size;
}
