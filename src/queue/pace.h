/* queue/pace.h - how much happened in the last minute, or the last day: a sliding window of counted slots.
 *
 * Never lets more than the limit pass in any window (a token bucket would let nearly twice as much pass in its first).
 * Precise to one slot: a slot counts in full until all of it is outside the window. */
#ifndef QUEUE_PACE_H
#define QUEUE_PACE_H

#include <stdint.h>

struct pace {
    int64_t slot_ms;
    unsigned slots; /* the window is slots * slot_ms long */
    int64_t newest; /* number of the newest slot: time / slot_ms */
    uint32_t total;
    uint32_t *counts; /* ring of slots + 1, the newest at newest % (slots + 1) */
};

void pace_init(struct pace *p, int64_t slot_ms, unsigned slots);
void pace_fini(struct pace *p);
void pace_add(struct pace *p, int64_t now_ms, uint32_t count);
void pace_add_slot(struct pace *p, int64_t slot,
                   uint32_t count); /* as it was stored; slots ascend or are within the window */
uint32_t pace_total(struct pace *p, int64_t now_ms);
uint32_t pace_room(struct pace *p, int64_t now_ms, uint32_t limit); /* how many more may pass; limit 0: no limit */
int64_t pace_free_at(const struct pace *p, int64_t now_ms);         /* when the oldest counted slot leaves the window */
int64_t pace_slot(const struct pace *p, int64_t now_ms);

#endif
