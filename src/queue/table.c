/* Messages by id: open addressing, grown by doubling, holes closed on removal. Ids are ours, so a plain mix will do. */
#include <stdlib.h>

#include "queue/queue_private.h"

static size_t home(const struct table *t, uint64_t id)
{
    return (size_t)((id ^ id >> 20) * 0x9e3779b97f4a7c15u >> 20) & (t->room - 1);
}

static void insert(struct table *t, struct queued *m)
{
    size_t i = home(t, m->id);
    while (t->slots[i])
        i = (i + 1) & (t->room - 1);
    t->slots[i] = m;
}

static void grow(struct table *t)
{
    struct table next = { .count = t->count, .room = t->room ? t->room * 2 : 64 };
    next.slots = mem_alloc(next.room * sizeof *next.slots);
    for (size_t i = 0; i < t->room; i++)
        if (t->slots[i])
            insert(&next, t->slots[i]);
    free(t->slots);
    *t = next;
}

void table_put(struct table *t, struct queued *m)
{
    if ((t->count + 1) * 3 > t->room * 2)
        grow(t);
    insert(t, m);
    t->count++;
}

static size_t find(const struct table *t, uint64_t id)
{
    if (t->room == 0)
        return SIZE_MAX;
    for (size_t i = home(t, id); t->slots[i]; i = (i + 1) & (t->room - 1))
        if (t->slots[i]->id == id)
            return i;
    return SIZE_MAX;
}

struct queued *table_get(const struct table *t, uint64_t id)
{
    size_t i = find(t, id);
    return i == SIZE_MAX ? NULL : t->slots[i];
}

void table_remove(struct table *t, uint64_t id)
{
    size_t hole = find(t, id);
    if (hole == SIZE_MAX)
        return;
    size_t mask = t->room - 1;
    t->slots[hole] = NULL;
    t->count--;
    /* What stood behind the hole because of it moves up. */
    for (size_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
        size_t wanted = home(t, t->slots[i]->id);
        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            t->slots[i] = NULL;
            hole = i;
        }
    }
}
