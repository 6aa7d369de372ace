/* Messages for the administrator: retry, hold, release, remove. Each id is done or refused with its own reason.
 * And the mailbox that a test has found well again. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum { IDS_MOST = 10000, RELEASED_FOR_MS = 60 * 60 * 1000 };

typedef bool change_fn(struct queue *q, struct queued *m, struct outcome *o, struct fault *why);

/* Due now, whatever was planned; the mailbox too, if it rests. */
static bool retry(struct queue *q, struct queued *m, struct outcome *o, struct fault *why)
{
    if (o->message.flags & STORE_HELD)
        return fault_set(why, FAULT_REJECT, "queue.held", "it is held until released: postern queue release %s",
                         queue_id(m->id).text);
    for (size_t i = 0; i < o->count; i++)
        o->recipients[i].next_attempt = queue_now(q);
    lane_probe(m->flow->lane, queue_now(q));
    return true;
}

static bool hold(struct queue *q, struct queued *m, struct outcome *o, struct fault *why)
{
    o->message.flags |= STORE_HELD;
    return true;
}

static bool release(struct queue *q, struct queued *m, struct outcome *o, struct fault *why)
{
    if (!(m->flags & STORE_HELD))
        return fault_set(why, FAULT_REJECT, "queue.not-held",
                         "nobody holds this message; if it waits, its mailbox does (postern status)");
    o->message.flags &= ~(uint32_t)STORE_HELD;
    /* It may have grown old while it was held: it gets its chance. */
    if (o->message.expires < queue_now(q) + RELEASED_FOR_MS)
        o->message.expires = queue_now(q) + RELEASED_FOR_MS;
    return retry(q, m, o, why);
}

static bool drop(struct queue *q, struct queued *m, struct outcome *o, struct fault *why)
{
    for (size_t i = 0; i < o->count; i++) {
        o->recipients[i].state = STORE_R_REMOVED;
        o->recipients[i].next_attempt = 0;
    }
    return true;
}

static bool change_one(struct queue *q, const char *text, change_fn *change, struct fault *why)
{
    uint64_t id;
    if (!ask_id(text, &id))
        return fault_set(why, FAULT_REJECT, "queue.unknown", "a message's id is 16 hex digits");
    struct queued *m = table_get(&q->table, id);
    if (!m)
        return fault_set(why, FAULT_REJECT, "queue.unknown", "no such message waits; finished ones can't be changed");
    if (m->is_active)
        return fault_set(why, FAULT_RETRY, "queue.active", "it is being sent at this moment; try again in a minute");
    struct outcome *o = outcome_new(q, m);
    if (!o)
        return fault_set(why, FAULT_LOCAL, "store.io", "the store can't read it; see the log");
    if (!change(q, m, o, why)) {
        outcome_drop(o);
        return false;
    }
    outcome_add(q, o);
    return true;
}

/* One commit for all of them: what is reported as done is on disk. */
static bool change_all(struct ask *a, const char *action, change_fn *change, struct fault *why)
{
    const json_t *ids = json_object_get(a->in, "ids");
    size_t i;
    json_t *id;
    if (!json_is_array(ids) || json_array_size(ids) > IDS_MOST) {
        a->status = 400;
        return fault_set(why, FAULT_REJECT, "api.ids", "\"ids\" must be a list of at most %d ids", IDS_MOST);
    }
    json_t *done = json_array(), *refused = json_array();
    json_array_foreach(ids, i, id)
    {
        struct fault fault = { 0 };
        if (change_one(a->q, json_string_value(id), change, &fault))
            json_array_append(done, id);
        else
            json_array_append_new(refused, json_pack("{s:O, s:s}", "id", id, "why", fault.text));
    }
    a->out = json_pack("{s:o, s:o}", "done", done, "refused", refused);
    if (!audit_write_ids(a, action, "message", done, why)) {
        batch_fail(a->q, why);
        return false;
    }
    if (queue_commit(a->q))
        return true;
    return fault_set(why, FAULT_LOCAL, "store.io", "%s", a->q->closed);
}

bool ask_message_retry(struct ask *a, struct fault *why)
{
    return change_all(a, "retry", retry, why);
}

bool ask_message_hold(struct ask *a, struct fault *why)
{
    return change_all(a, "hold", hold, why);
}

bool ask_message_release(struct ask *a, struct fault *why)
{
    return change_all(a, "release", release, why);
}

bool ask_message_remove(struct ask *a, struct fault *why)
{
    return change_all(a, "remove", drop, why);
}

bool ask_mailbox_well(struct ask *a, struct fault *why)
{
    const char *address = json_string_value(json_object_get(a->in, "address"));
    if (!address || !directory_mailbox(a->q->directory, address)) {
        a->status = 404;
        return fault_set(why, FAULT_REJECT, "object.unknown", "there is no such mailbox");
    }
    struct lane *l = lane_of(a->q, address);
    lane_open(l);
    lane_wake(l);
    a->out = json_object();
    return true;
}
