/* Taking mail in: what a peer submits goes into the open transaction at once, and is promised only when that is committed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "proto/mime/header.h"
#include "queue/queue_private.h"

/* Milliseconds above a counter of 20 bits: unique while the newest messages are remembered, in order of time. */
uint64_t queue_next_id(struct queue *q)
{
    uint64_t by_time = (uint64_t)queue_now(q) << 20;
    q->last_id = by_time > q->last_id ? by_time : q->last_id + 1;
    return q->last_id;
}

struct accepted *batch_add(struct queue *q)
{
    struct accepted *a = arena_alloc(q->batch, sizeof *a);
    list_append(&q->accepted, &a->node);
    batch_soon(q);
    return a;
}

void batch_refuse(struct accepted *a, struct queue *q, const struct fault *why)
{
    a->why = arena_alloc(q->batch, sizeof *a->why);
    *a->why = *why;
}

static struct queued *queued_of(struct queue *q, const struct store_message *m, size_t recipients)
{
    struct queued *new = mem_alloc(sizeof *new);
    new->id = m->id;
    new->due = m->next_attempt;
    new->expires = m->expires;
    new->flow = flow_of(lane_of(q, m->mailbox), m->app);
    new->waiting = (uint32_t)recipients;
    new->flags = (uint8_t)m->flags;
    return new;
}

bool batch_keep(struct queue *q, struct accepted *a, const struct store_message *m, const struct store_recipient *r,
                size_t count, struct bytes body, int fd, struct fault *why)
{
    if (!store_begin(q->store, why)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (!store_message_add(q->store, m, r, count, body, fd, why))
        return false;
    a->m = queued_of(q, m, count);
    if (fd >= 0 && m->size > STORE_BODY_INLINE)
        a->m->flags |= STORE_SPOOLED;
    a->sender = arena_strdup(q->batch, m->sender);
    a->recipient = arena_strdup(q->batch, r[0].address);
    a->peer = arena_strdup(q->batch, m->peer);
    a->session = arena_strdup(q->batch, m->session);
    a->size = m->size;
    a->recipients = count;
    return true;
}

/* Only what would make a nonsense of the store; who may send what was decided before (route/). */
static bool is_sound(struct queue *q, const struct submit *m, struct fault *why)
{
    if (q->closed[0])
        return fault_set(why, FAULT_LOCAL, "queue.closed", "%s", q->closed);
    if (!space_is_enough(q, why))
        return false;
    if (!directory_mailbox(q->directory, m->mailbox))
        return fault_set(why, FAULT_REJECT, "route.no-mailbox",
                         "the mailbox %s is not set up here; add it with: postern mailbox add %s", m->mailbox,
                         m->mailbox);
    if (m->recipients_count == 0)
        return fault_set(why, FAULT_REJECT, "queue.no-recipient", "a message needs at least one recipient");
    if (m->size == 0 || (m->fd < 0 && m->size != m->body.size))
        return fault_set(why, FAULT_REJECT, "queue.body", "the message is empty or not of the size that was announced");
    return true;
}

/* Edges have read the header anyway and say what stands there; local programs' mail is looked into here. */
static const struct mime_header *written_header(struct queue *q, const struct submit *m)
{
    enum { HEADER_SIZE = 32768 };
    struct bytes head = m->body;
    if (m->fd >= 0) {
        uint8_t *data = arena_alloc(q->batch, HEADER_SIZE);
        ssize_t size = pread(m->fd, data, HEADER_SIZE, 0);
        head = (struct bytes){ data, size > 0 ? (size_t)size : 0 };
    }
    struct mime_scan *scan = mime_scan_new(q->batch);
    mime_scan_feed(scan, head);
    return mime_scan_end(scan);
}

/* What a reply will name: from bracket to bracket. */
static const char *message_id_of(struct queue *q, const char *text)
{
    const char *begin = strchr(text, '<');
    const char *end = begin ? strchr(begin, '>') : NULL;
    return end ? arena_strndup(q->batch, begin, (size_t)(end + 1 - begin)) : "";
}

static bool keep(struct queue *q, struct accepted *a, const struct submit *m, int fd, struct fault *why)
{
    int64_t now = queue_now(q);
    const struct mime_header *h = text_is_empty(m->message_id) ? written_header(q, m) : NULL;
    struct store_message row = {
        .id = queue_next_id(q),
        .mailbox = lane_of(q, m->mailbox)->address,
        .app = m->app,
        .sender = m->sender,
        .peer = m->peer,
        .session = m->session,
        .envid = m->envid,
        .message_id = message_id_of(q, h ? h->message_id : m->message_id),
        .subject = h ? mime_subject(h, q->batch) : m->subject,
        .ret = m->ret,
        .flags = (m->is_8bit ? STORE_8BIT : 0) | (m->is_smtputf8 ? STORE_SMTPUTF8 : 0),
        .size = m->size,
        .accepted = now,
        .expires = now + 1000 * (int64_t)(m->sender[0] ? q->conf->queue.lifetime_s : q->conf->queue.bounce_lifetime_s),
        .next_attempt = now,
    };
    struct store_recipient one = { 0 }, *r = &one;
    if (m->recipients_count > 1)
        r = arena_array(q->batch, m->recipients_count, sizeof *r);
    for (size_t i = 0; i < m->recipients_count; i++)
        r[i] = (struct store_recipient){ .number = (uint32_t)i,
                                         .address = m->recipients[i].address,
                                         .orcpt = m->recipients[i].orcpt,
                                         .notify = m->recipients[i].notify,
                                         .next_attempt = now };
    return batch_keep(q, a, &row, r, m->recipients_count, m->body, fd, why) &&
           (text_is_empty(m->repeat_key) ||
            store_send_put(q->store,
                           &(struct store_send){ m->repeat_of, m->repeat_key, m->digest, row.id, row.accepted }, why));
}

/* What the batch holds already counts, and is answered, or refused, together with it. */
static bool find_repeated(struct queue *q, struct accepted *a, const struct submit *m, struct fault *why)
{
    struct store_send known;
    if (text_is_empty(m->repeat_key))
        return true;
    if (!store_send_find(q->store, m->repeat_of, m->repeat_key, q->batch, &known, why))
        return false;
    if (known.message == 0 || known.time <= queue_now(q) - QUEUE_REPEAT_MS)
        return true;
    a->repeated = known.message;
    return text_equal(known.digest, m->digest) ||
           fault_set(why, FAULT_REJECT, "api.idempotency",
                     "the key \"%s\" was used with another message (%s) within the last 24 hours", m->repeat_key,
                     queue_id(known.message).text);
}

bool batch_submit(struct queue *q, const struct submit *m, queue_submitted_fn *submitted, void *ctx, struct fault *why)
{
    struct accepted *a = batch_add(q);
    a->submitted = submitted;
    a->ctx = ctx;
    a->tag = m->tag;
    bool is_accepted = is_sound(q, m, why) && find_repeated(q, a, m, why);
    bool is_repeated = is_accepted && a->repeated;
    if ((!is_accepted || is_repeated) && m->fd >= 0)
        close(m->fd);
    if (is_repeated || (is_accepted && keep(q, a, m, m->fd, why)))
        return true;
    batch_refuse(a, q, why);
    /* A body that is not what was promised is its sender's fault alone, and found before anything was written. */
    if (is_accepted && !text_equal(why->id, "store.body"))
        batch_fail(q, why);
    return false;
}

void queue_submit(struct queue *q, const struct submit *m, queue_submitted_fn *submitted, void *ctx)
{
    struct fault why = { 0 };
    batch_submit(q, m, submitted, ctx, &why);
}

void queue_forget(struct queue *q, void *ctx)
{
    LIST_EACH (node, &q->accepted) {
        struct accepted *a = LIST_OF(node, struct accepted, node);
        if (a->ctx == ctx)
            a->submitted = NULL;
    }
}
