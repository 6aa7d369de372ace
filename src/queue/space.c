/* Room on the disk, and whether the queue takes mail at all. Closing early leaves room for the outcomes of what is already here. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum { LOOK_MS = 1000, LOOK_AGAIN_MS = 5000 };

struct queue_state queue_state(const struct queue *q)
{
    const char *why = q->is_space_short ? "the disk is nearly full; try again later"
                                        : "mail cannot be stored at the moment; try again later";
    return (struct queue_state){ .is_open = !q->closed[0], .why = q->closed[0] ? why : "" };
}

void queue_set_closed(struct queue *q, const char *why)
{
    bool was_open = !q->closed[0];
    if (!why && (q->is_space_short || q->is_store_down))
        return;
    snprintf(q->closed, sizeof q->closed, "%s", why ? why : "");
    if (was_open == !q->closed[0])
        return;
    if (was_open)
        log_error("queue.closed", LOG_TEXT("text", q->closed));
    else
        log_info("queue.open", LOG_UNSIGNED("queued", q->table.count));
    struct queue_state state = queue_state(q);
    q->host->state_changed(q->ctx, &state);
}

static bool look(struct queue *q, struct fault *why)
{
    struct statvfs fs;
    uint64_t floor = q->conf->queue.free_space_min;
    if (statvfs(q->conf->state, &fs) != 0)
        return true; /* the commit will say it better */
    uint64_t free = (uint64_t)fs.f_bavail * fs.f_frsize;
    /* Opens again only a little above the line, or it would flutter. */
    if (free >= floor + (q->is_space_short ? floor / 10 : 0))
        return true;
    return fault_set(
        why, FAULT_LOCAL, "queue.disk-space",
        "the disk of %s has %llu MB left, less than queue.free-space-min (%llu MB): make room, mail is accepted"
        " again by itself",
        q->conf->state, (unsigned long long)(free >> 20), (unsigned long long)(floor >> 20));
}

bool space_is_enough(struct queue *q, struct fault *why)
{
    int64_t now = loop_now_ms(q->loop);
    if (!q->is_space_short && q->space_checked && now - q->space_checked < LOOK_MS)
        return true;
    q->space_checked = now;
    struct fault short_of = { 0 };
    bool was_short = q->is_space_short;
    bool is_enough = look(q, &short_of);
    q->is_space_short = !is_enough;
    if (!is_enough) {
        queue_set_closed(q, short_of.text);
        loop_timer_start(&q->space, LOOK_AGAIN_MS);
        if (why)
            *why = short_of;
    } else if (was_short) {
        queue_set_closed(q, NULL);
    }
    return is_enough;
}

static void on_timer(void *queue)
{
    space_is_enough(queue, NULL);
}

void space_init(struct queue *q)
{
    loop_timer_init(&q->space, q->loop, on_timer, q);
    space_is_enough(q, NULL);
}
