/* The inbox role's places and items: into the transaction of the turn, answered when it is on disk. Telling them at the start is
 * recall.c, what people ask is ask_inbound.c. */
#include "queue/inbound.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

/* A change that waits for its commit; in the batch. */
struct save {
    struct list node;      /* in queue->saves */
    queue_saved_fn *saved; /* NULL: forgotten */
    void *ctx;
    struct inbox_saved answer;
    struct lane *received; /* by this mailbox, if it is mail not seen before */
};

static struct save *save_new(struct queue *q, uint64_t tag, queue_saved_fn *saved, void *ctx)
{
    struct save *s = arena_alloc(q->batch, sizeof *s);
    *s = (struct save){ .saved = saved, .ctx = ctx, .answer = { .tag = tag, .is_ok = true, .text = "" } };
    list_append(&q->saves, &s->node);
    batch_soon(q);
    return s;
}

static void save_refuse(struct queue *q, struct save *s, const struct fault *why)
{
    s->answer.is_ok = false;
    s->answer.text = arena_strdup(q->batch, why->text);
}

void saves_fail(struct queue *q, const struct fault *why)
{
    LIST_EACH (node, &q->saves) {
        struct save *s = LIST_OF(node, struct save, node);
        if (s->answer.is_ok)
            save_refuse(q, s, why);
    }
}

void saves_answer(struct queue *q)
{
    struct list *node;
    while ((node = list_pop(&q->saves))) {
        struct save *s = LIST_OF(node, struct save, node);
        if (s->received && s->answer.is_ok)
            lane_passed(s->received, queue_now(q), TRAFFIC_RECEIVED);
        if (s->saved)
            s->saved(s->ctx, &s->answer);
    }
}

void queue_inbox_forget(struct queue *q, void *ctx)
{
    LIST_EACH (node, &q->saves) {
        struct save *s = LIST_OF(node, struct save, node);
        if (s->ctx == ctx)
            s->saved = NULL;
    }
}

/* What the store refuses on its merits leaves the transaction whole; anything else ends it for everybody in it. */
static void settle(struct queue *q, struct save *s, bool ok, const struct fault *why)
{
    if (ok)
        return;
    save_refuse(q, s, why);
    if (why->kind != FAULT_REJECT && why->kind != FAULT_CONFIG && !text_equal(why->id, "store.body"))
        batch_fail(q, why);
}

/* Small changes go through while mail is refused for want of room; they are how the inbox learns to wait. */
static bool may_write(struct queue *q, bool has_body, struct fault *why)
{
    if (q->is_store_down)
        return fault_set(why, FAULT_REJECT, "queue.closed", "the store can't be written: %s", q->closed);
    return !has_body || space_is_enough(q, why) ||
           fault_set(why, FAULT_REJECT, "queue.closed", "the disk is nearly full: no more mail is kept");
}

static bool is_watching(struct queue *q, const char *endpoint, struct fault *why)
{
    return directory_endpoint(q->directory, endpoint) ||
           fault_set(why, FAULT_REJECT, "inbound.no-place", "there is no endpoint %s (any more)", endpoint);
}

static const char *folded(struct queue *q, const char *address)
{
    char *copy = arena_strdup(q->batch, address);
    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static bool write_place(struct queue *q, const struct inbox_place *m, struct fault *why)
{
    struct store_place place = { .endpoint = m->endpoint,
                                 .mailbox = folded(q, m->mailbox),
                                 .folder = m->folder,
                                 .protocol = m->protocol,
                                 .uidvalidity = m->uidvalidity,
                                 .floor = m->floor,
                                 .began = m->began_ms };
    if (!may_write(q, false, why) || (!m->is_removed && !is_watching(q, m->endpoint, why)) ||
        !store_begin(q->store, why))
        return false;
    return m->is_removed ? store_place_remove(q->store, &place, why) : store_place_put(q->store, &place, why);
}

void queue_inbox_place(struct queue *q, const struct inbox_place *m, queue_saved_fn *saved, void *ctx)
{
    struct fault why = { 0 };
    struct save *s = save_new(q, m->tag, saved, ctx);
    settle(q, s, write_place(q, m, &why), &why);
}

static struct store_item row_of(struct queue *q, const struct inbox_item *m)
{
    return (struct store_item){ .id = m->id,
                                .endpoint = m->endpoint,
                                .mailbox = m->mailbox,
                                .folder = m->folder,
                                .uidvalidity = m->uidvalidity,
                                .uid = m->uid,
                                .uidl = m->uidl,
                                .fingerprint = m->fingerprint,
                                .message_id = m->message_id,
                                .state = m->state,
                                .flags = m->flags,
                                .attempts = m->attempts,
                                .received = m->received_ms,
                                .seen = m->seen_ms,
                                .next = m->next_ms,
                                .finished = m->finished_ms,
                                .size = m->size,
                                .sender = m->sender,
                                .recipients = m->recipients,
                                .subject = m->subject,
                                .in_reply_to = m->in_reply_to,
                                .queued = m->queued_id,
                                .last = m->last,
                                .finding = m->finding,
                                .keep_until = m->keep_until_ms };
}

static bool write_item(struct queue *q, struct save *s, const struct inbox_item *m, int *fd, struct fault *why)
{
    struct store_item row = row_of(q, m);
    if (m->id == 0 || m->id > INT64_MAX || m->state >= INBOX_STATES)
        return fault_set(why, FAULT_REJECT, "inbound.invalid", "an item of no known state, or without an id");
    if (!may_write(q, m->fd >= 0, why) || !is_watching(q, m->endpoint, why) || !store_begin(q->store, why))
        return false;
    if (!row.queued && !store_message_by_id(q->store, m->in_reply_to, &row.queued, why))
        return false;
    s->answer.queued_id = row.queued;
    if (m->state == INBOX_WAITING && m->id > q->last_inbound_id)
        s->received = lane_of(q, m->mailbox);
    q->last_inbound_id = m->id > q->last_inbound_id ? m->id : q->last_inbound_id;
    int body = *fd;
    *fd = -1;
    return store_item_put(q->store, &row, body, why);
}

void queue_inbox_item(struct queue *q, const struct inbox_item *m, queue_saved_fn *saved, void *ctx)
{
    struct fault why = { 0 };
    struct save *s = save_new(q, m->tag, saved, ctx);
    int fd = m->fd;
    settle(q, s, write_item(q, s, m, &fd, &why), &why);
    if (fd >= 0)
        close(fd);
}

void queue_inbox_lookup(struct queue *q, const struct inbox_lookup_ask *m, uint8_t known[INBOX_LOOKUP_MAX],
                        struct inbox_lookup_answer *answer)
{
    struct fault why = { 0 };
    size_t count = m->marks_count < INBOX_LOOKUP_MAX ? m->marks_count : INBOX_LOOKUP_MAX;
    const struct store_place place = { .endpoint = m->endpoint, .mailbox = m->mailbox, .folder = m->folder };
    *answer = (struct inbox_lookup_answer){ .tag = m->tag, .is_ok = true, .known = { known, count } };
    for (size_t i = 0; i < count && answer->is_ok; i++) {
        bool is_known = false;
        answer->is_ok = store_item_was_seen(q->store, &place, m->marks[i].fingerprint, m->marks[i].message_id,
                                            &is_known, &why);
        known[i] = is_known;
    }
    if (!answer->is_ok)
        log_error("inbound.unreadable", LOG_TEXT("endpoint", m->endpoint), LOG_FAULT(&why));
}

/* --- reports that come back --- */

/* An alias's report names who was really written to: where there was one recipient only, it is that one. */
static const char *reported_recipient(struct queue *q, uint64_t id, const char *said, struct arena *arena)
{
    struct store_recipient *list;
    size_t count;
    if (!store_recipient_list(q->store, id, arena, &list, &count, NULL))
        return said;
    for (size_t i = 0; i < count; i++)
        if (object_address_equal(list[i].address, said))
            return list[i].address;
    return count == 1 ? list[0].address : said;
}

static bool keep_bounce(struct queue *q, const struct inbox_bounced *m, uint64_t id, struct fault *why)
{
    struct arena *arena = arena_new();
    struct store_bounce b = { .recipient = reported_recipient(q, id, m->recipient, arena),
                              .time = queue_now(q),
                              .action = m->action,
                              .status = m->status,
                              .diagnostic = m->diagnostic,
                              .host = m->host };
    bool ok = store_bounce_put(q->store, id, &b, why);
    if (ok)
        log_event(text_equal(m->action, "failed") ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "mail.bounced-back",
                  LOG_TEXT("message", queue_id(id).text), LOG_TEXT("mailbox", m->mailbox), LOG_TEXT("to", b.recipient),
                  LOG_TEXT("action", m->action), LOG_TEXT("enhanced", m->status), LOG_TEXT("text", m->diagnostic),
                  LOG_TEXT("host", m->host));
    arena_free(arena);
    return ok;
}

void queue_inbox_bounced(struct queue *q, const struct inbox_bounced *m)
{
    struct fault why = { 0 };
    uint64_t id = 0;
    if (!may_write(q, false, &why))
        return;
    bool ok = store_begin(q->store, &why) && store_message_by_id(q->store, m->message_id, &id, &why) &&
              (!id || keep_bounce(q, m, id, &why));
    if (ok)
        batch_soon(q);
    else
        batch_fail(q, &why);
}
