/* msg/ask.c */
#include "msg/ask.h"

static struct ask *first(const struct asks *q)
{
    return list_is_empty(&q->pending) ? NULL : LIST_OF(q->pending.next, struct ask, node);
}

static void fail(struct ask *a, enum ask_failure how)
{
    ask_forget(a);
    a->kind->failed(a, how);
}

static void on_clock(void *ctx)
{
    struct asks *q = ctx;
    int64_t now = loop_now_ms(q->loop);
    struct ask *a;
    while ((a = first(q)) && a->due_ms <= now)
        fail(a, ASK_LATE);
    if (a)
        loop_timer_start(&q->clock, a->due_ms - now);
}

void asks_init(struct asks *q, struct loop *l, int64_t patience_ms)
{
    *q = (struct asks){ .loop = l, .patience_ms = patience_ms };
    list_init(&q->pending);
    loop_timer_init(&q->clock, l, on_clock, q);
}

void asks_fini(struct asks *q)
{
    loop_timer_stop(&q->clock);
}

uint64_t ask_begin(struct asks *q, struct ask *a, const struct ask_kind *kind)
{
    a->kind = kind;
    a->tag = ++q->last_tag;
    a->due_ms = loop_now_ms(q->loop) + q->patience_ms;
    list_append(&q->pending, &a->node);
    if (!loop_timer_is_running(&q->clock))
        loop_timer_start(&q->clock, q->patience_ms);
    return a->tag;
}

void ask_forget(struct ask *a)
{
    if (!a->tag)
        return;
    a->tag = 0;
    list_remove(&a->node);
}

bool asks_answer(struct asks *q, uint64_t tag, const void *message)
{
    LIST_EACH (node, &q->pending) {
        struct ask *a = LIST_OF(node, struct ask, node);
        if (a->tag != tag)
            continue;
        ask_forget(a);
        a->kind->answered(a, message);
        return true;
    }
    return false;
}

void asks_fail_all(struct asks *q)
{
    struct ask *a;
    while ((a = first(q)))
        fail(a, ASK_PEER_LOST);
}
