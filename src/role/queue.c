/* role/queue.c - the keeper of mail and objects, wired: edges and admin submit, relay delivers, vault says who can't sign in, and
 * everybody is told of objects. What to do with all that is queue/'s matter. */
#include <stdlib.h>

#include "base/log.h"
#include "msg/edge_queue.h"
#include "msg/queue_relay.h"
#include "msg/queue_vault.h"
#include "queue/inbound.h"
#include "role/role.h"

struct queue_role {
    struct role *role;
    struct queue *queue;
    struct list peers;
    struct channel *relay, *inbox;
    bool is_stopping;
};

struct peer {
    struct list node;
    struct queue_role *self;
    enum role_kind kind;
    struct channel *channel;
};

/* --- what the queue wants from its host --- */

static bool host_attempt(void *ctx, const struct attempt *a)
{
    struct queue_role *self = ctx;
    return self->relay && channel_send(self->relay, RELAY_ATTEMPT, a);
}

static size_t host_relay_pending(void *ctx)
{
    struct queue_role *self = ctx;
    return self->relay ? channel_pending(self->relay) : 0;
}

static void host_object_changed(void *ctx, const struct directory_object *o)
{
    struct queue_role *self = ctx;
    LIST_EACH (node, &self->peers)
        channel_send(LIST_OF(node, struct peer, node)->channel, DIRECTORY_OBJECT, o);
}

static void host_state_changed(void *ctx, const struct queue_state *state)
{
    struct queue_role *self = ctx;
    LIST_EACH (node, &self->peers) {
        struct peer *p = LIST_OF(node, struct peer, node);
        if (p->kind == ROLE_EDGE)
            channel_send(p->channel, EDGE_QUEUE_STATE, state);
    }
}

static void host_item_changed(void *ctx, const struct inbox_item *item)
{
    struct queue_role *self = ctx;
    if (self->inbox)
        channel_send(self->inbox, INBOX_ITEM, item);
}

static const struct queue_host host = {
    .attempt = host_attempt,
    .relay_pending = host_relay_pending,
    .object_changed = host_object_changed,
    .state_changed = host_state_changed,
    .item_changed = host_item_changed,
};

/* --- what peers say --- */

static const char *enhanced_of(const struct fault *why)
{
    switch (why->kind) {
    case FAULT_REJECT:
        return "5.3.0";
    case FAULT_CONFIG:
        return "4.3.5";
    default:
        return "4.3.1";
    }
}

static void on_submitted(void *ctx, uint64_t tag, uint64_t id, bool is_repeated, const struct fault *why)
{
    struct peer *p = ctx;
    struct submit_done done = { .tag = tag, .id = id, .is_repeated = is_repeated };
    if (id == 0) {
        done.kind = why->kind;
        done.enhanced = enhanced_of(why);
        done.finding = why->id;
        /* Paths and the disk's own words are for the log and the administrator. */
        bool is_ours = p->kind == ROLE_EDGE && why->kind == FAULT_LOCAL;
        done.text = is_ours ? "mail cannot be stored at the moment; try again later" : why->text;
    }
    channel_send(p->channel, EDGE_SUBMIT_DONE, &done);
}

static void heard_submit(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_submit(p->self->queue, message, on_submitted, p);
}

static void on_answered(void *ctx, const struct admin_answer *answer)
{
    struct peer *p = ctx;
    channel_send(p->channel, ADMIN_ANSWER, answer);
}

static void heard_ask(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_ask(p->self->queue, message, on_answered, p);
}

static void heard_attempt_done(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_attempt_done(p->self->queue, message);
}

static void heard_mailbox_state(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_mailbox_state(p->self->queue, message);
}

static void on_saved(void *ctx, const struct inbox_saved *m)
{
    struct peer *p = ctx;
    channel_send(p->channel, INBOX_SAVED, m);
}

static void heard_place(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_inbox_place(p->self->queue, message, on_saved, p);
}

static void heard_item(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_inbox_item(p->self->queue, message, on_saved, p);
}

static void heard_lookup(void *ctx, const void *message)
{
    struct peer *p = ctx;
    uint8_t known[INBOX_LOOKUP_MAX];
    struct inbox_lookup_answer answer;
    queue_inbox_lookup(p->self->queue, message, known, &answer);
    channel_send(p->channel, INBOX_LOOKUP_ANSWER, &answer);
}

static void heard_bounced(void *ctx, const void *message)
{
    struct peer *p = ctx;
    queue_inbox_bounced(p->self->queue, message);
}

static const struct channel_row edge_rows[] = {
    CHANNEL_ROW(EDGE_SUBMIT, submit, heard_submit),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, NULL),
    CHANNEL_ROW(EDGE_QUEUE_STATE, queue_state, NULL),
    DIRECTORY_ROWS(NULL, NULL),
    { 0 },
};
/* Every answer is given before the next question is read: there is nothing to cancel. */
static const struct channel_row admin_rows[] = {
    ADMIN_ROWS(heard_ask, NULL, NULL, channel_ignore),
    CHANNEL_ROW(EDGE_SUBMIT, submit, heard_submit),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, NULL),
    DIRECTORY_ROWS(NULL, NULL),
    { 0 },
};
static const struct channel_row relay_rows[] = {
    CHANNEL_ROW(RELAY_ATTEMPT, attempt, NULL),
    CHANNEL_ROW(RELAY_ATTEMPT_DONE, attempt_done, heard_attempt_done),
    DIRECTORY_ROWS(NULL, NULL),
    { 0 },
};
static const struct channel_row vault_rows[] = {
    CHANNEL_ROW(VAULT_MAILBOX_STATE, mailbox_state, heard_mailbox_state),
    DIRECTORY_ROWS(NULL, NULL),
    { 0 },
};

static const struct channel_row inbox_rows[] = {
    CHANNEL_ROW(INBOX_PLACE, inbox_place, heard_place),
    CHANNEL_ROW(INBOX_ITEM, inbox_item, heard_item),
    CHANNEL_ROW(INBOX_KNOWN, inbox_known, NULL),
    CHANNEL_ROW(INBOX_RECALLED, inbox_recalled, NULL),
    CHANNEL_ROW(INBOX_SAVED, inbox_saved, NULL),
    CHANNEL_ROW(INBOX_LOOKUP_ASK, inbox_lookup_ask, heard_lookup),
    CHANNEL_ROW(INBOX_LOOKUP_ANSWER, inbox_lookup_answer, NULL),
    CHANNEL_ROW(INBOX_BOUNCED, inbox_bounced, heard_bounced),
    DIRECTORY_ROWS(NULL, NULL),
    { 0 },
};

static const struct channel_row *rows(enum role_kind peer)
{
    switch (peer) {
    case ROLE_EDGE:
        return edge_rows;
    case ROLE_ADMIN:
        return admin_rows;
    case ROLE_RELAY:
        return relay_rows;
    case ROLE_VAULT:
        return vault_rows;
    case ROLE_INBOX:
        return inbox_rows;
    default:
        return NULL;
    }
}

/* --- coming and going --- */

static void send_object(void *ctx, const struct directory_object *o)
{
    struct peer *p = ctx;
    channel_send(p->channel, DIRECTORY_OBJECT, o);
}

static void greet(struct peer *p)
{
    struct queue *q = p->self->queue;
    struct directory_done done = { .version = queue_objects_version(q) };
    queue_objects_each(q, send_object, p);
    channel_send(p->channel, DIRECTORY_DONE, &done);
    if (p->kind == ROLE_EDGE) {
        struct queue_state state = queue_state(q);
        channel_send(p->channel, EDGE_QUEUE_STATE, &state);
    }
}

static void tell_place(void *ctx, const struct inbox_place *m)
{
    channel_send(((struct peer *)ctx)->channel, INBOX_PLACE, m);
}

static void tell_item(void *ctx, const struct inbox_item *m)
{
    channel_send(((struct peer *)ctx)->channel, INBOX_ITEM, m);
}

static void tell_known(void *ctx, const struct inbox_known *m)
{
    channel_send(((struct peer *)ctx)->channel, INBOX_KNOWN, m);
}

static void tell_recalled(void *ctx, const struct inbox_recalled *m)
{
    channel_send(((struct peer *)ctx)->channel, INBOX_RECALLED, m);
}

/* Without its memory the inbox touches no mailbox, which is right: a store that can't be read will not take its answers either. */
static void greet_inbox(struct peer *p)
{
    static const struct queue_recall recall = { tell_place, tell_item, tell_known, tell_recalled };
    struct fault why = { 0 };
    if (!queue_inbox_recall(p->self->queue, &recall, p, &why))
        log_error("inbound.unreadable", LOG_FAULT(&why));
}

static void *peer_up(void *ctx, enum role_kind kind, unsigned index, struct channel *c)
{
    struct queue_role *self = ctx;
    struct peer *p = mem_alloc(sizeof *p);
    p->self = self;
    p->kind = kind;
    p->channel = c;
    list_append(&self->peers, &p->node);
    greet(p);
    if (kind == ROLE_INBOX) {
        self->inbox = c;
        greet_inbox(p);
    }
    if (kind == ROLE_RELAY) {
        self->relay = c;
        if (!self->is_stopping)
            queue_relay_up(self->queue);
    }
    return p;
}

static void peer_down(void *ctx, enum role_kind kind, unsigned index, void *peer_ctx)
{
    struct queue_role *self = ctx;
    struct peer *p = peer_ctx;
    list_remove(&p->node);
    queue_forget(self->queue, p);
    queue_inbox_forget(self->queue, p);
    if (kind == ROLE_INBOX)
        self->inbox = NULL;
    if (kind == ROLE_RELAY) {
        self->relay = NULL;
        queue_relay_down(self->queue);
    }
    free(p);
}

static void *prepare(struct role *r, struct fault *why)
{
    struct queue_role *self = mem_alloc(sizeof *self);
    self->role = r;
    list_init(&self->peers);
    return self;
}

static bool start(void *ctx, struct fault *why)
{
    struct queue_role *self = ctx;
    self->queue = queue_new(role_loop(self->role), role_conf(self->role), &host, self, why);
    if (!self->queue)
        return false;
    role_ready(self->role);
    return true;
}

static void reload(void *ctx, const struct conf *conf)
{
    struct queue_role *self = ctx;
    queue_reload(self->queue, conf);
}

static void on_drained(void *ctx)
{
    struct queue_role *self = ctx;
    LIST_EACH (node, &self->peers)
        channel_flush(LIST_OF(node, struct peer, node)->channel);
    role_stopped(self->role);
}

/* No new attempts; those in flight may end, so that nothing is sent twice for no reason. */
static void stop(void *ctx)
{
    struct queue_role *self = ctx;
    self->is_stopping = true;
    queue_drain(self->queue, on_drained, self);
}

const struct role_hooks queue_hooks = {
    .kind = ROLE_QUEUE,
    .name = "queue",
    .prepare = prepare,
    .start = start,
    .rows = rows,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .reload = reload,
    .stop = stop,
};
