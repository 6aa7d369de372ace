/* loop/timer.c - timers as a binary heap, ordered by due time, then by the order of starting. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "loop/loop_private.h"

static bool is_sooner(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(struct timers *t, size_t slot, struct loop_timer *timer)
{
    t->heap[slot] = timer;
    timer->slot = slot;
}

static void sift_up(struct timers *t, size_t slot, struct loop_timer *timer)
{
    for (; slot > 1 && is_sooner(timer, t->heap[slot / 2]); slot /= 2)
        place(t, slot, t->heap[slot / 2]);
    place(t, slot, timer);
}

static void sift_down(struct timers *t, size_t slot, struct loop_timer *timer)
{
    for (size_t child; (child = slot * 2) <= t->count; slot = child) {
        if (child < t->count && is_sooner(t->heap[child + 1], t->heap[child]))
            child++;
        if (!is_sooner(t->heap[child], timer))
            break;
        place(t, slot, t->heap[child]);
    }
    place(t, slot, timer);
}

struct loop_timer *timers_first(const struct timers *t)
{
    return t->count > 0 ? t->heap[1] : NULL;
}

void timers_add(struct timers *t, struct loop_timer *timer)
{
    if (t->count + 2 > t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 32;
        t->heap = mem_resize(t->heap, t->capacity * sizeof *t->heap);
    }
    timer->order = ++t->started;
    t->count++;
    sift_up(t, t->count, timer);
}

void timers_remove(struct timers *t, struct loop_timer *timer)
{
    size_t hole = timer->slot;
    struct loop_timer *last = t->heap[t->count--];
    timer->slot = 0;
    if (last == timer)
        return;
    if (hole > 1 && is_sooner(last, t->heap[hole / 2]))
        sift_up(t, hole, last);
    else
        sift_down(t, hole, last);
}

void timers_run(struct loop *l)
{
    uint64_t started_before = l->timers.started;
    struct loop_timer *first;
    while ((first = timers_first(&l->timers)) && first->due_ms <= l->now_ms) {
        /* Started by one of these and due at once: next turn, or a timer of 0 ms would starve the descriptors. */
        if (first->order > started_before)
            break;
        timers_remove(&l->timers, first);
        first->fn(first->ctx);
    }
}

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_timer_fn *fn, void *ctx)
{
    *t = (struct loop_timer){ .loop = l, .fn = fn, .ctx = ctx };
}

void loop_timer_start(struct loop_timer *t, int64_t in_ms)
{
    assert(t->loop);
    loop_timer_stop(t);
    t->due_ms = t->loop->now_ms + (in_ms > 0 ? in_ms : 0);
    timers_add(&t->loop->timers, t);
}

void loop_timer_stop(struct loop_timer *t)
{
    if (t->slot)
        timers_remove(&t->loop->timers, t);
}

bool loop_timer_is_running(const struct loop_timer *t)
{
    return t->slot != 0;
}
