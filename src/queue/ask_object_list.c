/* Lists of objects: in order of their keys, a page at a time if the asker wants pages, or if all would be too much for one answer. */
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "queue/queue_private.h"

enum { PAGE_BYTES = 2 << 20, PAGE_ITEMS = 100000 };

struct listing {
    enum object_kind kind;
    const void **objects; /* in the arena */
    size_t count, room;
};

static bool count_one(void *ctx, const void *object)
{
    struct listing *l = ctx;
    l->room++;
    return true;
}

static bool add_one(void *ctx, const void *object)
{
    struct listing *l = ctx;
    l->objects[l->count++] = object;
    return true;
}

static int by_key(const void *a, const void *b, void *kind)
{
    const enum object_kind *k = kind;
    return strcasecmp(object_key(*k, *(const void *const *)a), object_key(*k, *(const void *const *)b));
}

/* Adds those behind the cursor; the key of the last one if there are more. */
static const char *fill(struct ask *a, const struct listing *l, const char *after, uint64_t limit, json_t *items)
{
    size_t bytes = 0;
    const char *last = NULL;
    for (size_t i = 0; i < l->count; i++) {
        const char *key = object_key(l->kind, l->objects[i]);
        if (after[0] && strcasecmp(key, after) <= 0)
            continue;
        json_t *item = ask_object_shown(a->q, l->kind, l->objects[i]);
        bytes += json_dumpb(item, NULL, 0, JSON_COMPACT);
        if (json_array_size(items) >= limit || (bytes > PAGE_BYTES && last)) {
            json_decref(item);
            return last;
        }
        json_array_append_new(items, item);
        last = key;
    }
    return NULL;
}

bool ask_object_list(struct ask *a, struct fault *why)
{
    struct listing l = { 0 };
    const char *kind = ask_text(a, "kind"), *limit = ask_text(a, "limit");
    uint64_t most = PAGE_ITEMS;
    a->status = 400;
    if (!object_kind_from_name(kind, &l.kind))
        return fault_set(why, FAULT_REJECT, "api.kind", "there are no objects of the kind \"%s\"", kind);
    if (limit[0] && (!text_to_u64(limit, PAGE_ITEMS, &most) || most == 0))
        return fault_set(why, FAULT_REJECT, "api.address", "limit is a number from 1 to %d", PAGE_ITEMS);
    struct arena *arena = arena_new();
    directory_each(a->q->directory, l.kind, count_one, &l);
    l.objects = arena_array(arena, l.room ? l.room : 1, sizeof *l.objects);
    directory_each(a->q->directory, l.kind, add_one, &l);
    qsort_r(l.objects, l.count, sizeof *l.objects, by_key, &l.kind);
    json_t *items = json_array();
    const char *next = fill(a, &l, ask_text(a, "cursor"), most, items);
    a->out = json_pack("{s:o, s:s?}", "items", items, "next", next);
    a->status = 0;
    arena_free(arena);
    return true;
}
