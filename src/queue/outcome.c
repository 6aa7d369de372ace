/* Outcomes: written with the next commit, and only then believed. Until that commit the message counts as in flight, so that a store
 * that can't write never makes us send twice. */
#include <stdlib.h>

#include "base/log.h"
#include "queue/queue_private.h"

struct outcome *outcome_new(struct queue *q, struct queued *m)
{
    struct arena *arena = arena_new();
    struct outcome *o = arena_alloc(arena, sizeof *o);
    struct fault why = { 0 };
    o->arena = arena;
    o->m = m;
    if (!store_message_get(q->store, m->id, arena, &o->message, &why) ||
        !store_recipient_list(q->store, m->id, arena, &o->recipients, &o->count, &why)) {
        log_error("queue.unreadable", LOG_TEXT("message", queue_id(m->id).text), LOG_FAULT(&why));
        arena_free(arena);
        return NULL;
    }
    size_t waiting = 0;
    for (size_t i = 0; i < o->count; i++)
        if (o->recipients[i].state == STORE_R_WAITING)
            o->recipients[waiting++] = o->recipients[i];
    o->count = waiting;
    o->reports = arena_alloc(arena, waiting ? waiting : 1);
    m->is_active = true;
    flow_take(m);
    return o;
}

void outcome_drop(struct outcome *o)
{
    o->m->is_active = false;
    if (!(o->m->flags & STORE_HELD))
        flow_put(o->m);
    arena_free(o->arena);
}

void outcome_add(struct queue *q, struct outcome *o)
{
    list_append(&q->outcomes, &o->node);
    batch_soon(q);
}

/* What the message as a whole has come to, once nobody waits any more. */
static enum store_state state_of(unsigned seen)
{
    unsigned delivered = seen & 1u << STORE_R_DELIVERED, removed = seen & 1u << STORE_R_REMOVED;
    unsigned bounced = seen & 1u << STORE_R_BOUNCED, expired = seen & 1u << STORE_R_EXPIRED;
    if (removed)
        return STORE_REMOVED;
    if (delivered)
        return bounced || expired ? STORE_PARTIAL : STORE_DELIVERED;
    return bounced ? STORE_BOUNCED : STORE_EXPIRED;
}

static unsigned settled(const struct outcome *o, uint32_t *count)
{
    unsigned seen = o->m->seen;
    *count = 0;
    for (size_t i = 0; i < o->count; i++)
        if (o->recipients[i].state != STORE_R_WAITING) {
            seen |= 1u << o->recipients[i].state;
            ++*count;
        }
    return seen;
}

bool outcome_write(struct queue *q, struct outcome *o, struct fault *why)
{
    uint32_t done;
    uint64_t id = o->message.id;
    unsigned seen = settled(o, &done);
    for (size_t i = 0; i < o->count; i++)
        if (!store_recipient_put(q->store, id, &o->recipients[i], why))
            return false;
    if (o->has_attempt && !store_attempt_add(q->store, id, &o->attempt, why))
        return false;
    o->due = 0;
    if (done >= o->m->waiting) {
        o->message.state = state_of(seen);
        o->message.finished = queue_now(q);
    } else if (!store_message_next(q->store, id, &o->due, why)) {
        return false;
    }
    o->message.next_attempt = o->due;
    /* The report first: it quotes the body, which a finished message loses. */
    return report_write(q, o, why) && store_message_put(q->store, &o->message, why);
}

static const struct store_recipient *first_in(const struct outcome *o, enum store_recipient_state state, size_t *count)
{
    const struct store_recipient *first = NULL;
    *count = 0;
    for (size_t i = 0; i < o->count; i++)
        if (o->recipients[i].state == state) {
            first = first ? first : &o->recipients[i];
            ++*count;
        }
    return first;
}

static void log_outcome(struct queue *q, const struct outcome *o)
{
    static const struct {
        const char *event;
        enum log_level level;
    } events[] = {
        [STORE_R_WAITING] = { "mail.deferred", LOG_LEVEL_INFO },
        [STORE_R_DELIVERED] = { "mail.delivered", LOG_LEVEL_INFO },
        [STORE_R_BOUNCED] = { "mail.bounced", LOG_LEVEL_WARN },
        [STORE_R_EXPIRED] = { "mail.expired", LOG_LEVEL_WARN },
        [STORE_R_REMOVED] = { "mail.removed", LOG_LEVEL_INFO },
        [STORE_R_STATES] = { "mail.held", LOG_LEVEL_INFO }, /* waiting, as its whole mailbox does */
    };
    for (unsigned state = 0; state < STORE_R_STATES; state++) {
        size_t count;
        const struct store_recipient *r = first_in(o, state, &count);
        if (!r || (state == STORE_R_WAITING && !o->has_attempt))
            continue;
        bool is_held = state == STORE_R_WAITING && o->flight && o->flight->lane->rest == LANE_HELD;
        unsigned row = is_held ? STORE_R_STATES : state;
        log_event(events[row].level, events[row].event, LOG_TEXT("message", queue_id(o->message.id).text),
                  LOG_TEXT("mailbox", o->message.mailbox), LOG_TEXT("app", o->message.app),
                  LOG_TEXT("from", o->message.sender), LOG_TEXT("to", r->address), LOG_UNSIGNED("recipients", count),
                  LOG_UNSIGNED("code", r->code), LOG_TEXT("enhanced", r->enhanced), LOG_TEXT("text", r->last),
                  LOG_TEXT("finding", r->finding), LOG_UNSIGNED("attempts", r->attempts),
                  LOG_NUMBER("ms", queue_now(q) - o->message.accepted));
    }
}

static void count_totals(struct queue *q, const struct outcome *o)
{
    bool is_delivered = o->message.state == STORE_DELIVERED || o->message.state == STORE_PARTIAL;
    bool is_failed = o->message.state == STORE_BOUNCED || o->message.state == STORE_EXPIRED;
    q->delivered_total += is_delivered;
    q->bounced_total += is_failed;
    if ((is_delivered || is_failed) && !(o->m->flags & STORE_DSN))
        lane_passed(o->m->flow->lane, queue_now(q), is_failed ? TRAFFIC_FAILED : TRAFFIC_DELIVERED);
}

static void forget(struct queue *q, struct queued *m)
{
    m->flow->lane->queued--;
    table_remove(&q->table, m->id);
    free(m);
}

static void go_on(struct outcome *o)
{
    struct queued *m = o->m;
    uint32_t done;
    m->seen = (uint8_t)settled(o, &done);
    m->waiting -= done;
    m->attempts = o->message.attempts;
    m->flags = (uint8_t)o->message.flags;
    m->expires = o->message.expires;
    m->due = o->due;
    m->is_active = false;
    if (!(m->flags & STORE_HELD))
        flow_put(m);
}

void outcome_apply(struct queue *q, struct outcome *o)
{
    struct lane *l = o->m->flow->lane;
    struct flight *f = o->flight;
    log_outcome(q, o);
    count_totals(q, o);
    if (o->message.state == STORE_OPEN)
        go_on(o);
    else
        forget(q, o->m);
    if (f) {
        lane_ended(l, (uint32_t)f->count);
        if (o->delivered)
            lane_counted(l, queue_now(q), o->delivered);
        attempt_release(f);
    } else {
        arena_free(o->arena);
    }
    lane_wake(l);
}
