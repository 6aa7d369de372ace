/* edge/ask.c */
#include "edge/ask.h"

enum { PATIENCE_MS = 30000 };

static struct ask *first(const struct asks *q)
{
    return list_is_empty(&q->pending) ? NULL : LIST_OF(q->pending.next, struct ask, node);
}

static void fail(struct asks *q, struct ask *a, enum ask_failure how)
{
    ask_forget(a);
    q->failed(a, how);
}

static void on_clock(void *ctx)
{
    struct asks *q = ctx;
    int64_t now = loop_now_ms(q->loop);
    struct ask *a;
    while ((a = first(q)) && a->due_ms <= now)
        fail(q, a, ASK_LATE);
    if (a)
        loop_timer_start(&q->clock, a->due_ms - now);
}

void asks_init(struct asks *q, struct loop *l, ask_failed_fn *failed)
{
    *q = (struct asks){ .loop = l, .failed = failed };
    list_init(&q->pending);
    loop_timer_init(&q->clock, l, on_clock, q);
}

void asks_fini(struct asks *q)
{
    loop_timer_stop(&q->clock);
}

uint64_t ask_begin(struct asks *q, struct ask *a)
{
    a->tag = ++q->last_tag;
    a->due_ms = loop_now_ms(q->loop) + PATIENCE_MS;
    list_append(&q->pending, &a->node);
    if (!loop_timer_is_running(&q->clock))
        loop_timer_start(&q->clock, PATIENCE_MS);
    return a->tag;
}

void ask_forget(struct ask *a)
{
    if (!a->tag)
        return;
    a->tag = 0;
    list_remove(&a->node);
}

struct ask *ask_answered(struct asks *q, uint64_t tag)
{
    LIST_EACH (node, &q->pending) {
        struct ask *a = LIST_OF(node, struct ask, node);
        if (a->tag != tag)
            continue;
        ask_forget(a);
        return a;
    }
    return NULL;
}

void asks_fail_all(struct asks *q)
{
    struct ask *a;
    while ((a = first(q)))
        fail(q, a, ASK_PEER_LOST);
}
