/* Whose turn is it? Lanes that may be able to send stand in a row; each starts one attempt and goes to the end, so that no mailbox
 * waits for another's thousands. */
#include "queue/queue_private.h"

static bool has_capacity(const struct queue *q)
{
    if (!q->is_relay_up || q->is_store_down || q->drained || q->in_flight >= QUEUE_FLIGHTS)
        return false;
    return !q->host->relay_pending || q->host->relay_pending(q->ctx) < QUEUE_RELAY_PENDING;
}

void pump_wake(struct queue *q)
{
    if (!list_is_empty(&q->hungry))
        loop_defer(q->loop, &q->pump);
}

void lane_wake(struct lane *l)
{
    if (list_is_empty(&l->hungry))
        list_append(&l->queue->hungry, &l->hungry);
    loop_defer(l->queue->loop, &l->queue->pump);
}

static void sleep_until(struct lane *l, int64_t now, int64_t when)
{
    if (when == INT64_MAX)
        loop_timer_stop(&l->timer);
    else
        loop_timer_start(&l->timer, when > now ? when - now : 0);
}

/* True: it started something and may want more. */
static bool serve(struct lane *l, int64_t now)
{
    int64_t when;
    struct queued *m = NULL;
    if (lane_may_start(l, now, &when))
        m = lane_next(l, now, &when);
    if (!m) {
        sleep_until(l, now, when);
        return false;
    }
    attempt_start(l->queue, l, m);
    return true;
}

void pump_run(void *queue)
{
    struct queue *q = queue;
    int64_t now = queue_now(q);
    struct list *node;
    while (has_capacity(q) && (node = list_pop(&q->hungry))) {
        struct lane *l = LIST_OF(node, struct lane, hungry);
        if (serve(l, now))
            list_append(&q->hungry, &l->hungry);
    }
}
