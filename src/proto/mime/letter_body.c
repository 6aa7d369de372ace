/* proto/mime/letter_body.c - the tree of parts (RFC 2046), cut from outside to inside, so that an outer boundary ends whatever an
 * inner one left open. The first text that is shown in place becomes the body, and with it the other rendering of the same
 * multipart/alternative; everything else is an attachment, so that nothing is lost. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

#define BOUNDARY_LIMIT 256 /* RFC 2046 says 70 */
#define SEARCHES 8ull      /* times the message, as each level searches all that is inside of it */
#define SEARCH_LEAST (1u << 20)

struct place {
    unsigned depth;
    const void *alternative; /* innermost; NULL: none */
    bool in_report;
    const char *default_type;
};

struct line {
    size_t from, to; /* of the delimiter, its line ends on both sides included */
    bool is_close;
};

/* "--boundary" alone in a line, or "--boundary--". */
static bool judge_line(struct bytes in, size_t at, struct bytes mark, struct line *out)
{
    size_t end = at + mark.size;
    if (at > 0 && in.data[at - 1] != '\n')
        return false;
    out->is_close = end + 2 <= in.size && memcmp(in.data + end, "--", 2) == 0;
    end += out->is_close ? 2 : 0;
    while (end < in.size && (in.data[end] == ' ' || in.data[end] == '\t' || in.data[end] == '\r'))
        end++;
    if (end < in.size && in.data[end] != '\n')
        return false;
    out->to = end < in.size ? end + 1 : end;
    out->from = at;
    if (out->from > 0)
        out->from--;
    if (out->from > 0 && in.data[out->from - 1] == '\r' && in.data[out->from] == '\n')
        out->from--;
    return true;
}

static bool find_line(struct bytes in, size_t at, struct bytes mark, struct line *out)
{
    for (;;) {
        size_t next = bytes_find(bytes_slice(in, at, in.size), mark);
        if (next == SIZE_MAX || at >= in.size)
            return false;
        if (judge_line(in, at + next, mark, out))
            return true;
        at += next + 1;
    }
}

static void walk(struct letter_make *m, struct bytes entity, struct place place);

static bool is_type(const struct letter_head *h, const char *type)
{
    return text_equal(h->type, type);
}

static struct place place_within(const struct letter_head *h, struct place outer, const void *key)
{
    struct place inner = { .depth = outer.depth + 1, .alternative = outer.alternative };
    inner.default_type = is_type(h, "multipart/digest") ? "message/rfc822" : "text/plain";
    inner.in_report = is_type(h, "multipart/report");
    if (is_type(h, "multipart/alternative"))
        inner.alternative = key;
    return inner;
}

/* False: no boundary of it stands there. */
static bool walk_parts(struct letter_make *m, const struct letter_head *h, struct bytes body, struct place outer)
{
    struct line line, next;
    char *mark = arena_printf(m->arena, "--%s", h->boundary);
    struct place inner = place_within(h, outer, mark);
    if (!find_line(body, 0, bytes_of(mark), &line))
        return false;
    while (!line.is_close && !m->is_over) {
        bool is_there = find_line(body, line.to, bytes_of(mark), &next);
        if (!is_there) {
            letter_trouble(m, "a multipart does not end");
            if (line.to == body.size)
                break;
            next = (struct line){ body.size, body.size, true };
        }
        /* The delimiter's line end may be the one that ends the line before. */
        walk(m, bytes_slice(body, line.to, next.from > line.to ? next.from : line.to), inner);
        line = next;
    }
    return true;
}

static bool is_boundary(const char *boundary)
{
    return !text_is_empty(boundary) && strlen(boundary) <= BOUNDARY_LIMIT;
}

/* A text that is larger than what is kept is cut, and decoding it stops there. */
static bool keep_piece(void *ctx, struct bytes piece)
{
    struct buf *out = ctx;
    size_t room = out->limit - out->size;
    buf_add_bytes(out, bytes_slice(piece, 0, room));
    return piece.size < room;
}

static void decode_upto(struct bytes raw, const char *encoding, struct buf *out, size_t limit)
{
    buf_init(out, limit);
    letter_decode(raw, encoding, keep_piece, out);
}

/* In the body's place: shown by itself, or as the other rendering of what is. */
static bool is_body(const struct letter_make *m, const struct letter_head *h, struct place place)
{
    bool is_text = is_type(h, "text/plain"), is_html = is_type(h, "text/html");
    if ((!is_text && !is_html) || *h->name || text_equal(h->disposition, "attachment"))
        return false;
    if (*(is_text ? m->letter->text : m->letter->html))
        return false;
    return !m->has_body || (place.alternative && place.alternative == m->body_alternative);
}

static void take_body(struct letter_make *m, const struct letter_head *h, struct bytes raw, struct place place)
{
    struct letter *l = m->letter;
    struct buf decoded;
    bool is_html = is_type(h, "text/html");
    /* One octet more than can be kept, so that it is seen that there was more. */
    decode_upto(raw, h->encoding, &decoded, 4 * LETTER_TEXT_LIMIT + 1);
    bool is_cut = letter_text(m->arena, buf_bytes(&decoded), h->charset, is_html ? &l->html : &l->text);
    *(is_html ? &l->is_html_cut : &l->is_text_cut) = is_cut;
    /* An empty one leaves the place to whatever follows. */
    if (*(is_html ? l->html : l->text)) {
        m->has_body = true;
        m->body_alternative = place.alternative;
    }
    buf_fini(&decoded);
}

static bool is_status(const struct letter_head *h)
{
    return is_type(h, "message/delivery-status") || is_type(h, "message/global-delivery-status");
}

static bool is_returned(const struct letter_head *h)
{
    return is_type(h, "message/rfc822") || is_type(h, "text/rfc822-headers") || is_type(h, "message/global") ||
           is_type(h, "message/global-headers") || is_type(h, "message/rfc822-headers");
}

static void read_report_part(struct letter_make *m, const struct letter_head *h, struct bytes raw)
{
    struct buf decoded;
    if (!is_status(h) && !is_returned(h))
        return;
    decode_upto(raw, h->encoding, &decoded, LETTER_SCRATCH_LIMIT);
    if (is_status(h))
        letter_read_report(m, buf_bytes(&decoded));
    else
        letter_read_returned(m, buf_bytes(&decoded));
    buf_fini(&decoded);
}

static void walk_leaf(struct letter_make *m, const struct letter_head *h, struct bytes raw, struct place place)
{
    if (place.in_report)
        read_report_part(m, h, raw);
    if (is_body(m, h, place))
        take_body(m, h, raw, place);
    else
        letter_add_part(m, h, raw);
}

static void walk(struct letter_make *m, struct bytes entity, struct place place)
{
    size_t body_at;
    if (m->entities++ == LETTER_PARTS) {
        m->is_over = true;
        letter_trouble(m, "too many parts: the rest is left out");
        return;
    }
    struct letter_head h = letter_read_head(m->arena, entity, place.default_type, &body_at);
    struct bytes body = bytes_slice(entity, body_at, entity.size);
    if (!bytes_starts_nocase(bytes_of(h.type), "multipart/")) {
        walk_leaf(m, &h, body, place);
        return;
    }
    if (place.depth == LETTER_DEPTH || body.size > m->search_left) {
        letter_trouble(m, "parts nested too deeply: what is inside is left out");
        return;
    }
    m->search_left -= body.size;
    if (is_boundary(h.boundary) && walk_parts(m, &h, body, place))
        return;
    letter_trouble(m, "a multipart without its boundary: taken for plain text");
    h.type = "text/plain";
    walk_leaf(m, &h, body, place);
}

void letter_read_body(struct letter_make *m, struct bytes message)
{
    m->search_left = SEARCHES * message.size + SEARCH_LEAST;
    walk(m, message, (struct place){ .default_type = "text/plain" });
}
