/* object/ranges.c - kept sorted on insertion: they change when an administrator changes something, and are asked at every connection. */
#include "object/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void ranges_fini(struct ranges *r)
{
    free(r->items);
    *r = (struct ranges){ 0 };
}

static bool allows(const struct app *a, uint32_t protocols)
{
    return !a->allow || (a->allow & protocols);
}

static void insert(struct ranges *r, const struct app_range *item)
{
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 16;
        r->items = mem_resize(r->items, r->capacity * sizeof *r->items);
    }
    size_t at = 0;
    while (at < r->count && r->items[at].range.bits >= item->range.bits)
        at++;
    memmove(r->items + at + 1, r->items + at, (r->count - at) * sizeof *r->items);
    r->items[at] = *item;
    r->count++;
}

/* An app that must sign in *and* come from its ranges is known by neither alone. */
void ranges_add(struct ranges *r, const struct app *a)
{
    if (a->only_from)
        return;
    for (size_t i = 0; i < a->from_count; i++) {
        struct app_range item = { .app = a };
        if (net_range_parse(a->from[i], &item.range, NULL))
            insert(r, &item);
    }
}

void ranges_remove(struct ranges *r, const struct app *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].app != a)
            r->items[kept++] = r->items[i];
    }
    r->count = kept;
}

const struct app *ranges_find(const struct ranges *r, const char *host, uint32_t protocol)
{
    for (size_t i = 0; i < r->count; i++) {
        if (allows(r->items[i].app, protocol) && net_range_has_text(&r->items[i].range, host))
            return r->items[i].app;
    }
    return NULL;
}

const struct app *ranges_rival(const struct ranges *r, const struct net_range *range, uint32_t protocols,
                               const char *name)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct app_range *other = &r->items[i];
        bool is_same = other->range.bits == range->bits &&
                       memcmp(other->range.bytes, range->bytes, sizeof range->bytes) == 0;
        if (is_same && (!protocols || allows(other->app, protocols)) && !text_equal_nocase(other->app->name, name))
            return other->app;
    }
    return NULL;
}
