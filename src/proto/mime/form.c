#include "proto/mime/form.h"

#include <stdio.h>
#include <string.h>

#include "proto/mime/form_head.h"

#define DELIMITER_MOST (4 + FORM_BOUNDARY_MOST)
#define PADDING_MOST 64 /* blanks after a boundary */

enum place { FORM_BEFORE, FORM_HEAD, FORM_BODY, FORM_AFTER };

struct form {
    const struct form_host *host;
    void *ctx;
    struct fault *why; /* of the call that is under way */
    enum place place;
    char delimiter[DELIMITER_MOST + 1]; /* "\r\n--boundary" */
    size_t delimiter_size;
    size_t matched;   /* so much of it has come, and */
    size_t pretended; /* of that so much has not: the line end before a form, or the one that ended a head */
    char tail[PADDING_MOST];
    size_t tail_size; /* and what stands after it on its line */
    struct buf head;
};

static bool is_boundary(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return size > 0 && size <= FORM_BOUNDARY_MOST && text[size - 1] != ' ';
}

struct form *form_new(struct arena *arena, const char *content_type, const struct form_host *host, void *ctx,
                      struct fault *why)
{
    const char *boundary = form_parameter(arena, content_type, "boundary");
    if (!is_boundary(boundary)) {
        fault_set(why, FAULT_REJECT, "api.form", "the Content-Type names no boundary of 1 to %d characters",
                  FORM_BOUNDARY_MOST);
        return NULL;
    }
    struct form *f = arena_alloc(arena, sizeof *f);
    *f = (struct form){ .host = host, .ctx = ctx, .matched = 2, .pretended = 2 };
    f->delimiter_size = (size_t)snprintf(f->delimiter, sizeof f->delimiter, "\r\n--%s", boundary);
    buf_init(&f->head, FORM_HEAD_MOST);
    return f;
}

void form_free(struct form *f)
{
    if (f)
        buf_fini(&f->head);
}

/* ---- heads ---- */

static bool head_is_over(const struct form *f)
{
    const struct buf *h = &f->head;
    return (h->size == 2 && memcmp(h->data, "\r\n", 2) == 0) ||
           (h->size >= 4 && memcmp(h->data + h->size - 4, "\r\n\r\n", 4) == 0);
}

static bool begin_part(struct form *f)
{
    struct form_part part;
    struct arena *arena = arena_new();
    bool ok = form_head_read(arena, buf_bytes(&f->head), &part, f->why) && f->host->begin(f->ctx, &part);
    arena_free(arena);
    buf_clear(&f->head);
    f->place = FORM_BODY;
    f->matched = f->pretended = 2;
    return ok;
}

static bool add_to_head(struct form *f, uint8_t octet)
{
    if (!buf_add_byte(&f->head, octet))
        return fault_set(f->why, FAULT_REJECT, "api.form", "a part's head is larger than %d octets", FORM_HEAD_MOST);
    return octet != '\n' || !head_is_over(f) || begin_part(f);
}

/* ---- boundaries ---- */

static bool give(struct form *f, const void *data, size_t size)
{
    return size == 0 || f->place != FORM_BODY || f->host->piece(f->ctx, (struct bytes){ data, size });
}

/* What looked like a boundary is the part's own. */
static bool give_back(struct form *f)
{
    size_t from = f->pretended, to = f->matched, tail_size = f->tail_size;
    f->pretended = f->matched = f->tail_size = 0;
    return give(f, f->delimiter + from, to - from) && give(f, f->tail, tail_size);
}

static bool match(struct form *f, uint8_t octet)
{
    if (octet == (uint8_t)f->delimiter[f->matched]) {
        f->matched++;
        return true;
    }
    if (!give_back(f))
        return false;
    f->matched = octet == '\r'; /* which stands nowhere else in it */
    return f->matched || give(f, &octet, 1);
}

/* May this octet follow a boundary and what stands behind it already? */
static bool fits_tail(const struct form *f, uint8_t octet)
{
    char last = f->tail_size > 0 ? f->tail[f->tail_size - 1] : ' ';
    if (octet == '-')
        return f->tail_size == 0 || (f->tail_size == 1 && last == '-');
    if (octet == '\n')
        return last == '\r';
    bool is_padding = octet == ' ' || octet == '\t' || octet == '\r';
    return is_padding && (last == ' ' || last == '\t') && f->tail_size < PADDING_MOST - 1;
}

static bool end_part(struct form *f, enum place next)
{
    bool had_part = f->place == FORM_BODY;
    f->place = next;
    f->pretended = f->matched = f->tail_size = 0;
    return !had_part || f->host->end(f->ctx);
}

static bool match_tail(struct form *f, uint8_t octet)
{
    if (!fits_tail(f, octet)) {
        bool holds_return = f->tail_size > 0 && f->tail[f->tail_size - 1] == '\r';
        f->tail_size -= holds_return;
        if (!give_back(f))
            return false;
        f->matched = holds_return; /* perhaps the next boundary begins with it */
        return match(f, octet);
    }
    f->tail[f->tail_size++] = (char)octet;
    if (octet == '-' && f->tail_size == 2)
        return end_part(f, FORM_AFTER);
    return octet != '\n' || end_part(f, FORM_HEAD);
}

/* As far as surely no boundary begins; SIZE_MAX: the host has refused. */
static size_t pass(struct form *f, struct bytes in)
{
    size_t size = 0;
    for (; size < in.size; size++) {
        const uint8_t *end = memchr(in.data + size, '\r', in.size - size);
        size = end ? (size_t)(end - in.data) : in.size;
        if (!end || in.size - size < 4 || memcmp(end, f->delimiter, 4) == 0)
            break;
    }
    return give(f, in.data, size) ? size : SIZE_MAX;
}

bool form_feed(struct form *f, struct bytes in, struct fault *why)
{
    f->why = why;
    for (size_t at = 0; at < in.size && f->place != FORM_AFTER;) {
        uint8_t octet = in.data[at];
        size_t passed = f->place == FORM_HEAD || f->matched > 0 ? 0 : pass(f, bytes_slice(in, at, in.size));
        if (passed == SIZE_MAX)
            return false;
        at += passed;
        if (passed > 0)
            continue;
        bool ok = f->place == FORM_HEAD            ? add_to_head(f, octet)
                  : f->matched < f->delimiter_size ? match(f, octet)
                                                   : match_tail(f, octet);
        if (!ok)
            return false;
        at++;
    }
    return true;
}

bool form_end(struct form *f, struct fault *why)
{
    if (f->place == FORM_AFTER)
        return true;
    return fault_set(why, FAULT_REJECT, "api.form",
                     f->place == FORM_BEFORE
                         ? "there is no part: the boundary that the Content-Type names stands nowhere"
                         : "the form is broken off: its last boundary is missing");
}
