/* Once a minute: lifetimes that ended, delay notices that are due, history to forget, Message-IDs to make findable. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"
#include "store/audit.h"

/* The last try is due at the very end of the lifetime; only then is it over. */
static bool is_expired(const struct queued *m, int64_t now)
{
    return now >= m->expires + QUEUE_SWEEP_MS && !(m->flags & STORE_HELD);
}

/* While the mailbox itself can't send, a notice could not go out either: it would arrive after the mail. */
static bool is_notice_due(const struct queue *q, const struct queued *m, int64_t now)
{
    const struct lane *l = m->flow->lane;
    int64_t after = 1000 * (int64_t)q->conf->queue.delay_notice_s;
    return after > 0 && !(m->flags & (STORE_NOTICED | STORE_DSN | STORE_HELD)) &&
           now - (int64_t)(m->id >> 20) >= after && l->rest == LANE_OPEN && l->is_known && !l->is_paused;
}

static void last_words(const struct outcome *o, struct store_recipient *r)
{
    const struct lane *l = o->m->flow->lane;
    if (!text_is_empty(r->last))
        return;
    r->finding = arena_strdup(o->arena, l->finding);
    r->last = l->text[0] ? arena_strdup(o->arena, l->text) : "the mailbox could not send during the message's lifetime";
}

static void expire(struct outcome *o)
{
    for (size_t i = 0; i < o->count; i++) {
        struct store_recipient *r = &o->recipients[i];
        r->state = STORE_R_EXPIRED;
        r->next_attempt = 0;
        last_words(o, r);
        if (report_is_wanted(&o->message, r, REPORT_FAILURE))
            o->reports[i] = REPORT_FAILURE;
    }
}

static void notice(struct outcome *o)
{
    o->message.flags |= STORE_NOTICED;
    for (size_t i = 0; i < o->count; i++)
        if (report_is_wanted(&o->message, &o->recipients[i], REPORT_DELAY))
            o->reports[i] = REPORT_DELAY;
}

static void sweep_message(struct queue *q, struct queued *m, int64_t now)
{
    bool is_over = is_expired(m, now);
    struct outcome *o = outcome_new(q, m);
    if (!o)
        return;
    if (is_over)
        expire(o);
    else
        notice(o);
    outcome_add(q, o);
}

/* Returns whether there may be more. */
static bool sweep_messages(struct queue *q)
{
    struct queued *found[QUEUE_SWEEP_MESSAGES];
    size_t count = 0;
    int64_t now = queue_now(q);
    for (size_t i = 0; i < q->table.room && count < QUEUE_SWEEP_MESSAGES; i++) {
        struct queued *m = q->table.slots[i];
        if (m && !m->is_active && (is_expired(m, now) || is_notice_due(q, m, now)))
            found[count++] = m;
    }
    for (size_t i = 0; i < count; i++)
        sweep_message(q, found[i], now);
    return count == QUEUE_SWEEP_MESSAGES;
}

/* A commit without changes costs no write: an idle machine's disk may sleep. */
static bool save_totals(struct queue *q, struct fault *why)
{
    uint64_t sum = q->accepted_total + q->delivered_total + q->bounced_total;
    if (sum == q->saved_totals)
        return true;
    q->saved_totals = sum;
    return store_fact_put(q->store, "accepted_total", q->accepted_total, why) &&
           store_fact_put(q->store, "delivered_total", q->delivered_total, why) &&
           store_fact_put(q->store, "bounced_total", q->bounced_total, why);
}

static bool prune(struct queue *q, bool *is_more, struct fault *why)
{
    size_t removed = 0, lines = 0;
    int64_t now = queue_now(q), day = 86400000;
    int64_t history = now - 1000 * (int64_t)q->conf->queue.history_s;
    bool is_more_inbound = false, is_more_ids = false;
    int64_t seen = now - 1000 * (int64_t)q->conf->inbox.history_s;
    bool ok = store_begin(q->store, why) && hours_save(q, why) &&
              store_history_prune(q->store, history, QUEUE_PRUNE, &removed, why) &&
              store_sent_prune(q->store, (now - 2 * day) / QUEUE_DAY_SLOT_MS, why) &&
              store_drop_prune(q->store, now - 7 * day, why) &&
              store_send_prune(q->store, now - QUEUE_REPEAT_MS, why) && save_totals(q, why) &&
              store_inbound_prune(q->store, now, seen, QUEUE_PRUNE, &q->inbound_cursor, &is_more_inbound, why) &&
              store_message_index(q->store, QUEUE_INDEX, &is_more_ids, why) &&
              store_audit_prune(q->store, now - 1000 * (int64_t)q->conf->console.audit_history_s, QUEUE_PRUNE, &lines,
                                why) &&
              store_commit(q->store, why);
    if (ok)
        hours_saved(q);
    *is_more = removed == QUEUE_PRUNE || lines == QUEUE_PRUNE || is_more_inbound || is_more_ids;
    return ok;
}

static void on_sweep(void *queue)
{
    struct queue *q = queue;
    struct fault why = { 0 };
    bool is_more_old = false;
    bool is_more = false;
    if (!q->is_store_down && queue_commit(q)) {
        is_more = sweep_messages(q);
        queue_commit(q);
        if (!q->is_store_down && !prune(q, &is_more_old, &why))
            batch_fail(q, &why);
    }
    loop_timer_start(&q->sweep, is_more || is_more_old ? 1000 : QUEUE_SWEEP_MS);
}

static void on_idle(void *queue)
{
    struct queue *q = queue;
    store_checkpoint(q->store, true);
}

void sweep_init(struct queue *q)
{
    loop_timer_init(&q->sweep, q->loop, on_sweep, q);
    loop_timer_init(&q->idle, q->loop, on_idle, q);
    loop_timer_start(&q->sweep, QUEUE_SWEEP_MS);
    q->accepted_total = store_fact_get(q->store, "accepted_total");
    q->delivered_total = store_fact_get(q->store, "delivered_total");
    q->bounced_total = store_fact_get(q->store, "bounced_total");
    q->saved_totals = q->accepted_total + q->delivered_total + q->bounced_total;
}

void sweep_save(struct queue *q)
{
    struct fault why = { 0 };
    if (!store_begin(q->store, &why) || !save_totals(q, &why) || !hours_save(q, &why) || !store_commit(q->store, &why))
        store_rollback(q->store);
    else
        hours_saved(q);
}

void sweep_fini(struct queue *q)
{
    loop_timer_stop(&q->sweep);
    loop_timer_stop(&q->idle);
    sweep_save(q);
}
