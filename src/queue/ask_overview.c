/* The console's first page, as far as the queue knows it: every mailbox with its day, what waits in it and what it may still send. */
#include "queue/queue_private.h"

static void forget_oldest(struct queue *q)
{
    for (size_t i = 0; i < q->table.room; i++)
        if (q->table.slots[i])
            q->table.slots[i]->flow->lane->oldest = 0;
}

static void find_oldest(struct queue *q)
{
    forget_oldest(q);
    for (size_t i = 0; i < q->table.room; i++) {
        const struct queued *m = q->table.slots[i];
        if (m && (m->flow->lane->oldest == 0 || m->id < m->flow->lane->oldest))
            m->flow->lane->oldest = m->id;
    }
}

static bool add_mailbox(void *ctx, const void *object)
{
    struct ask *a = ctx;
    const struct mailbox *m = object;
    struct lane *l = lane_of(a->q, m->address);
    int64_t now = queue_now(a->q);
    json_t *line = json_pack("{s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "mailbox", l->address,
                             "state", lane_state_name(l), "queued", (json_int_t)l->queued, "oldest",
                             ask_time_json(l->queued ? (int64_t)(l->oldest >> 20) : 0), "hours", hours_json(l, now),
                             "recipients_today", (json_int_t)pace_total(&l->day, now), "recipients_per_day",
                             (json_int_t)l->limits.recipients_per_day, "used", (json_int_t)pace_total(&l->minute, now),
                             "limit", (json_int_t)l->limits.messages_per_minute, "finding", ask_text_json(l->finding),
                             "text", ask_text_json(l->text), "next_attempt",
                             l->rest == LANE_OPEN ? json_null() : ask_time_json(l->resume));
    json_t *traffic = json_array();
    for (size_t i = 0; i < TRAFFICS; i++)
        json_array_append_new(traffic, json_integer((json_int_t)l->traffic[i]));
    json_object_set_new(line, "totals", traffic);
    json_array_append_new(json_object_get(a->out, "items"), line);
    return true;
}

bool ask_overview(struct ask *a, struct fault *why)
{
    find_oldest(a->q);
    a->out = json_pack("{s:[]}", "items");
    directory_each(a->q->directory, OBJECT_MAILBOX, add_mailbox, a);
    return true;
}
