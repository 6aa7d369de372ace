#include "queue/pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void pace_init(struct pace *p, int64_t slot_ms, unsigned slots)
{
    *p = (struct pace){ .slot_ms = slot_ms, .slots = slots };
    p->counts = mem_alloc((slots + 1) * sizeof *p->counts);
}

void pace_fini(struct pace *p)
{
    free(p->counts);
}

int64_t pace_slot(const struct pace *p, int64_t now_ms)
{
    return now_ms / p->slot_ms;
}

static uint32_t *slot_at(const struct pace *p, int64_t slot)
{
    return &p->counts[slot % (p->slots + 1)];
}

/* Moves the window on; what falls out is no longer counted. A clock that went back moves nothing. */
static void move_to(struct pace *p, int64_t slot)
{
    if (slot - p->newest > p->slots) {
        memset(p->counts, 0, (p->slots + 1) * sizeof *p->counts);
        p->newest = slot;
        p->total = 0;
    }
    while (p->newest < slot) {
        uint32_t *oldest = slot_at(p, ++p->newest);
        p->total -= *oldest;
        *oldest = 0;
    }
}

void pace_add_slot(struct pace *p, int64_t slot, uint32_t count)
{
    move_to(p, slot);
    if (p->newest - slot > p->slots)
        return;
    *slot_at(p, slot) += count;
    p->total += count;
}

void pace_add(struct pace *p, int64_t now_ms, uint32_t count)
{
    pace_add_slot(p, pace_slot(p, now_ms), count);
}

uint32_t pace_total(struct pace *p, int64_t now_ms)
{
    move_to(p, pace_slot(p, now_ms));
    return p->total;
}

uint32_t pace_room(struct pace *p, int64_t now_ms, uint32_t limit)
{
    if (limit == 0)
        return UINT32_MAX;
    uint32_t total = pace_total(p, now_ms);
    return total < limit ? limit - total : 0;
}

int64_t pace_free_at(const struct pace *p, int64_t now_ms)
{
    for (int64_t slot = p->newest - p->slots; slot <= p->newest; slot++)
        if (slot >= 0 && *slot_at(p, slot) > 0)
            return (slot + p->slots + 1) * p->slot_ms;
    return now_ms;
}
