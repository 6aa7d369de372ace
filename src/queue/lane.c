/* A mailbox as a way out: its limits, its turns between apps, and the question whether it may send now. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "queue/queue_private.h"

enum { ADDRESS_SIZE = 512 };

static void on_timer(void *ctx)
{
    lane_wake(ctx);
}

static struct lane *lane_new(struct queue *q, const char *address)
{
    struct lane *l = mem_alloc(sizeof *l);
    l->queue = q;
    l->address = mem_strdup(address);
    list_init(&l->flows);
    list_init(&l->hungry);
    loop_timer_init(&l->timer, q->loop, on_timer, l);
    pace_init(&l->minute, QUEUE_MINUTE_SLOT_MS, QUEUE_MINUTE_SLOTS);
    pace_init(&l->day, QUEUE_DAY_SLOT_MS, QUEUE_DAY_SLOTS);
    lane_refresh(l);
    map_put(q->lanes, l->address, l);
    return l;
}

struct lane *lane_of(struct queue *q, const char *address)
{
    char folded[ADDRESS_SIZE];
    size_t i = 0;
    for (; address[i] && i + 1 < sizeof folded; i++)
        folded[i] = (char)tolower((unsigned char)address[i]);
    folded[i] = '\0';
    struct lane *l = map_get(q->lanes, folded);
    return l ? l : lane_new(q, folded);
}

void lane_free(struct lane *l)
{
    LIST_EACH (node, &l->flows)
        flow_free(LIST_OF(node, struct flow, node));
    list_remove(&l->hungry);
    loop_timer_stop(&l->timer);
    pace_fini(&l->minute);
    pace_fini(&l->day);
    free(l->address);
    free(l);
}

void lane_refresh(struct lane *l)
{
    const struct mailbox *m = directory_mailbox(l->queue->directory, l->address);
    l->is_known = m && directory_provider_of(l->queue->directory, m);
    l->is_paused = m && m->is_paused;
    if (l->is_known)
        l->limits = directory_limits_of(l->queue->directory, m);
}

static bool wait_until(int64_t *when, int64_t then)
{
    *when = then;
    return false;
}

/* Why the day is full: what is in flight may still fail, so only what was counted has a time to wait for. */
static bool day_has_room(struct lane *l, int64_t now, int64_t *when)
{
    if (pace_room(&l->day, now, l->limits.recipients_per_day) > l->reserved)
        return true;
    return wait_until(when, l->day.total ? pace_free_at(&l->day, now) : INT64_MAX);
}

bool lane_may_start(struct lane *l, int64_t now, int64_t *when)
{
    /* INT64_MAX: something else will wake the lane: an outcome, a changed object, the relay. */
    if (!l->is_known || l->is_paused)
        return wait_until(when, INT64_MAX);
    if (l->rest != LANE_OPEN && now < l->resume)
        return wait_until(when, l->resume);
    if (l->active > 0 && (l->rest != LANE_OPEN || (l->limits.connections && l->active >= l->limits.connections)))
        return wait_until(when, INT64_MAX);
    if (pace_room(&l->minute, now, l->limits.messages_per_minute) == 0)
        return wait_until(when, pace_free_at(&l->minute, now));
    return day_has_room(l, now, when);
}

/* The flow whose turn it is goes to the end of the row. */
struct queued *lane_next(struct lane *l, int64_t now, int64_t *when)
{
    *when = INT64_MAX;
    LIST_EACH (node, &l->flows) {
        struct flow *f = LIST_OF(node, struct flow, node);
        struct queued *m = flow_first(f);
        if (m && m->due <= now) {
            list_remove(&f->node);
            list_append(&l->flows, &f->node);
            return m;
        }
        if (m && m->due < *when)
            *when = m->due;
    }
    return NULL;
}

uint32_t lane_recipients_max(struct lane *l, int64_t now)
{
    uint32_t max = l->limits.recipients_per_message;
    if (max == 0 || max > EDGE_RECIPIENTS)
        max = EDGE_RECIPIENTS;
    uint32_t room = pace_room(&l->day, now, l->limits.recipients_per_day);
    room = room > l->reserved ? room - l->reserved : 1;
    return room < max ? room : max;
}

void lane_started(struct lane *l, int64_t now, uint32_t recipients)
{
    l->active++;
    l->reserved += recipients;
    pace_add(&l->minute, now, 1);
}

void lane_ended(struct lane *l, uint32_t recipients)
{
    l->active--;
    l->reserved -= recipients;
}

void lane_counted(struct lane *l, int64_t now, uint32_t recipients)
{
    pace_add(&l->day, now, recipients);
    uint64_t limit = l->limits.recipients_per_day;
    bool is_near = limit && (uint64_t)l->day.total * 100 >= limit * QUEUE_NEAR_PERCENT;
    if (is_near && !l->is_near)
        log_warn("limit.near", LOG_TEXT("mailbox", l->address), LOG_TEXT("limit", "recipients-per-day"),
                 LOG_UNSIGNED("used", l->day.total), LOG_UNSIGNED("of", limit),
                 LOG_TEXT("text", "mail waits once the limit is reached, and goes out as the day moves on"));
    l->is_near = is_near;
}
