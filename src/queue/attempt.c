/* One attempt on its way to the relay and back: what is sent is read from the store, what comes back becomes an outcome. */
#include <assert.h>
#include <unistd.h>

#include "base/log.h"
#include "queue/queue_private.h"

static struct flight *flight_take(struct queue *q)
{
    for (size_t i = 0; i < QUEUE_FLIGHTS; i++) {
        struct flight *f = &q->flights[i];
        if (f->tag)
            continue;
        if (!f->arena)
            f->arena = arena_new();
        /* The slot stands in the low bits, so that an answer finds its flight, and only its own. */
        f->tag = ++q->next_tag * QUEUE_FLIGHTS + i;
        q->in_flight++;
        return f;
    }
    return NULL;
}

void attempt_release(struct flight *f)
{
    f->lane->queue->in_flight--;
    arena_reset(f->arena);
    *f = (struct flight){ .arena = f->arena };
}

static bool load(struct queue *q, struct flight *f, size_t max, struct bytes *body, int *fd, struct fault *why)
{
    return store_message_get(q->store, f->m->id, f->arena, &f->message, why) &&
           store_recipient_due(q->store, f->m->id, f->started, max, f->arena, &f->recipients, &f->count, why) &&
           store_body_get(q->store, f->m->id, f->arena, body, fd, why);
}

static bool send(struct queue *q, const struct flight *f, struct bytes body, int fd)
{
    struct submit_recipient *r = arena_array(f->arena, f->count, sizeof *r);
    for (size_t i = 0; i < f->count; i++)
        r[i] = (struct submit_recipient){ f->recipients[i].address, f->recipients[i].notify, f->recipients[i].orcpt };
    struct attempt a = {
        .tag = f->tag,
        .id = f->message.id,
        .mailbox = f->lane->address,
        .sender = f->message.sender,
        .is_8bit = f->message.flags & STORE_8BIT,
        .is_smtputf8 = f->message.flags & STORE_SMTPUTF8,
        .ret = f->message.ret,
        .envid = f->message.envid,
        .size = f->message.size,
        .recipients = r,
        .recipients_count = f->count,
        .body = body,
        .fd = fd,
    };
    return q->host->attempt(q->ctx, &a);
}

static void put_back(struct queued *m, int64_t due)
{
    m->due = due;
    flow_put(m);
}

/* The store could not give the message, or had no recipient due: look again later, never lose it. */
static bool give_up(struct queue *q, struct flight *f, const struct fault *why)
{
    struct queued *m = f->m;
    int64_t next = 0;
    if (why->kind == FAULT_NONE && store_message_next(q->store, m->id, &next, NULL) && next > f->started) {
        put_back(m, next);
    } else {
        log_error("queue.unreadable", LOG_TEXT("message", queue_id(m->id).text), LOG_FAULT(why));
        put_back(m, f->started + QUEUE_UNREADABLE_MS);
    }
    attempt_release(f);
    return false;
}

static void finish(struct queue *q, struct flight *f, const struct attempt_done *done)
{
    struct outcome *o = arena_alloc(f->arena, sizeof *o);
    o->arena = f->arena;
    o->flight = f;
    o->m = f->m;
    o->message = f->message;
    o->recipients = f->recipients;
    o->count = f->count;
    judge_results(q, o, done);
    outcome_add(q, o);
}

/* Whether the relay got as far as the final dot, nobody knows. The first time at once; a message that takes the relay down again and
 * again waits like any other failure. */
static void lose(struct queue *q, struct flight *f)
{
    struct attempt_result *results = arena_array(f->arena, f->count, sizeof *results);
    uint32_t wish_s = f->m->lost++ == 0 ? 1 : 0;
    for (size_t i = 0; i < f->count; i++)
        results[i] = (struct attempt_result){ .class = ATTEMPT_RETRY,
                                              .enhanced = "",
                                              .text = "the delivering process ended before an answer was known",
                                              .id = "relay.lost",
                                              .retry_after_s = wish_s };
    struct attempt_done done = {
        .results = results, .results_count = f->count, .is_uncertain = true, .host = "", .dialogue = ""
    };
    f->tag = UINT64_MAX;
    finish(q, f, &done);
}

bool attempt_start(struct queue *q, struct lane *l, struct queued *m)
{
    struct bytes body;
    int fd = -1;
    struct fault why = { 0 };
    int64_t now = queue_now(q);
    size_t max = lane_recipients_max(l, now);
    struct flight *f = flight_take(q);
    assert(f);
    f->m = m;
    f->lane = l;
    f->started = now;
    flow_take(m);
    if (m->split && m->split < max)
        max = m->split;
    if (!load(q, f, max, &body, &fd, &why) || f->count == 0) {
        if (fd >= 0)
            close(fd);
        return give_up(q, f, &why);
    }
    m->is_active = true;
    lane_started(l, now, (uint32_t)f->count);
    bool is_sent = send(q, f, body, fd);
    if (fd >= 0)
        close(fd);
    if (!is_sent)
        lose(q, f);
    return is_sent;
}

void queue_attempt_done(struct queue *q, const struct attempt_done *done)
{
    struct flight *f = &q->flights[done->tag % QUEUE_FLIGHTS];
    if (done->tag == 0 || f->tag != done->tag) {
        log_warn("queue.relay", LOG_UNSIGNED("tag", done->tag), LOG_TEXT("text", "an answer to no attempt; ignored"));
        return;
    }
    f->tag = UINT64_MAX; /* answered: not again, and not free until the outcome is committed */
    finish(q, f, done);
}

void queue_relay_up(struct queue *q)
{
    q->is_relay_up = true;
    pump_wake(q);
}

void queue_relay_down(struct queue *q)
{
    q->is_relay_up = false;
    for (size_t i = 0; i < QUEUE_FLIGHTS; i++)
        if (q->flights[i].tag && q->flights[i].tag != UINT64_MAX)
            lose(q, &q->flights[i]);
}
