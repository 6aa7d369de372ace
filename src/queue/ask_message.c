/* Messages for the administrator: looking. Changing is in ask_change.c. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum {
    LIST_DEFAULT = 100,
    LIST_MOST = 1000,
    LIST_SCANNED = 5000,       /* rows looked at for one page: accepting mail waits meanwhile */
    LIST_RECIPIENTS = 10,      /* shown of each message in a list */
    RECIPIENTS_SIZE = 2 << 20, /* of the JSON; what is beyond is counted only */
    ISO_SIZE = 32,
};

static const char *const finished_names[] = {
    [STORE_OPEN] = "queued",     [STORE_DELIVERED] = "delivered", [STORE_BOUNCED] = "bounced",
    [STORE_PARTIAL] = "partial", [STORE_EXPIRED] = "expired",     [STORE_REMOVED] = "removed",
};
static const char *const recipient_names[] = {
    [STORE_R_WAITING] = "waiting", [STORE_R_DELIVERED] = "delivered", [STORE_R_BOUNCED] = "bounced",
    [STORE_R_EXPIRED] = "expired", [STORE_R_REMOVED] = "removed",
};

const char *queued_state_name(const struct queued *m)
{
    const struct lane *l = m->flow->lane;
    if (m->is_active)
        return "active";
    if ((m->flags & STORE_HELD) || l->rest == LANE_HELD || l->is_paused || !l->is_known)
        return "held";
    return m->attempts ? "deferred" : "queued";
}

static const char *state_name(const struct queue *q, const struct store_message *m)
{
    const struct queued *open = table_get(&q->table, m->id);
    return open ? queued_state_name(open) : finished_names[m->state];
}

json_t *ask_time_json(int64_t time)
{
    char text[ISO_SIZE];
    if (time == 0)
        return json_null();
    clock_iso(time, text, sizeof text);
    return json_string(text);
}

json_t *ask_text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    /* Not UTF-8: what a stranger said is shown all the same. */
    size_t size = strlen(text) * 4 + 1;
    char *clean = mem_alloc(size);
    text_sanitize(bytes_of(text), clean, size - 1);
    json = json_string(clean);
    free(clean);
    return json;
}

static json_t *message_json(const struct queue *q, const struct store_message *m)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:b}", "id",
                     queue_id(m->id).text, "state", state_name(q, m), "mailbox", ask_text_json(m->mailbox), "app",
                     ask_text_json(m->app), "sender", ask_text_json(m->sender), "subject", ask_text_json(m->subject),
                     "size", (json_int_t)m->size, "accepted", ask_time_json(m->accepted), "expires",
                     ask_time_json(m->expires), "next_attempt",
                     ask_time_json(m->state == STORE_OPEN ? m->next_attempt : 0), "finished",
                     ask_time_json(m->finished), "message_id", ask_text_json(m->message_id), "peer",
                     ask_text_json(m->peer), "attempts", (int)m->attempts, "report", (m->flags & STORE_DSN) != 0);
}

/* As the server said it, "550 5.1.1 No such user"; a fault of our own has no code. */
static json_t *last_json(const struct store_recipient *r)
{
    if (r->code == 0)
        return ask_text_json(r->last);
    char *whole = mem_printf("%u %s%s%s", r->code, r->enhanced, r->enhanced[0] && r->last[0] ? " " : "", r->last);
    json_t *json = ask_text_json(whole);
    free(whole);
    return json;
}

static json_t *recipient_json(const struct store_recipient *r)
{
    return json_pack("{s:o, s:s, s:i, s:o, s:i, s:o, s:o, s:o}", "address", ask_text_json(r->address), "state",
                     recipient_names[r->state], "attempts", (int)r->attempts, "last", last_json(r), "code",
                     (int)r->code, "enhanced", ask_text_json(r->enhanced), "finding", ask_text_json(r->finding),
                     "next_attempt", ask_time_json(r->next_attempt));
}

/* At most `max` of them; "recipient_count" always says how many there are. */
static bool add_recipients(struct queue *q, uint64_t id, size_t max, struct arena *arena, json_t *out,
                           struct fault *why)
{
    struct store_recipient *list;
    size_t count, size = 0;
    if (!store_recipient_list(q->store, id, arena, &list, &count, why))
        return false;
    json_t *items = json_array();
    for (size_t i = 0; i < count && i < max && size < RECIPIENTS_SIZE; i++) {
        json_t *item = recipient_json(&list[i]);
        size += json_dumpb(item, NULL, 0, JSON_COMPACT);
        json_array_append_new(items, item);
    }
    json_object_set_new(out, "recipients", items);
    json_object_set_new(out, "recipient_count", json_integer((json_int_t)count));
    return true;
}

struct bounces {
    json_t *recipients, *others;
};

static void add_bounce(void *ctx, const struct store_bounce *b)
{
    struct bounces *all = ctx;
    json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:o}", "action", ask_text_json(b->action), "status",
                             ask_text_json(b->status), "diagnostic", ask_text_json(b->diagnostic), "host",
                             ask_text_json(b->host), "time", ask_time_json(b->time));
    size_t i;
    json_t *r;
    json_array_foreach(all->recipients, i, r)
    {
        if (object_address_equal(json_string_value(json_object_get(r, "address")), b->recipient)) {
            json_object_set_new(r, "bounced_back", json);
            return;
        }
    }
    json_object_set_new(json, "recipient", ask_text_json(b->recipient));
    json_array_append_new(all->others, json);
}

/* What other servers said after the provider had taken it: beside the recipient, or by itself where that is nobody's address here. */
static bool add_bounces(struct queue *q, uint64_t id, json_t *out, struct fault *why)
{
    struct bounces all = { json_object_get(out, "recipients"), json_array() };
    bool ok = store_bounce_each(q->store, id, add_bounce, &all, why);
    if (json_array_size(all.others))
        json_object_set(out, "bounced_back", all.others);
    json_decref(all.others);
    return ok;
}

static bool add_attempts(struct queue *q, uint64_t id, struct arena *arena, json_t *out, struct fault *why)
{
    struct store_attempt *list;
    size_t count;
    if (!store_attempt_list(q->store, id, arena, &list, &count, why))
        return false;
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, json_pack("{s:o, s:o, s:s, s:o}", "time", ask_time_json(list[i].time), "host",
                                               ask_text_json(list[i].host), "outcome", list[i].outcome, "dialogue",
                                               ask_text_json(list[i].dialogue)));
    json_object_set_new(out, "attempts", items);
    return true;
}

/* An open message that the whole mailbox holds up says why. */
static void add_reason(const struct queue *q, uint64_t id, json_t *json)
{
    const struct queued *m = table_get(&q->table, id);
    if (!m || m->flow->lane->rest == LANE_OPEN)
        return;
    const struct lane *l = m->flow->lane;
    json_object_set_new(json, "mailbox_finding", ask_text_json(l->finding));
    json_object_set_new(json, "mailbox_text", ask_text_json(l->text));
}

/* Another's message is none to who may see only their own, or those of some mailboxes. */
static bool is_shown(struct ask *a, const struct store_message *m)
{
    json_t *own = json_object_get(a->in, "own"), *mailboxes = json_object_get(a->in, "mailboxes"), *item;
    size_t i;
    if (own && !text_equal(json_string_value(own), m->app))
        return false;
    json_array_foreach(mailboxes, i, item) if (object_address_equal(json_string_value(item), m->mailbox)) return true;
    return json_array_size(mailboxes) == 0;
}

static bool find(struct ask *a, struct arena *arena, struct store_message *m, struct fault *why)
{
    uint64_t id;
    if (!ask_id(ask_text(a, "id"), &id)) {
        a->status = 404;
        fault_set(why, FAULT_REJECT, "queue.unknown",
                  "a message's id is 16 hex digits, as \"postern queue list\" shows");
        return false;
    }
    if (store_message_get(a->q->store, id, arena, m, why)) {
        if (is_shown(a, m))
            return true;
        a->status = 404;
        return fault_set(why, FAULT_REJECT, "queue.unknown",
                         "there is no message %016llx; finished ones are forgotten after a while",
                         (unsigned long long)id);
    }
    a->status = why->kind == FAULT_REJECT ? 404 : 503;
    return false;
}

bool ask_message_get(struct ask *a, struct fault *why)
{
    struct arena *arena = arena_new();
    struct store_message m = { 0 };
    bool ok = find(a, arena, &m, why);
    if (ok) {
        a->out = message_json(a->q, &m);
        add_reason(a->q, m.id, a->out);
        ok = add_recipients(a->q, m.id, SIZE_MAX, arena, a->out, why) && add_bounces(a->q, m.id, a->out, why) &&
             add_attempts(a->q, m.id, arena, a->out, why);
    }
    arena_free(arena);
    return ok;
}

/* Small bodies too go by descriptor: one way for the caller to read. */
int ask_as_file(struct bytes body, struct fault *why)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, body.data, body.size) == (ssize_t)body.size)
        return fd;
    if (fd >= 0)
        close(fd);
    fault_set(why, FAULT_LOCAL, "store.io", "no memory for the message's content");
    return -1;
}

bool ask_message_content(struct ask *a, struct fault *why)
{
    struct arena *arena = arena_new();
    struct store_message m = { 0 };
    struct bytes body;
    bool ok = find(a, arena, &m, why);
    if (ok && m.state != STORE_OPEN) {
        a->status = 404;
        ok = fault_set(why, FAULT_REJECT, "queue.finished", "message %s is finished, and its content is not kept",
                       queue_id(m.id).text);
    }
    ok = ok && store_body_get(a->q->store, m.id, arena, &body, &a->fd, why);
    if (ok && a->fd < 0)
        ok = (a->fd = ask_as_file(body, why)) >= 0;
    if (ok)
        a->out = json_pack("{s:I}", "size", (json_int_t)m.size);
    arena_free(arena);
    return ok;
}

/* --- lists --- */

struct listing {
    struct queue *q;
    const char *state;
    json_t *items;
    size_t limit, size;
    struct arena *arena;
};

static bool is_known_state(const char *state)
{
    static const char *const names[] = { "",          "open",    "queued",  "active",  "deferred", "held",
                                         "delivered", "bounced", "partial", "expired", "removed" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], state) == 0)
            return true;
    return false;
}

static void list_message(struct listing *l, const struct store_message *m)
{
    json_t *item = message_json(l->q, m);
    add_recipients(l->q, m->id, LIST_RECIPIENTS, l->arena, item, NULL);
    arena_reset(l->arena);
    l->size += json_dumpb(item, NULL, 0, JSON_COMPACT);
    json_array_append_new(l->items, item);
}

/* States of open messages are known in memory only, so they are sorted out here. */
static bool list_one(void *ctx, const struct store_message *m)
{
    struct listing *l = ctx;
    if (json_array_size(l->items) == l->limit || l->size > RECIPIENTS_SIZE)
        return false;
    if (!l->state[0] || strcmp(l->state, "open") == 0 || strcmp(l->state, state_name(l->q, m)) == 0)
        list_message(l, m);
    return true;
}

/* Of a caller who is limited to some. */
static void read_mailboxes(struct ask *a, struct store_filter *f, struct arena *arena)
{
    json_t *list = json_object_get(a->in, "mailboxes"), *item;
    size_t i, count = json_array_size(list);
    const char **all = arena_array(arena, count + 1, sizeof *all);
    json_array_foreach(list, i, item) all[i] = json_string_value(item) ? json_string_value(item) : "";
    f->mailboxes = all;
    f->mailboxes_count = count;
}

static bool read_filter(struct ask *a, struct store_filter *f, struct listing *l, struct arena *arena,
                        struct fault *why)
{
    const char *cursor = ask_text(a, "cursor"), *since = ask_text(a, "since"), *until = ask_text(a, "until");
    const char *limit = ask_text(a, "limit");
    uint64_t most = LIST_DEFAULT;
    l->state = ask_text(a, "state");
    *f = (struct store_filter){ .mailbox = ask_text(a, "mailbox"),
                                .sender = ask_text(a, "sender"),
                                .recipient = ask_text(a, "recipient"),
                                .subject = ask_text(a, "subject"),
                                .any = ask_text(a, "q"),
                                .app = json_string_value(json_object_get(a->in, "own")),
                                .state = -1,
                                .scan_max = LIST_SCANNED };
    a->status = 400;
    if (!is_known_state(l->state))
        return fault_set(why, FAULT_REJECT, "api.address", "there is no state \"%s\"", l->state);
    if (limit[0] && (!text_to_u64(limit, LIST_MOST, &most) || most == 0))
        return fault_set(why, FAULT_REJECT, "api.address", "the limit must be a number from 1 to %d", LIST_MOST);
    if (cursor[0] && !ask_id(cursor, &f->before))
        return fault_set(why, FAULT_REJECT, "api.address", "the cursor is not one that a list gave");
    if (since[0] && !clock_parse(since, &f->since))
        return fault_set(why, FAULT_REJECT, "api.address", "\"%s\" is not a time like 2026-11-21T09:15:00Z", since);
    if (until[0] && !clock_parse(until, &f->until))
        return fault_set(why, FAULT_REJECT, "api.address", "\"%s\" is not a time like 2026-11-21T09:15:00Z", until);
    read_mailboxes(a, f, arena);
    l->limit = (size_t)most;
    for (int state = STORE_DELIVERED; state <= STORE_REMOVED; state++)
        if (strcmp(l->state, finished_names[state]) == 0)
            f->state = state;
    f->only_open = f->state < 0 && l->state[0];
    a->status = 0;
    return true;
}

bool ask_message_list(struct ask *a, struct fault *why)
{
    struct store_filter filter;
    struct listing l = { .q = a->q };
    uint64_t next;
    struct arena *arena = arena_new();
    if (!read_filter(a, &filter, &l, arena, why)) {
        arena_free(arena);
        return false;
    }
    l.items = json_array();
    l.arena = arena_new();
    bool ok = store_message_each(a->q->store, &filter, list_one, &l, &next, why);
    arena_free(l.arena);
    arena_free(arena);
    a->out = json_pack("{s:o, s:o}", "items", l.items, "next", next ? json_string(queue_id(next).text) : json_null());
    return ok;
}

/* --- numbers --- */

struct numbers {
    json_int_t queued, active, deferred, held;
    uint64_t oldest;
};

static void count_one(struct numbers *n, const struct queued *m)
{
    const char *state = queued_state_name(m);
    *(state[0] == 'q' ? &n->queued : state[0] == 'a' ? &n->active : state[0] == 'd' ? &n->deferred : &n->held) += 1;
    if (!n->oldest || m->id < n->oldest)
        n->oldest = m->id;
}

const char *lane_state_name(const struct lane *l)
{
    static const char *const names[] = { [LANE_OPEN] = "open", [LANE_RESTING] = "deferred", [LANE_HELD] = "held" };
    return l->is_paused ? "paused" : names[l->rest];
}

static bool lane_json(void *ctx, const char *key, void *value)
{
    struct lane *l = value;
    bool is_there = directory_mailbox(l->queue->directory, l->address) != NULL;
    if (l->queued || (is_there && (l->day.total || l->rest != LANE_OPEN)))
        json_array_append_new(ctx,
                              json_pack("{s:s, s:s, s:I, s:i, s:o, s:o, s:o, s:I, s:I}", "mailbox", l->address, "state",
                                        lane_state_name(l), "queued", (json_int_t)l->queued, "active", (int)l->active,
                                        "finding", ask_text_json(l->finding), "text", ask_text_json(l->text),
                                        "next_attempt", l->rest == LANE_OPEN ? json_null() : ask_time_json(l->resume),
                                        "recipients_today", (json_int_t)pace_total(&l->day, queue_now(l->queue)),
                                        "recipients_per_day", (json_int_t)l->limits.recipients_per_day));
    return true;
}

bool ask_queue_stats(struct ask *a, struct fault *why)
{
    struct queue *q = a->q;
    struct numbers n = { 0 };
    json_t *lanes = json_array();
    for (size_t i = 0; i < q->table.room; i++)
        if (q->table.slots[i])
            count_one(&n, q->table.slots[i]);
    map_each(q->lanes, lane_json, lanes);
    a->out = json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:b, s:s, s:o}", "queued", n.queued, "active",
                       n.active, "deferred", n.deferred, "held", n.held, "oldest",
                       ask_time_json((int64_t)(n.oldest >> 20)), "accepted_total", (json_int_t)q->accepted_total,
                       "delivered_total", (json_int_t)q->delivered_total, "bounced_total", (json_int_t)q->bounced_total,
                       "is_open", !q->closed[0], "closed_why", q->closed, "by_mailbox", lanes);
    return a->out || fault_set(why, FAULT_LOCAL, "api.json", "the numbers can't be written as JSON");
}
