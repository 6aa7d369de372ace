/* Which recipients are reported on, and the report's own way into the queue: in the transaction of the outcome that asks for it.
 *
 * A report leaves by the same mailbox. Services that only let a mailbox send as itself refuse an empty sender, so the envelope
 * has the mailbox's address; a plain relay without a sign-in gets the empty one of RFC 3464. What protects from loops in both
 * cases is that a report is marked in the store and is never reported on. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "doctor/finding.h"
#include "queue/dsn.h"
#include "queue/queue_private.h"

enum { WHOLE_SIZE = 48 << 10, HEADER_SIZE = 32 << 10 }; /* what a report quotes at most */

static const char *envelope_sender(const struct queue *q, const struct store_message *m)
{
    const struct mailbox *mailbox = directory_mailbox(q->directory, m->mailbox);
    if (mailbox && directory_server_of(q->directory, mailbox, OBJECT_SMTP).sasl == OBJECT_SASL_NONE)
        return "";
    return m->mailbox;
}

static struct bytes header_of(struct bytes message)
{
    size_t end = bytes_find(message, BYTES_LIT("\r\n\r\n"));
    return end == SIZE_MAX ? message : bytes_slice(message, 0, end + 2);
}

static bool is_because_of_8bit(const struct outcome *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->recipients[i].finding, "smtp.no-8bit") == 0)
            return true;
    return false;
}

/* The whole message comes back where the sender asked for it or did not care, if it is small; else its header. */
static void load_original(struct queue *q, const struct outcome *o, struct arena *arena, struct dsn *d)
{
    int fd = -1;
    struct fault why = { 0 };
    struct bytes body = BYTES_NONE;
    if (!store_body_get(q->store, o->message.id, arena, &body, &fd, &why))
        log_warn("queue.unreadable", LOG_TEXT("message", queue_id(o->message.id).text), LOG_FAULT(&why));
    if (fd >= 0) {
        uint8_t *start = arena_alloc(arena, STORE_BODY_INLINE);
        ssize_t n = pread(fd, start, STORE_BODY_INLINE, 0);
        body = (struct bytes){ start, n > 0 ? (size_t)n : 0 };
        close(fd);
    }
    d->is_whole = d->kind == REPORT_FAILURE && o->message.ret != RET_HDRS && o->message.size <= WHOLE_SIZE;
    /* Where a server takes 7 bits only, a report that quotes the 8-bit message would be refused as the message was. */
    d->is_whole = d->is_whole && (d->is_utf8 || !is_because_of_8bit(o));
    d->original = d->is_whole ? body : bytes_slice(header_of(body), 0, HEADER_SIZE);
    d->is_8bit = !text_is_ascii(d->original);
}

static void describe(const struct outcome *o, const struct store_recipient *r, struct dsn_recipient *out)
{
    const struct finding *f = r->finding[0] ? finding_by_id(r->finding) : NULL;
    struct finding_facts facts = { .mailbox = o->message.mailbox,
                                   .app = o->message.app,
                                   .sender = o->message.sender,
                                   .host = o->has_attempt ? o->attempt.host : NULL };
    *out = (struct dsn_recipient){
        .address = r->address,
        .orcpt = r->orcpt,
        .enhanced = r->enhanced,
        .last = r->last,
        .code = r->code,
        .finding = f ? finding_json(f, r->last, &facts) : NULL,
    };
}

static size_t gather(const struct outcome *o, enum report_kind kind, struct dsn_recipient *out, struct dsn *d)
{
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (o->reports[i] != kind)
            continue;
        describe(o, &o->recipients[i], &out[count++]);
        d->is_expired |= o->recipients[i].state == STORE_R_EXPIRED;
        d->is_utf8 |= !text_is_ascii(bytes_of(o->recipients[i].address));
    }
    return count;
}

/* A report on hundreds of recipients; -1 with the reason in `why`. */
static int as_file(struct bytes body, struct fault *why)
{
    int fd = memfd_create("report", MFD_CLOEXEC);
    if (fd >= 0 && pwrite(fd, body.data, body.size, 0) == (ssize_t)body.size)
        return fd;
    fault_errno(why, FAULT_LOCAL, errno, "a report cannot be kept");
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool keep(struct queue *q, const struct outcome *o, const struct dsn *d, struct bytes body, struct fault *why)
{
    struct store_message m = {
        .id = d->report_id,
        .mailbox = o->message.mailbox,
        .app = "",
        .sender = envelope_sender(q, &o->message),
        .peer = "",
        .session = o->message.session,
        .envid = "",
        .flags = STORE_DSN | (text_is_ascii(body) ? 0 : STORE_8BIT) |
                 (text_is_ascii(bytes_of(d->to)) ? 0 : STORE_SMTPUTF8),
        .size = body.size,
        .accepted = d->now,
        .expires = d->now + 1000 * (int64_t)q->conf->queue.bounce_lifetime_s,
        .next_attempt = d->now,
    };
    struct store_recipient r = {
        .address = o->message.sender, .orcpt = "", .notify = NOTIFY_NEVER, .next_attempt = d->now
    };
    int fd = -1;
    if (body.size > STORE_BODY_INLINE && (fd = as_file(body, why)) < 0)
        return false;
    return batch_keep(q, batch_add(q), &m, &r, 1, body, fd, why);
}

static void fill(struct queue *q, const struct outcome *o, struct dsn *d)
{
    d->id = o->message.id;
    d->report_id = queue_next_id(q);
    d->hostname = q->conf->hostname;
    d->from = o->message.mailbox;
    d->to = o->message.sender;
    d->host = o->has_attempt ? o->attempt.host : "";
    d->envid = o->message.envid;
    d->arrived = o->message.accepted;
    d->now = queue_now(q);
    d->last_attempt = o->has_attempt ? o->attempt.time : 0;
    d->expires = o->message.expires;
}

static bool write_kind(struct queue *q, const struct outcome *o, enum report_kind kind, struct fault *why)
{
    struct arena *arena = arena_new();
    struct dsn_recipient *recipients = arena_array(arena, o->count ? o->count : 1, sizeof *recipients);
    struct dsn d = { .kind = kind, .recipients = recipients };
    struct buf body;
    bool ok = true;
    buf_init(&body, DSN_SIZE_LIMIT);
    d.count = gather(o, kind, recipients, &d);
    if (d.count) {
        fill(q, o, &d);
        load_original(q, o, arena, &d);
        if (dsn_compose(&d, &body))
            ok = keep(q, o, &d, buf_bytes(&body), why);
        else
            log_error("queue.report", LOG_TEXT("message", queue_id(o->message.id).text),
                      LOG_TEXT("text", "the report is too large"));
    }
    for (size_t i = 0; i < d.count; i++)
        json_decref((json_t *)recipients[i].finding);
    buf_fini(&body);
    arena_free(arena);
    return ok;
}

bool report_write(struct queue *q, struct outcome *o, struct fault *why)
{
    bool is_wanted[REPORT_KINDS] = { false };
    for (size_t i = 0; i < o->count; i++)
        is_wanted[o->reports[i]] = true;
    for (enum report_kind kind = REPORT_FAILURE; kind < REPORT_KINDS; kind++)
        if (is_wanted[kind] && !write_kind(q, o, kind, why))
            return false;
    return true;
}
