/* edge/session_mail.c - a message's way: may it be sent, does it fit, is its From allowed, and over to the queue role.
 *
 * A message that is refused while it arrives is swallowed to its end, then refused: nothing in it may be taken for commands. */
#include <stdio.h>

#include "base/log.h"
#include "edge/received.h"
#include "edge/session.h"

#define QUEUE_BACKLOG (64u << 20) /* bytes on their way to the queue role: then clients wait */

static const struct smtp_verdict accepted = { 0 };
static const struct smtp_verdict queue_away = { 451, "4.3.0", "The queue is being restarted, try again in a moment" };
static const struct smtp_verdict queue_late = { 451, "4.3.0",
                                                "The queue did not answer in time, try again in a moment" };
static const struct smtp_verdict queue_busy = { 451, "4.3.2", "The queue is too busy, try again in a moment" };

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static const struct smtp_verdict *verdict(struct session *s, int code, const char *enhanced, const char *text)
{
    struct smtp_verdict *v = arena_alloc(s->mail_arena, sizeof *v);
    *v = (struct smtp_verdict){ code, arena_strdup(s->mail_arena, enhanced), arena_strdup(s->mail_arena, text) };
    return v;
}

static const struct smtp_verdict *verdict_of(struct session *s, const struct fault *why)
{
    static const struct {
        int code;
        const char *enhanced;
    } by_kind[] = {
        [FAULT_NONE] = { 451, "4.3.0" },   [FAULT_RETRY] = { 451, "4.3.0" }, [FAULT_HOLD] = { 451, "4.3.0" },
        [FAULT_REJECT] = { 550, "5.7.1" }, [FAULT_AUTH] = { 535, "5.7.8" },  [FAULT_CONFIG] = { 451, "4.3.5" },
        [FAULT_LOCAL] = { 452, "4.3.1" },
    };
    return verdict(s, by_kind[why->kind].code, by_kind[why->kind].enhanced, why->text);
}

static void log_refused(struct session *s, const struct smtp_verdict *v, const char *finding)
{
    log_info("mail.refused", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
             LOG_TEXT("app", text_or_empty(s->app)), LOG_TEXT("mailbox", s->mail ? s->mail->route.mailbox : ""),
             LOG_TEXT("from", s->mail ? s->mail->route.sender : ""), LOG_NUMBER("code", v->code),
             LOG_TEXT("text", v->text), LOG_TEXT("finding", finding));
}

static void refuse_now(struct session *s, const struct smtp_verdict *v, const char *finding)
{
    log_refused(s, v, finding);
    smtp_server_decided(s->smtp, v);
}

/* -- MAIL and RCPT -- */

static const struct smtp_verdict *closed_queue(struct session *s)
{
    const struct edge *e = s->guest.edge;
    if (!e->queue)
        return &queue_away;
    if (channel_pending(e->queue) > QUEUE_BACKLOG)
        return &queue_busy;
    return e->is_queue_open ? NULL : verdict(s, 452, "4.3.1", e->queue_why);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

static const struct smtp_verdict *too_large(struct session *s, const struct mail *m)
{
    char text[400];
    snprintf(text, sizeof text, "The message is too large: mailbox %s takes at most %llu octets", m->route.mailbox,
             (unsigned long long)m->size_limit);
    return verdict(s, 552, "5.3.4", text);
}

void session_on_mail(void *ctx, const struct smtp_envelope *env)
{
    struct session *s = ctx;
    struct edge *e = s->guest.edge;
    struct fault why;
    const struct smtp_verdict *closed = closed_queue(s);
    if (closed) {
        refuse_now(s, closed, "queue.closed");
        return;
    }
    struct mail *m = arena_alloc(s->mail_arena, sizeof *m);
    m->route = (struct route){ .mailbox = "", .sender = env->sender }; /* for the log, should it be refused */
    s->mail = m;
    if (!route_app(e->directory, text_or_empty(s->app), text_or_empty(s->mailbox), env->sender, s->mail_arena,
                   &m->route, &why)) {
        refuse_now(s, verdict_of(s, &why), why.id);
        return;
    }
    m->size_limit = least(s->guest.service->policy.size_limit, m->route.size_limit);
    if (m->size_limit && env->size > m->size_limit)
        refuse_now(s, too_large(s, m), "smtp.client.too-large");
    else
        smtp_server_decided(s->smtp, &accepted);
}

void session_on_rcpt(void *ctx, const struct smtp_envelope *env, const struct smtp_recipient *rcpt)
{
    static const struct smtp_verdict no_domain = { 550, "5.1.3",
                                                   "There are no users here: give the address with its domain" };
    struct session *s = ctx;
    bool has_domain = bytes_find(bytes_of(rcpt->address), BYTES_LIT("@")) != SIZE_MAX;
    smtp_server_decided(s->smtp, has_domain ? &accepted : &no_domain);
}

/* -- The message -- */

static bool keep(void *ctx, struct bytes out)
{
    struct session *s = ctx;
    struct fault why;
    if (body_add(&s->body, out, &why))
        return true;
    log_error("spool.failed", LOG_TEXT("session", s->guest.id), LOG_FAULT(&why));
    s->mail->refusal = verdict_of(s, &why);
    body_drop(&s->body); /* a full disk gets its room back now, not when the client has sent the rest */
    return false;
}

static void add_received(struct session *s, const struct smtp_envelope *env)
{
    struct buf line;
    char id[40];
    snprintf(id, sizeof id, "%s.%u", s->guest.id, ++s->mails);
    buf_init(&line, RECEIVED_SIZE);
    received_line(&(struct received){ .helo = smtp_server_helo(s->smtp),
                                      .host = s->guest.host,
                                      .hostname = s->guest.service->hostname,
                                      .protocol = smtp_server_protocol(s->smtp),
                                      .id = id,
                                      .recipient = env->recipients_count == 1 ? env->recipients[0].address : NULL,
                                      .wall_ms = loop_wall_ms(s->guest.edge->loop) },
                  &line);
    keep(s, buf_bytes(&line));
    buf_fini(&line);
}

void session_on_data_begin(void *ctx, const struct smtp_envelope *env)
{
    struct session *s = ctx;
    struct mail *m = s->mail;
    const struct smtp_verdict *closed = closed_queue(s);
    if (closed) {
        refuse_now(s, closed, "queue.closed");
        return;
    }
    m->began_ms = loop_now_ms(s->guest.edge->loop);
    m->scan = mime_scan_new(s->mail_arena);
    if (*m->route.from) {
        struct mime_rewrite_plan *plan = arena_alloc(s->mail_arena, sizeof *plan);
        plan->from = m->route.from;
        m->rewrite = mime_rewrite_new(s->mail_arena, plan, keep, s);
    }
    add_received(s, env);
    smtp_server_decided(s->smtp, &accepted);
}

static bool refuse_later(struct session *s, const struct smtp_verdict *v, const char *finding)
{
    if (s->mail->refusal)
        return false;
    s->mail->refusal = v;
    log_refused(s, v, finding);
    body_drop(&s->body);
    return false;
}

/* The header section is whole. */
static bool judge_header(struct session *s)
{
    struct mail *m = s->mail;
    struct fault why;
    const struct mime_header *h = mime_scan_end(m->scan);
    m->scan = NULL;
    m->message_id = h->message_id;
    m->subject = mime_subject(h, s->mail_arena);
    if (h->is_over || h->size > s->guest.service->header_limit)
        return refuse_later(s, verdict(s, 554, "5.6.0", "The header of the message is too long"), "smtp.client.header");
    if (h->received > MIME_RECEIVED_LIMIT)
        return refuse_later(s, verdict(s, 554, "5.4.6", "Too many Received fields: the message goes round in circles"),
                            "smtp.client.loop");
    if (!route_header(s->guest.edge->directory, text_or_empty(s->app), &m->route, h, &why))
        return refuse_later(s, verdict_of(s, &why), why.id);
    return true;
}

static bool pass_on(struct session *s, struct bytes chunk)
{
    struct mail *m = s->mail;
    struct fault why = { 0 };
    if (!m->rewrite)
        return keep(s, chunk);
    if (mime_rewrite_feed(m->rewrite, chunk, &why))
        return true;
    return m->refusal ? false : refuse_later(s, verdict_of(s, &why), "smtp.client.header");
}

bool session_on_data(void *ctx, struct bytes chunk)
{
    struct session *s = ctx;
    struct mail *m = s->mail;
    m->size += chunk.size;
    if (m->refusal)
        return false;
    if (m->size_limit && m->size > m->size_limit)
        return refuse_later(s, too_large(s, m), "smtp.client.too-large");
    if (m->scan && !mime_scan_feed(m->scan, chunk) && !judge_header(s))
        return false;
    return pass_on(s, chunk);
}

/* -- Over to the queue -- */

static struct submit_recipient *recipients_of(struct session *s, const struct smtp_envelope *env)
{
    struct submit_recipient *list = arena_array(s->mail_arena, env->recipients_count, sizeof *list);
    for (size_t i = 0; i < env->recipients_count; i++)
        list[i] = (struct submit_recipient){ env->recipients[i].address, env->recipients[i].notify,
                                             env->recipients[i].orcpt };
    return list;
}

static void refused_by_queue(struct session *s, const struct submit_done *d)
{
    struct fault why;
    enum fault_kind kind = d->kind <= FAULT_LOCAL ? (enum fault_kind)d->kind : FAULT_RETRY;
    fault_set(&why, kind, "", "%s", d->text);
    const struct smtp_verdict *v = verdict_of(s, &why);
    if (*d->enhanced)
        v = verdict(s, v->code, d->enhanced, d->text);
    refuse_now(s, v, "queue.refused");
}

static void answered(struct ask *a, const void *message)
{
    struct session *s = LIST_OF(a, struct session, ask);
    const struct submit_done *d = message;
    char text[48];
    if (d->id == 0) {
        refused_by_queue(s, d);
    } else {
        snprintf(text, sizeof text, "Queued as %016llx", (unsigned long long)d->id);
        smtp_server_decided(s->smtp, &(struct smtp_verdict){ .text = text });
    }
    session_go_on(s);
}

static void unanswered(struct ask *a, enum ask_failure how)
{
    struct session *s = LIST_OF(a, struct session, ask);
    /* It may have been stored all the same; the client tries again, and the Message-ID tells the copies apart. */
    refuse_now(s, how == ASK_LATE ? &queue_late : &queue_away, "queue.closed");
    session_go_on(s);
}

static const struct ask_kind submit_kind = { answered, unanswered };

static void submit(struct session *s, const struct smtp_envelope *env)
{
    struct edge *e = s->guest.edge;
    const struct route *r = &s->mail->route;
    struct submit m = { .tag = ask_begin(&e->submits, &s->ask, &submit_kind),
                        .app = s->app,
                        .mailbox = r->mailbox,
                        .sender = r->sender,
                        .peer = s->guest.host,
                        .session = s->guest.id,
                        .is_8bit = env->is_8bit,
                        .is_smtputf8 = env->is_smtputf8,
                        .ret = env->ret,
                        .envid = env->envid,
                        .message_id = s->mail->message_id,
                        .subject = s->mail->subject,
                        .size = s->body.size,
                        .recipients = recipients_of(s, env),
                        .recipients_count = env->recipients_count,
                        .body = s->body.fd < 0 ? buf_bytes(&s->body.held) : BYTES_NONE,
                        .fd = s->body.fd };
    bool is_sent = channel_send(e->queue, EDGE_SUBMIT, &m);
    body_drop(&s->body);
    if (is_sent)
        return;
    ask_forget(&s->ask);
    refuse_now(s, verdict(s, 451, "4.3.0", "The message can't be handed to the queue"), "");
}

static bool finish_message(struct session *s)
{
    struct mail *m = s->mail;
    struct fault why = { 0 };
    if (m->refusal)
        return false;
    if (m->scan && !judge_header(s))
        return false;
    if (m->rewrite && !mime_rewrite_end(m->rewrite, &why))
        return m->refusal ? false : refuse_later(s, verdict_of(s, &why), "smtp.client.header");
    if (!body_end(&s->body, &why))
        return refuse_later(s, verdict_of(s, &why), why.id);
    return true;
}

void session_on_data_end(void *ctx, const struct smtp_envelope *env, bool is_whole)
{
    struct session *s = ctx;
    if (!is_whole) {
        body_drop(&s->body);
        return;
    }
    if (!finish_message(s))
        smtp_server_decided(s->smtp, s->mail->refusal);
    else if (!s->guest.edge->queue)
        refuse_now(s, &queue_away, "queue.closed");
    else
        submit(s, env);
}

void session_on_reset(void *ctx)
{
    struct session *s = ctx;
    s->mail = NULL;
    body_drop(&s->body);
}
