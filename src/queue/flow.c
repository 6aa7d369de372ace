/* One app's messages in a lane: a binary heap by due time, then by id. */
#include <stdlib.h>
#include <string.h>

#include "queue/queue_private.h"

static bool is_before(const struct queued *a, const struct queued *b)
{
    return a->due != b->due ? a->due < b->due : a->id < b->id;
}

static void set(struct flow *f, size_t slot, struct queued *m)
{
    f->heap[slot] = m;
    m->slot = slot;
}

static void rise(struct flow *f, size_t slot)
{
    struct queued *m = f->heap[slot];
    for (; slot > 1 && is_before(m, f->heap[slot / 2]); slot /= 2)
        set(f, slot, f->heap[slot / 2]);
    set(f, slot, m);
}

static void sink(struct flow *f, size_t slot)
{
    struct queued *m = f->heap[slot];
    for (size_t child; (child = slot * 2) <= f->count; slot = child) {
        if (child < f->count && is_before(f->heap[child + 1], f->heap[child]))
            child++;
        if (!is_before(f->heap[child], m))
            break;
        set(f, slot, f->heap[child]);
    }
    set(f, slot, m);
}

struct flow *flow_of(struct lane *l, const char *app)
{
    LIST_EACH (node, &l->flows) {
        struct flow *f = LIST_OF(node, struct flow, node);
        if (strcmp(f->app, app) == 0)
            return f;
    }
    struct flow *f = mem_alloc(sizeof *f);
    f->lane = l;
    f->app = mem_strdup(app);
    list_append(&l->flows, &f->node);
    return f;
}

void flow_free(struct flow *f)
{
    list_remove(&f->node);
    free(f->heap);
    free(f->app);
    free(f);
}

void flow_put(struct queued *m)
{
    struct flow *f = m->flow;
    if (f->count + 1 >= f->room) {
        f->room = f->room ? f->room * 2 : 16;
        f->heap = mem_resize(f->heap, f->room * sizeof *f->heap);
    }
    f->heap[++f->count] = m;
    rise(f, f->count);
}

void flow_take(struct queued *m)
{
    struct flow *f = m->flow;
    size_t slot = m->slot;
    if (slot == 0)
        return;
    m->slot = 0;
    struct queued *last = f->heap[f->count--];
    if (last == m)
        return;
    f->heap[slot] = last;
    last->slot = slot;
    rise(f, slot);
    sink(f, last->slot);
}

struct queued *flow_first(const struct flow *f)
{
    return f->count ? f->heap[1] : NULL;
}
