/* Mail that came in, for the administrator: looking, the kept content, and what a person decides. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum {
    LIST_DEFAULT = 100,
    LIST_MOST = 1000,
    LIST_SCANNED = 5000, /* rows looked at for one page: accepting mail waits meanwhile */
    LIST_SIZE = 2 << 20, /* of the JSON */
    IDS_MOST = 10000,
};

static const char *const state_names[STORE_I_STATES] = {
    [STORE_I_WAITING] = "waiting", [STORE_I_HANDED] = "handed", [STORE_I_DONE] = "done",
    [STORE_I_SKIPPED] = "skipped", [STORE_I_PARKED] = "parked", [STORE_I_REMOVED] = "removed",
};

static int state_of(const char *name)
{
    for (int i = 0; i < STORE_I_STATES; i++)
        if (strcmp(state_names[i], name) == 0)
            return i;
    return -1;
}

/* Its body may still lie on the disk for a moment when its time is over. */
static bool has_content(const struct queue *q, const struct store_item *i)
{
    return (i->flags & STORE_I_BODY) && i->keep_until > queue_now(q);
}

static json_t *item_json(const struct queue *q, const struct store_item *i)
{
    json_t *json = json_pack(
        "{s:s, s:o, s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:i, s:I, s:o, s:o, s:o, s:o}", "id", queue_id(i->id).text,
        "endpoint", ask_text_json(i->endpoint), "mailbox", ask_text_json(i->mailbox), "folder",
        ask_text_json(i->folder), "state", i->state < STORE_I_STATES ? state_names[i->state] : "", "is_reply",
        (i->flags & INBOX_REPLY) != 0, "is_bounce", (i->flags & INBOX_BOUNCE) != 0, "is_automatic",
        (i->flags & INBOX_AUTOMATIC) != 0, "has_content", has_content(q, i), "attempts", (int)i->attempts, "size",
        (json_int_t)i->size, "received", ask_time_json(i->received), "seen", ask_time_json(i->seen), "next_attempt",
        ask_time_json(i->state == STORE_I_WAITING || i->state == STORE_I_HANDED ? i->next : 0), "finished",
        ask_time_json(i->finished));
    json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sender", ask_text_json(i->sender),
                             "recipients", ask_text_json(i->recipients), "subject", ask_text_json(i->subject),
                             "message_id", ask_text_json(i->message_id), "in_reply_to", ask_text_json(i->in_reply_to),
                             "queued_id", i->queued ? json_string(queue_id(i->queued).text) : json_null(), "last",
                             ask_text_json(i->last), "finding", ask_text_json(i->finding), "kept_until",
                             ask_time_json(has_content(q, i) ? i->keep_until : 0));
    json_object_update(json, more);
    json_decref(more);
    return json;
}

static bool find(struct ask *a, struct arena *arena, struct store_item *i, struct fault *why)
{
    uint64_t id;
    if (!ask_id(ask_text(a, "id"), &id)) {
        a->status = 404;
        fault_set(why, FAULT_REJECT, "inbound.unknown", "the id of incoming mail is 16 hex digits");
        return false;
    }
    const char *mailbox = ask_text(a, "mailbox");
    if (store_item_get(a->q->store, id, arena, i, why)) {
        if (!mailbox[0] || object_address_equal(mailbox, i->mailbox))
            return true;
        fault_set(why, FAULT_REJECT, "inbound.unknown", "mailbox %s has no mail %s", mailbox, ask_text(a, "id"));
    }
    a->status = why->kind == FAULT_REJECT ? 404 : 503;
    return false;
}

bool ask_inbound_get(struct ask *a, struct fault *why)
{
    struct arena *arena = arena_new();
    struct store_item i;
    bool ok = find(a, arena, &i, why);
    if (ok)
        a->out = item_json(a->q, &i);
    arena_free(arena);
    return ok;
}

bool ask_inbound_content(struct ask *a, struct fault *why)
{
    struct arena *arena = arena_new();
    struct store_item i;
    struct bytes body;
    bool ok = find(a, arena, &i, why);
    if (ok && !has_content(a->q, &i))
        ok = fault_set(why, FAULT_REJECT, "inbound.no-body", "the content of %s is not kept (any more)",
                       queue_id(i.id).text);
    ok = ok && store_item_body(a->q->store, i.id, arena, &body, &a->fd, why);
    if (ok && a->fd < 0)
        ok = (a->fd = ask_as_file(body, why)) >= 0;
    if (!ok && why->kind == FAULT_REJECT)
        a->status = 404;
    if (ok)
        a->out = item_json(a->q, &i);
    arena_free(arena);
    return ok;
}

/* --- lists --- */

struct listing {
    struct queue *q;
    json_t *items;
    size_t limit, size;
    bool only_kept; /* by endpoints that keep mail for this very purpose */
};

static bool is_kept_for_fetching(const struct queue *q, const struct store_item *i)
{
    const struct endpoint *e = directory_endpoint(q->directory, i->endpoint);
    return e && e->kind == ENDPOINT_KEEP && has_content(q, i) && i->state != STORE_I_REMOVED;
}

static bool list_one(void *ctx, const struct store_item *i)
{
    struct listing *l = ctx;
    if (json_array_size(l->items) == l->limit || l->size > LIST_SIZE)
        return false;
    if (l->only_kept && !is_kept_for_fetching(l->q, i))
        return true;
    json_t *item = item_json(l->q, i);
    l->size += json_dumpb(item, NULL, 0, JSON_COMPACT);
    json_array_append_new(l->items, item);
    return true;
}

static bool read_filter(struct ask *a, struct store_item_filter *f, struct listing *l, struct fault *why)
{
    const char *cursor = ask_text(a, "cursor"), *since = ask_text(a, "since");
    const char *limit = ask_text(a, "limit"), *state = ask_text(a, "state");
    uint64_t most = LIST_DEFAULT;
    *f = (struct store_item_filter){ .endpoint = ask_text(a, "endpoint"),
                                     .mailbox = ask_text(a, "mailbox"),
                                     .state = state_of(state),
                                     .only_kept = l->only_kept,
                                     .scan_max = LIST_SCANNED };
    a->status = 400;
    if (state[0] && f->state < 0 && strcmp(state, "open") != 0)
        return fault_set(why, FAULT_REJECT, "api.address", "there is no state \"%s\"", state);
    if (limit[0] && (!text_to_u64(limit, LIST_MOST, &most) || most == 0))
        return fault_set(why, FAULT_REJECT, "api.address", "the limit must be a number from 1 to %d", LIST_MOST);
    if (cursor[0] && !ask_id(cursor, &f->before))
        return fault_set(why, FAULT_REJECT, "api.address", "the cursor is not one that a list gave");
    if (since[0] && !clock_parse(since, &f->since))
        return fault_set(why, FAULT_REJECT, "api.address", "\"%s\" is not a time like 2026-11-21T09:15:00Z", since);
    l->limit = (size_t)most;
    f->only_open = strcmp(state, "open") == 0 || (f->state >= 0 && store_inbound_is_open((uint32_t)f->state));
    a->status = 0;
    return true;
}

bool ask_inbound_list(struct ask *a, struct fault *why)
{
    struct store_item_filter filter;
    struct listing l = { .q = a->q, .only_kept = json_is_true(json_object_get(a->in, "kept")) };
    uint64_t next;
    if (!read_filter(a, &filter, &l, why))
        return false;
    l.items = json_array();
    bool ok = store_item_each(a->q->store, &filter, list_one, &l, &next, why);
    a->out = json_pack("{s:o, s:o}", "items", l.items, "next", next ? json_string(queue_id(next).text) : json_null());
    return ok;
}

struct counts {
    struct queue *q;
    json_t *endpoints;
};

static bool count_none(void *ctx, const void *object)
{
    struct counts *c = ctx;
    const struct endpoint *e = object;
    json_object_set_new(c->endpoints, e->name,
                        json_pack("{s:s, s:i, s:i, s:i}", "endpoint", e->name, "waiting", 0, "handed", 0, "parked", 0));
    return true;
}

static void count_one(void *ctx, const char *endpoint, uint32_t state, uint64_t count)
{
    struct counts *c = ctx;
    const struct endpoint *e = directory_endpoint(c->q->directory, endpoint);
    json_t *of = e ? json_object_get(c->endpoints, e->name) : NULL;
    if (of && state < STORE_I_STATES)
        json_object_set_new(of, state_names[state], json_integer((json_int_t)count));
}

bool ask_inbound_stats(struct ask *a, struct fault *why)
{
    struct counts c = { .q = a->q, .endpoints = json_object() };
    directory_each(a->q->directory, OBJECT_ENDPOINT, count_none, &c);
    bool ok = store_item_count(a->q->store, count_one, &c, why);
    json_t *items = json_array(), *item;
    const char *name;
    json_object_foreach(c.endpoints, name, item) json_array_append(items, item);
    json_decref(c.endpoints);
    a->out = json_pack("{s:o}", "items", items);
    return ok;
}

/* --- what a person decides --- */

typedef void change_fn(struct queue *q, struct store_item *i);

/* From the beginning: its patience starts anew. */
static void retry(struct queue *q, struct store_item *i)
{
    i->state = i->state == STORE_I_PARKED ? STORE_I_WAITING : i->state;
    i->next = queue_now(q);
    i->finished = 0;
}

static void drop(struct queue *q, struct store_item *i)
{
    i->state = STORE_I_REMOVED;
    i->next = 0;
    i->finished = queue_now(q);
    i->keep_until = 0;
}

static bool change_one(struct queue *q, const char *text, change_fn *change, struct arena *arena, struct fault *why)
{
    uint64_t id;
    struct store_item i;
    if (!ask_id(text, &id))
        return fault_set(why, FAULT_REJECT, "inbound.unknown", "the id of incoming mail is 16 hex digits");
    if (!store_item_get(q->store, id, arena, &i, why))
        return false;
    bool may_drop = change == drop && (i.flags & STORE_I_BODY) && i.state != STORE_I_REMOVED;
    if (!store_inbound_is_open(i.state) && !may_drop)
        return fault_set(why, FAULT_REJECT, "inbound.finished", "it is %s: only mail that waits or is parked can be %s",
                         state_names[i.state], change == drop ? "removed" : "tried again");
    change(q, &i);
    if (!store_begin(q->store, why) || !store_item_put(q->store, &i, -1, why))
        return false;
    log_info("inbound.changed", LOG_TEXT("item", queue_id(id).text), LOG_TEXT("endpoint", i.endpoint),
             LOG_TEXT("state", state_names[i.state]));
    return true;
}

/* Told when it is on disk, as everything. */
static void tell_changed(struct queue *q, const json_t *done, struct arena *arena)
{
    size_t at;
    const json_t *item;
    json_array_foreach(done, at, item)
    {
        uint64_t id;
        struct store_item i;
        if (!q->host->item_changed || !ask_id(json_string_value(item), &id) ||
            !store_item_get(q->store, id, arena, &i, NULL))
            continue;
        struct inbox_item m = inbox_item_of(&i);
        q->host->item_changed(q->ctx, &m);
        arena_reset(arena);
    }
}

static bool change_all(struct ask *a, const char *action, change_fn *change, struct fault *why)
{
    const json_t *ids = json_object_get(a->in, "ids");
    size_t at;
    json_t *id;
    if (!json_is_array(ids) || json_array_size(ids) > IDS_MOST) {
        a->status = 400;
        return fault_set(why, FAULT_REJECT, "api.ids", "\"ids\" must be a list of at most %d ids", IDS_MOST);
    }
    struct arena *arena = arena_new();
    json_t *done = json_array(), *refused = json_array();
    struct fault fatal = { 0 };
    json_array_foreach(ids, at, id)
    {
        struct fault fault = { 0 };
        if (change_one(a->q, json_string_value(id), change, arena, &fault))
            json_array_append(done, id);
        else
            json_array_append_new(refused, json_pack("{s:O, s:s}", "id", id, "why", fault.text));
        if (fault.kind == FAULT_LOCAL)
            fatal = fault;
        arena_reset(arena);
    }
    if (fatal.kind == FAULT_NONE)
        audit_write_ids(a, action, "inbound", done, &fatal);
    if (fatal.kind != FAULT_NONE)
        batch_fail(a->q, &fatal);
    bool ok = fatal.kind == FAULT_NONE && queue_commit(a->q);
    if (ok)
        tell_changed(a->q, done, arena);
    else
        fault_set(why, FAULT_LOCAL, "store.io", "%s", a->q->closed);
    a->out = json_pack("{s:o, s:o}", "done", done, "refused", refused);
    arena_free(arena);
    return ok;
}

bool ask_inbound_retry(struct ask *a, struct fault *why)
{
    return change_all(a, "retry", retry, why);
}

bool ask_inbound_remove(struct ask *a, struct fault *why)
{
    return change_all(a, "remove", drop, why);
}
