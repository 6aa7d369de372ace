/* loop/virtual.c - the same loop with a clock that a test moves. */
#include <assert.h>

#include "loop/loop_private.h"

struct loop *loop_new_virtual(int64_t wall_ms)
{
    struct loop *l = loop_private_new();
    l->is_virtual = true;
    l->now_ms = 1;
    l->wall_ms = wall_ms;
    return l;
}

static void move_to(struct loop *l, int64_t now_ms)
{
    l->wall_ms += now_ms - l->now_ms;
    l->now_ms = now_ms;
}

void loop_advance(struct loop *l, int64_t ms)
{
    assert(l->is_virtual && ms >= 0);
    int64_t end_ms = l->now_ms + ms;
    struct loop_timer *first;
    while ((first = timers_first(&l->timers)) && first->due_ms <= end_ms) {
        if (first->due_ms > l->now_ms)
            move_to(l, first->due_ms);
        timers_run(l);
        loop_private_run_deferred(l);
    }
    move_to(l, end_ms);
}
