/* What an attempt's results make of its recipients: done, again later, or given up. Nothing is written here. */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum { DIALOGUE_KEPT = 4096, DIALOGUE_OF_SUCCESS = 1024 }; /* bytes; most of a week's history is success */

bool report_is_wanted(const struct store_message *m, const struct store_recipient *r, enum report_kind kind)
{
    static const uint32_t asked[REPORT_KINDS] = {
        [REPORT_FAILURE] = NOTIFY_FAILURE,
        [REPORT_DELAY] = NOTIFY_DELAY,
        [REPORT_SUCCESS] = NOTIFY_SUCCESS,
    };
    if (!m->sender[0] || (m->flags & STORE_DSN))
        return false;
    if (r->notify == 0) /* RFC 3461 4.1: as if FAILURE, and DELAY is ours to choose */
        return kind == REPORT_FAILURE || kind == REPORT_DELAY;
    return r->notify & asked[kind];
}

static void settle(struct outcome *o, size_t i, enum store_recipient_state state, enum report_kind kind)
{
    o->recipients[i].state = state;
    o->recipients[i].next_attempt = 0;
    if (report_is_wanted(&o->message, &o->recipients[i], kind))
        o->reports[i] = (uint8_t)kind;
}

static void again(struct outcome *o, size_t i, int64_t now, int64_t delay_ms)
{
    /* A last try at the very end of the lifetime is worth more than one that comes too late. */
    if (now >= o->message.expires)
        settle(o, i, STORE_R_EXPIRED, REPORT_FAILURE);
    else
        o->recipients[i].next_attempt = now + delay_ms < o->message.expires ? now + delay_ms : o->message.expires;
}

/* Too many at once: the rest goes at once in a new transaction, a smaller one if not a single recipient got through. */
static void split(struct queue *q, struct outcome *o, size_t i, int64_t now, bool is_progress)
{
    struct store_recipient *r = &o->recipients[i];
    if (o->count == 1) {
        again(o, i, now, retry_delay_ms(&q->retry, r->attempts, 0));
        return;
    }
    r->attempts--;
    if (!is_progress)
        o->m->split = (uint16_t)((o->count + 1) / 2);
    again(o, i, now, 0);
}

static void judge(struct queue *q, struct outcome *o, size_t i, const struct attempt_result *result,
                  const struct attempt_done *done, bool is_progress)
{
    struct store_recipient *r = &o->recipients[i];
    int64_t now = queue_now(q);
    r->attempts++;
    r->code = result->code;
    r->enhanced = arena_strdup(o->arena, result->enhanced);
    r->last = arena_strdup(o->arena, result->text);
    r->finding = arena_strdup(o->arena, result->id);
    switch (result->class) {
    case ATTEMPT_DELIVERED:
        o->delivered++;
        settle(o, i, STORE_R_DELIVERED, done->dsn_relayed ? REPORT_NONE : REPORT_SUCCESS);
        return;
    case ATTEMPT_BOUNCE:
        settle(o, i, STORE_R_BOUNCED, REPORT_FAILURE);
        return;
    case ATTEMPT_SPLIT:
        split(q, o, i, now, is_progress);
        return;
    case ATTEMPT_HOLD:
        again(o, i, now, 0);
        return;
    default:
        /* The whole mailbox rests, so the message itself is due as soon as that is over. */
        again(o, i, now, done->is_mailbox_fault ? 0 : retry_delay_ms(&q->retry, r->attempts, result->retry_after_s));
    }
}

/* The mailbox's health: the worst result speaks for it. */
static void judge_lane(struct queue *q, struct outcome *o, const struct attempt_done *done)
{
    const struct attempt_result *hold = NULL, *retry = NULL;
    uint32_t wish_s = 0;
    struct lane *l = o->flight->lane;
    for (size_t i = 0; i < done->results_count; i++) {
        const struct attempt_result *r = &done->results[i];
        if (r->class == ATTEMPT_HOLD && !hold)
            hold = r;
        if (r->class == ATTEMPT_RETRY && !retry)
            retry = r;
        if (r->retry_after_s > wish_s)
            wish_s = r->retry_after_s;
    }
    if (hold)
        lane_hold(l, queue_now(q), hold->retry_after_s, hold->id, hold->text);
    else if (done->is_mailbox_fault && retry)
        lane_fault(l, queue_now(q), o->flight->started, wish_s, retry->id, retry->text);
    else if (!done->is_uncertain && (l->rest == LANE_OPEN || o->flight->started > l->rest_since))
        lane_open(l);
}

static const char *outcome_name(const struct attempt_done *done)
{
    static const char *const names[] = { "delivered", "retry", "hold", "bounce", "split" };
    bool seen[5] = { false };
    size_t kinds = 0, last = 0;
    for (size_t i = 0; i < done->results_count; i++) {
        size_t class = done->results[i].class < 5 ? done->results[i].class : ATTEMPT_RETRY;
        kinds += !seen[class];
        seen[last = class] = true;
    }
    if (done->is_uncertain)
        return "uncertain";
    return kinds == 1 ? names[last] : "mixed";
}

static void keep_attempt(struct outcome *o, const struct attempt_done *done)
{
    struct bytes dialogue = bytes_of(done->dialogue);
    size_t kept = o->delivered == o->count ? DIALOGUE_OF_SUCCESS : DIALOGUE_KEPT;
    o->has_attempt = true;
    o->message.attempts++;
    o->attempt = (struct store_attempt){
        .number = o->message.attempts,
        .time = o->flight->started,
        .host = arena_strdup(o->arena, done->host),
        .outcome = outcome_name(done),
        .dialogue = arena_strndup(o->arena, dialogue.data, text_cut(dialogue, kept)),
    };
}

void judge_results(struct queue *q, struct outcome *o, const struct attempt_done *done)
{
    static const struct attempt_result missing = { .class = ATTEMPT_RETRY,
                                                   .enhanced = "",
                                                   .text = "the delivering process gave no answer for this recipient",
                                                   .id = "relay.lost" };
    bool is_progress = false;
    for (size_t i = 0; i < done->results_count; i++)
        is_progress |= done->results[i].class != ATTEMPT_SPLIT;
    o->reports = arena_alloc(o->arena, o->count);
    for (size_t i = 0; i < o->count; i++)
        judge(q, o, i, i < done->results_count ? &done->results[i] : &missing, done, is_progress);
    keep_attempt(o, done);
    judge_lane(q, o, done);
    if (done->is_uncertain)
        log_warn(
            "mail.uncertain", LOG_TEXT("message", queue_id(o->message.id).text),
            LOG_TEXT("mailbox", o->message.mailbox),
            LOG_TEXT("text", "the connection was lost before the answer; it is sent again with the same Message-ID"));
    else
        o->m->lost = 0;
}
