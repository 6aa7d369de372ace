/* One commit for all that a turn brought: accepted messages, outcomes, and the reports that outcomes ask for. While the disk is busy
 * with it more gathers in the sockets, so batches grow by themselves under load. */
#include <stdlib.h>

#include "base/log.h"
#include "queue/queue_private.h"

void batch_soon(struct queue *q)
{
    uint64_t wait_us = q->conf->queue.commit_wait_us;
    if (wait_us == 0)
        loop_defer(q->loop, &q->commit);
    else if (!loop_timer_is_running(&q->commit_timer))
        loop_timer_start(&q->commit_timer, (int64_t)(wait_us + 999) / 1000);
}

void batch_fail(struct queue *q, const struct fault *why)
{
    store_rollback(q->store);
    LIST_EACH (node, &q->accepted) {
        struct accepted *a = LIST_OF(node, struct accepted, node);
        free(a->m);
        a->m = NULL;
        if (!a->why)
            batch_refuse(a, q, why);
    }
    saves_fail(q, why);
    q->is_store_down = true;
    queue_set_closed(q, why->text);
    loop_timer_start(&q->commit_timer, QUEUE_STORE_RETRY_MS);
}

static bool write_counts(struct queue *q, struct fault *why)
{
    bool ok = true;
    LIST_EACH (node, &q->outcomes) {
        struct outcome *o = LIST_OF(node, struct outcome, node);
        o->m->flow->lane->unsaved += o->delivered;
    }
    LIST_EACH (node, &q->outcomes) {
        struct lane *l = LIST_OF(node, struct outcome, node)->m->flow->lane;
        int64_t slot = pace_slot(&l->day, queue_now(q));
        ok = ok && (l->unsaved == 0 || store_sent_add(q->store, l->address, slot, l->unsaved, why));
        l->unsaved = 0;
    }
    return ok;
}

static bool write_outcomes(struct queue *q, struct fault *why)
{
    LIST_EACH (node, &q->outcomes)
        if (!outcome_write(q, LIST_OF(node, struct outcome, node), why))
            return false;
    return write_counts(q, why);
}

static void log_accepted(const struct accepted *a)
{
    log_info("mail.accepted", LOG_TEXT("message", queue_id(a->m->id).text), LOG_TEXT("session", a->session),
             LOG_TEXT("mailbox", a->m->flow->lane->address), LOG_TEXT("app", a->m->flow->app),
             LOG_TEXT("from", a->sender), LOG_TEXT("to", a->recipient), LOG_UNSIGNED("recipients", a->recipients),
             LOG_UNSIGNED("bytes", a->size), LOG_TEXT("peer", a->peer), LOG_BOOL("report", a->m->flags & STORE_DSN));
}

static void schedule(struct queue *q, struct queued *m)
{
    table_put(&q->table, m);
    m->flow->lane->queued++;
    flow_put(m);
    lane_wake(m->flow->lane);
}

static void answer_one(struct queue *q, struct accepted *a)
{
    bool is_repeated = !a->m && !a->why;
    uint64_t id = a->m ? a->m->id : is_repeated ? a->repeated : 0;
    if (a->m) {
        log_accepted(a);
        if (!(a->m->flags & STORE_DSN)) {
            q->accepted_total++;
            lane_passed(a->m->flow->lane, queue_now(q), TRAFFIC_ACCEPTED);
        }
        schedule(q, a->m);
    }
    if (a->submitted)
        a->submitted(a->ctx, a->tag, id, is_repeated, a->why);
}

static void answer_all(struct queue *q)
{
    struct list *node;
    while ((node = list_pop(&q->accepted)))
        answer_one(q, LIST_OF(node, struct accepted, node));
    saves_answer(q);
    arena_reset(q->batch);
}

static void apply_all(struct queue *q)
{
    struct list *node;
    while ((node = list_pop(&q->outcomes)))
        outcome_apply(q, LIST_OF(node, struct outcome, node));
}

/* Outcomes of deliveries promise nothing to anybody: lost in a power cut, they happen a second time, like whatever is in flight at
 * that moment. So they need not wait for the disk each time, as long as it hears of them before long. */
static bool may_be_soft(const struct queue *q)
{
    if (store_is_writing(q->store) || loop_now_ms(q->loop) - q->hardened_ms >= QUEUE_SOFT_MS)
        return false;
    LIST_EACH (node, &q->outcomes)
        if (!LIST_OF(node, struct outcome, node)->flight)
            return false;
    return true;
}

static bool write_batch(struct queue *q, struct fault *why)
{
    bool is_soft = may_be_soft(q);
    bool ok = (is_soft ? store_begin_soft(q->store, why) : store_begin(q->store, why)) && write_outcomes(q, why) &&
              store_commit(q->store, why);
    if (ok && !is_soft)
        q->hardened_ms = loop_now_ms(q->loop);
    return ok;
}

bool queue_commit(struct queue *q)
{
    struct fault why = { 0 };
    bool ok = true;
    loop_undefer(&q->commit);
    loop_timer_stop(&q->commit_timer);
    if (store_is_writing(q->store) || !list_is_empty(&q->outcomes)) {
        ok = write_batch(q, &why);
        if (!ok)
            batch_fail(q, &why);
    }
    if (ok)
        apply_all(q);
    if (q->is_store_down)
        loop_timer_start(&q->commit_timer, QUEUE_STORE_RETRY_MS);
    answer_all(q);
    store_checkpoint(q->store, false);
    loop_timer_start(&q->idle, QUEUE_IDLE_MS);
    drain_check(q);
    return ok;
}

/* While the store is down only the timer tries it; refusals need no store. */
static void on_deferred(void *queue)
{
    struct queue *q = queue;
    if (q->is_store_down)
        answer_all(q);
    else
        queue_commit(q);
}

/* Either the moment to gather commits for is over, or a failed one is due again. */
static void on_timer(void *queue)
{
    struct queue *q = queue;
    struct fault why = { 0 };
    if (q->is_store_down && !store_probe(q->store, &why)) {
        queue_set_closed(q, why.text);
        loop_timer_start(&q->commit_timer, QUEUE_STORE_RETRY_MS);
        return;
    }
    if (q->is_store_down) {
        q->is_store_down = false;
        queue_set_closed(q, NULL);
        pump_wake(q);
    }
    queue_commit(q);
}

void commit_init(struct queue *q)
{
    q->batch = arena_new();
    list_init(&q->accepted);
    list_init(&q->outcomes);
    list_init(&q->saves);
    loop_deferred_init(&q->commit, on_deferred, q);
    loop_timer_init(&q->commit_timer, q->loop, on_timer, q);
}

void commit_fini(struct queue *q)
{
    loop_timer_stop(&q->commit_timer);
    loop_undefer(&q->commit);
    arena_free(q->batch);
}
