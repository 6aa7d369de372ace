/* What the inbox role is told when it comes up: everything that it must not do twice. */
#include "base/text.h"
#include "queue/inbound.h"
#include "queue/queue_private.h"

struct telling {
    struct queue *q;
    const struct queue_recall *to;
    void *ctx;
    const struct store_place *place;
    struct arena *arena;
    struct inbox_known known;
    struct fault *why;
    bool ok;
};

struct inbox_item inbox_item_of(const struct store_item *i)
{
    return (struct inbox_item){ .id = i->id,
                                .endpoint = i->endpoint,
                                .mailbox = i->mailbox,
                                .folder = i->folder,
                                .uidvalidity = i->uidvalidity,
                                .uid = i->uid,
                                .uidl = i->uidl,
                                .fingerprint = i->fingerprint,
                                .message_id = i->message_id,
                                .state = i->state,
                                .flags = i->flags,
                                .attempts = i->attempts,
                                .received_ms = i->received,
                                .seen_ms = i->seen,
                                .next_ms = i->next,
                                .finished_ms = i->finished,
                                .size = i->size,
                                .sender = i->sender,
                                .recipients = i->recipients,
                                .subject = i->subject,
                                .in_reply_to = i->in_reply_to,
                                .queued_id = i->queued,
                                .last = i->last,
                                .finding = i->finding,
                                .keep_until_ms = i->keep_until,
                                .fd = -1 };
}

static void tell_known(struct telling *t)
{
    if (t->known.keys_count > 0)
        t->to->known(t->ctx, &t->known);
    t->known.keys_count = 0;
    arena_reset(t->arena);
    t->known.keys = arena_array(t->arena, INBOX_KNOWN_MAX, sizeof *t->known.keys);
}

static void on_key(void *ctx, uint64_t id, uint64_t uid, const char *uidl)
{
    struct telling *t = ctx;
    t->known.keys[t->known.keys_count++] =
        (struct inbox_key){ .id = id, .uid = uid, .uidl = arena_strdup(t->arena, uidl) };
    if (t->known.keys_count == INBOX_KNOWN_MAX)
        tell_known(t);
}

static void on_place(void *ctx, const struct store_place *p)
{
    struct telling *t = ctx;
    struct inbox_place place = { .endpoint = p->endpoint,
                                 .mailbox = p->mailbox,
                                 .folder = p->folder,
                                 .protocol = p->protocol,
                                 .uidvalidity = p->uidvalidity,
                                 .floor = p->floor,
                                 .began_ms = p->began };
    t->to->place(t->ctx, &place);
    t->known = (struct inbox_known){ .endpoint = p->endpoint, .mailbox = p->mailbox, .folder = p->folder };
    tell_known(t);
    t->ok = t->ok && store_item_each_known(t->q->store, p, on_key, t, t->why);
    tell_known(t);
}

static void on_item(void *ctx, const struct store_item *i)
{
    struct telling *t = ctx;
    struct inbox_item item = inbox_item_of(i);
    t->to->item(t->ctx, &item);
}

bool queue_inbox_recall(struct queue *q, const struct queue_recall *recall, void *ctx, struct fault *why)
{
    struct telling t = { .q = q, .to = recall, .ctx = ctx, .arena = arena_new(), .why = why, .ok = true };
    queue_commit(q); /* what an inbox before this one left */
    bool ok = store_place_each(q->store, on_place, &t, why) && t.ok && store_item_each_open(q->store, on_item, &t, why);
    arena_free(t.arena);
    if (!ok)
        return false;
    struct inbox_recalled m = { .last_id = store_item_last_id(q->store) };
    recall->recalled(ctx, &m);
    return true;
}
