/* A mailbox in trouble: it rests and is probed by one message at a time, or waits for a person and is still probed now and then,
 * so that it heals by itself once the cause is gone. */
#include <stdio.h>

#include "base/log.h"
#include "queue/queue_private.h"

static void set_reason(struct lane *l, const char *id, const char *text)
{
    snprintf(l->finding, sizeof l->finding, "%s", id ? id : "");
    snprintf(l->text, sizeof l->text, "%s", text ? text : "");
}

void lane_fault(struct lane *l, int64_t now, int64_t started, uint32_t wish_s, const char *id, const char *text)
{
    /* Attempts that were under way when the trouble began say nothing new. */
    bool is_news = l->rest == LANE_OPEN || started > l->rest_since;
    set_reason(l, id, text);
    if (!is_news && wish_s == 0)
        return;
    if (is_news)
        l->faults++;
    int64_t resume = now + retry_delay_ms(&l->queue->retry, l->faults ? l->faults : 1, wish_s);
    l->resume = is_news || resume > l->resume ? resume : l->resume;
    l->rest = LANE_RESTING;
    l->rest_since = now;
    log_warn("mailbox.deferred", LOG_TEXT("mailbox", l->address), LOG_NUMBER("ms", l->resume - now),
             LOG_TEXT("finding", l->finding), LOG_TEXT("text", l->text));
}

void lane_hold(struct lane *l, int64_t now, uint32_t wish_s, const char *id, const char *text)
{
    bool is_news = l->rest != LANE_HELD;
    set_reason(l, id, text);
    l->rest = LANE_HELD;
    l->rest_since = now;
    l->resume = now + (wish_s ? retry_delay_ms(&l->queue->retry, 1, wish_s) : QUEUE_HOLD_PROBE_MS);
    if (is_news)
        log_error("mailbox.held", LOG_TEXT("mailbox", l->address), LOG_UNSIGNED("queued", l->queued),
                  LOG_TEXT("finding", l->finding), LOG_TEXT("text", l->text));
}

void lane_open(struct lane *l)
{
    if (l->rest == LANE_HELD)
        log_info("mailbox.released", LOG_TEXT("mailbox", l->address), LOG_UNSIGNED("queued", l->queued));
    l->rest = LANE_OPEN;
    l->faults = 0;
    set_reason(l, NULL, NULL);
}

void lane_probe(struct lane *l, int64_t now)
{
    if (l->rest != LANE_OPEN)
        l->resume = now;
    lane_wake(l);
}
