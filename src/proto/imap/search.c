/* proto/imap/search.c - what a search found: in one line or many, the old form or the new (RFC 3501 7.2.5, 4731), of any length. Given
 * on in portions, each in order. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "proto/imap/client_private.h"

#define PORTION 1024
#define RANGE_LIMIT (1u << 20) /* UIDs that one "a:b" may stand for */

struct portion {
    uint64_t uids[PORTION];
    size_t count;
};

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void give(struct imap_client *c, struct portion *p)
{
    if (p->count == 0)
        return;
    qsort(p->uids, p->count, sizeof p->uids[0], compare);
    if (c->step == STEP_SEARCH && c->host.found)
        c->host.found(c->ctx, p->uids, p->count);
    p->count = 0;
}

/* "9:*" also finds the last message when its UID is below 9 (RFC 3501 6.4.8): that one was not asked for. */
static void add(struct imap_client *c, struct portion *p, uint64_t uid)
{
    if (c->step == STEP_LOOK) {
        c->marked_others += uid != c->uid;
        return;
    }
    if (uid < c->uid || uid == 0)
        return;
    p->uids[p->count++] = uid;
    if (p->count == PORTION)
        give(c, p);
}

static bool is_searching(const struct imap_client *c)
{
    return c->step == STEP_SEARCH || c->step == STEP_LOOK;
}

/* "(MODSEQ 9)" may stand at the end. */
static bool take_numbers(struct imap_client *c, struct portion *p, struct imap_cursor *in)
{
    uint64_t uid;
    while (!imap_cursor_is_end(in) && in->rest.data[0] != '(') {
        if (!imap_cursor_number(in, &uid))
            return false;
        add(c, p, uid);
    }
    return true;
}

void imap_client_hear_search(struct imap_client *c, struct imap_cursor in)
{
    if (!is_searching(c))
        return;
    struct portion *p = mem_alloc(sizeof *p);
    if (take_numbers(c, p, &in))
        give(c, p);
    else
        imap_client_breach(c, "a search result that is no number", buf_bytes(&c->wire.text));
    free(p);
}

/* The line is longer than is held at one time: its whole numbers go on, the last one may still grow. */
void imap_client_hear_search_front(struct imap_client *c)
{
    static const char begin[] = "* SEARCH ";
    struct bytes text = buf_bytes(&c->wire.text);
    if (!is_searching(c) || !bytes_starts_nocase(text, begin))
        return;
    size_t end = text.size;
    while (end >= sizeof begin && text.data[end - 1] != ' ')
        end--;
    if (end < sizeof begin)
        return;
    struct imap_cursor in = { bytes_slice(text, sizeof begin - 1, end) };
    imap_client_hear_search(c, in);
    if (c->step != STEP_OVER)
        imap_wire_cut(&c->wire, sizeof begin - 1, end);
}

/* "4" or "4:9" */
static bool take_range(struct imap_client *c, struct portion *p, struct bytes range)
{
    const uint8_t *colon = range.size ? memchr(range.data, ':', range.size) : NULL;
    size_t at = colon ? (size_t)(colon - range.data) : range.size;
    uint64_t from, to;
    if (!imap_number(bytes_slice(range, 0, at), &from))
        return false;
    to = from;
    if (colon && !imap_number(bytes_slice(range, at + 1, range.size), &to))
        return false;
    if (to < from) {
        uint64_t least = to;
        to = from;
        from = least;
    }
    if (to - from >= RANGE_LIMIT)
        return false;
    for (uint64_t uid = from;; uid++) {
        add(c, p, uid);
        if (uid == to)
            return true;
    }
}

static bool take_set(struct imap_client *c, struct portion *p, struct bytes set)
{
    while (set.size > 0) {
        const uint8_t *comma = memchr(set.data, ',', set.size);
        size_t size = comma ? (size_t)(comma - set.data) : set.size;
        if (!take_range(c, p, bytes_slice(set, 0, size)))
            return false;
        set = bytes_slice(set, size + 1, set.size);
    }
    return true;
}

/* "(TAG "A3") UID ALL 1:5,8": only ALL is of interest. */
void imap_client_hear_esearch(struct imap_client *c, struct imap_cursor in)
{
    if (!is_searching(c))
        return;
    struct portion *p = mem_alloc(sizeof *p);
    struct imap_value v;
    bool is_good = true, is_all = false;
    while (is_good && !imap_cursor_is_end(&in) && (is_good = imap_cursor_value(&in, &v))) {
        if (is_all)
            is_good = take_set(c, p, v.raw);
        is_all = v.kind == IMAP_ATOM && bytes_equal_nocase(v.raw, BYTES_LIT("ALL"));
    }
    if (is_good)
        give(c, p);
    else
        imap_client_breach(c, "a search result that is no set of numbers", buf_bytes(&c->wire.text));
    free(p);
}
