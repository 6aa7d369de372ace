/* Going down: attempts in flight get a moment to end, because what ends unanswered is sent again by the next process. */
#include "queue/queue_private.h"

static void finish(void *queue)
{
    struct queue *q = queue;
    queue_drained_fn *drained = q->drained;
    loop_timer_stop(&q->drain);
    queue_commit(q);
    sweep_save(q);
    if (drained)
        drained(q->drained_ctx);
}

void drain_init(struct queue *q)
{
    loop_timer_init(&q->drain, q->loop, finish, q);
}

void drain_check(struct queue *q)
{
    if (q->drained && q->in_flight == 0 && loop_timer_is_running(&q->drain))
        loop_timer_start(&q->drain, 0);
}

void queue_drain(struct queue *q, queue_drained_fn *drained, void *ctx)
{
    q->drained = drained;
    q->drained_ctx = ctx;
    loop_timer_start(&q->drain, QUEUE_DRAIN_MS);
    drain_check(q);
}
