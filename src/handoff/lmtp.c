/* handoff/lmtp.c - one transaction with an LMTP or SMTP server, on a connection of its own.
 *
 * The sender is the message's Return-Path, or the empty one. Line ends that are none on the wire (a bare CR or LF) become CRLF, so that
 * no server reads two messages where there is one. What the server says of this message parks it or not; what goes wrong before, with
 * the connection or its protection, says nothing about the message and is tried again. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "handoff/handoff_private.h"
#include "net/conn.h"
#include "proto/smtp/client.h"

#define ANSWER_MS 300000 /* RFC 5321 4.5.3.2: five minutes, ten after the final dot */
#define STORED_MS 600000
#define OUT_LIMIT (1u << 20)
#define OUT_ENOUGH (128u << 10) /* in the connection's hands at one time */
#define CHUNK (16u << 10)

struct lmtp {
    struct handoff_run *run;
    struct conn *conn;
    struct smtp_client *client;
    struct smtp_client_options options;
    struct smtp_envelope env;
    struct smtp_recipient recipient;
    struct tls_context *tls;
    size_t at; /* of the message, given out so far */
    bool is_dialled, is_closed, is_sending, is_after_cr, was_mailed;
};

static void finish_by_reply(struct lmtp *l, const struct smtp_reply *r)
{
    int class = r->code / 100;
    bool is_large = r->code == 552 || text_equal(r->enhanced, "5.3.4");
    enum handoff_result result = class == 2 ? HANDOFF_DONE : class == 4 ? HANDOFF_RETRY : HANDOFF_PARK;
    const char *finding = class == 2 ? "" : class == 4 ? "lmtp.busy" : is_large ? "lmtp.too-large" : "lmtp.refused";
    char *text = arena_strdup(l->run->life, r->text);
    for (char *c = text; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    handoff_finish(l->run, result, finding, "%d %s%s%.400s", r->code, r->enhanced, *r->enhanced ? " " : "", text);
}

/* --- what the engine wants --- */

static void on_send(void *ctx, struct bytes out)
{
    struct lmtp *l = ctx;
    if (!conn_write(l->conn, out))
        handoff_finish(l->run, HANDOFF_RETRY, "lmtp.unreachable", "%s reads too slowly", l->run->endpoint->lmtp.host);
}

static void on_start_tls(void *ctx)
{
    struct lmtp *l = ctx;
    conn_start_tls_client(l->conn, l->tls, l->options.host);
}

static void on_ready(void *ctx)
{
    struct lmtp *l = ctx;
    uint64_t limit = smtp_client_caps(l->client)->size_limit;
    if (l->was_mailed || l->run->is_over)
        return; /* the answer came, and the end with it */
    if (limit && l->run->job.size > limit) {
        handoff_finish(l->run, HANDOFF_PARK, "lmtp.too-large", "%llu octets, and the server takes %llu",
                       (unsigned long long)l->run->job.size, (unsigned long long)limit);
        return;
    }
    l->was_mailed = true;
    smtp_client_mail(l->client, &l->env);
}

static void on_sender_answer(void *ctx, const struct smtp_reply *reply)
{
    if (reply->code / 100 != 2)
        finish_by_reply(ctx, reply);
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    if (reply->code / 100 != 2)
        finish_by_reply(ctx, reply);
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    finish_by_reply(ctx, reply);
}

static void on_stored_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    finish_by_reply(ctx, reply);
}

static size_t put_crlf(struct lmtp *l, struct bytes in, struct buf *out)
{
    size_t at = 0;
    while (at < in.size && out->size + 2 < CHUNK) {
        uint8_t c = in.data[at++];
        bool was_cr = l->is_after_cr;
        l->is_after_cr = c == '\r';
        if (c != '\r' && c != '\n')
            buf_add_byte(out, c);
        else if (c == '\r' || !was_cr)
            buf_add_str(out, "\r\n");
    }
    return at;
}

static void pump(struct lmtp *l)
{
    struct buf chunk;
    buf_init(&chunk, CHUNK);
    while (l->is_sending && !l->run->is_over && conn_pending(l->conn) < OUT_ENOUGH) {
        struct bytes rest = bytes_slice(l->run->message, l->at, l->run->message.size);
        buf_clear(&chunk);
        l->at += put_crlf(l, rest, &chunk);
        if (chunk.size > 0)
            smtp_client_body(l->client, buf_bytes(&chunk));
        if (l->at < l->run->message.size)
            continue;
        l->is_sending = false;
        conn_set_idle(l->conn, STORED_MS);
        smtp_client_body_end(l->client);
    }
    buf_fini(&chunk);
}

static void on_want_body(void *ctx)
{
    struct lmtp *l = ctx;
    l->is_sending = true;
    pump(l);
}

static const char *finding_of(const char *id, const struct smtp_reply *reply)
{
    if (strncmp(id, "smtp.starttls", 13) == 0 || text_equal(id, "smtp.injection") || strncmp(id, "tls.", 4) == 0)
        return "lmtp.tls";
    if (text_equal(id, "smtp.not-smtp") || text_equal(id, "smtp.breach") || (reply && reply->code / 100 == 5))
        return "lmtp.protocol";
    return reply ? "lmtp.busy" : "lmtp.unreachable";
}

/* In the middle of the message a refusal is one of this message. */
static void on_failed(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why)
{
    struct lmtp *l = ctx;
    if (text_equal(why->id, "smtp.address-unusable") || (text_equal(when, "body") && why->kind == FAULT_REJECT))
        handoff_finish(l->run, HANDOFF_PARK, "lmtp.refused", "%s", why->text);
    else
        handoff_finish(l->run, HANDOFF_RETRY, finding_of(why->id, reply), "%s", why->text);
}

static const struct smtp_client_host client_host = {
    .send = on_send,
    .start_tls = on_start_tls,
    .ready = on_ready,
    .sender_answer = on_sender_answer,
    .recipient_answer = on_recipient_answer,
    .want_body = on_want_body,
    .message_answer = on_message_answer,
    .stored_answer = on_stored_answer,
    .failed = on_failed,
};

/* --- the connection --- */

static void on_connected(void *ctx)
{
    struct lmtp *l = ctx;
    bool is_shaken = l->is_dialled && conn_is_tls(l->conn);
    l->is_dialled = true;
    if (is_shaken)
        smtp_client_tls_done(l->client);
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct lmtp *l = ctx;
    smtp_client_feed(l->client, in);
    return in.size;
}

static void on_drained(void *ctx)
{
    pump(ctx);
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct lmtp *l = ctx;
    const char *host = l->run->endpoint->lmtp.host;
    l->is_closed = true;
    bool is_uncertain = smtp_client_is_uncertain(l->client);
    handoff_finish(l->run, HANDOFF_RETRY, why ? finding_of(why->id, NULL) : "lmtp.unreachable", "%s%s%s",
                   why ? why->text : host, why ? "" : " closed the connection",
                   is_uncertain ? "; the message was sent and not answered, so it may come twice" : "");
}

static const struct conn_events events = { on_connected, on_data, on_drained, on_closed };

static bool is_this_machine(const char *host)
{
    return host[0] == '/' || text_equal_nocase(host, "localhost") || strncmp(host, "127.", 4) == 0 ||
           text_equal(host, "::1");
}

/* "host:port", "[::1]:24", "host", "/path". */
static bool split_host(struct lmtp *l)
{
    const struct endpoint *e = l->run->endpoint;
    char *text = arena_strdup(l->run->life, e->lmtp.host), *end = text[0] == '[' ? strchr(text, ']') : NULL;
    char *colon = text[0] == '/' ? NULL : strchr(end ? end : text, ':');
    uint64_t port = e->lmtp.is_smtp ? 25 : 24;
    if (text[0] == '/')
        port = 0;
    else if (colon && (!text_to_u64(colon + 1, UINT16_MAX, &port) || port == 0))
        return false;
    if (colon)
        *colon = '\0';
    if (end)
        *end = '\0';
    l->options.host = end ? text + 1 : text;
    l->options.port = (uint16_t)port;
    return *l->options.host != '\0';
}

static enum smtp_client_tls tls_of(const struct lmtp *l)
{
    switch (l->run->endpoint->lmtp.tls) {
    case OBJECT_TLS_NONE:
        return SMTP_CLIENT_NO_TLS;
    case OBJECT_TLS_STARTTLS:
        return SMTP_CLIENT_STARTTLS;
    case OBJECT_TLS_IMPLICIT:
        return SMTP_CLIENT_IMPLICIT;
    case OBJECT_TLS_DEFAULT:
        break;
    }
    return is_this_machine(l->options.host) ? SMTP_CLIENT_NO_TLS : SMTP_CLIENT_STARTTLS;
}

static bool make_tls(struct lmtp *l)
{
    struct bytes pem;
    struct fault why;
    if (l->options.tls == SMTP_CLIENT_NO_TLS)
        return true;
    if (!handoff_read_ca(l->run, l->run->endpoint->lmtp.ca_file, "lmtp.tls", &pem))
        return false;
    l->tls = tls_client_new(pem, &why);
    if (!l->tls)
        handoff_finish(l->run, HANDOFF_RETRY, "lmtp.tls", "%s", why.text);
    return l->tls != NULL;
}

static void set_envelope(struct lmtp *l)
{
    struct handoff_run *run = l->run;
    const char *sender = handoff_letter(run, false)->return_path, *to = run->endpoint->lmtp.recipient;
    l->recipient = (struct smtp_recipient){ .address = *to ? to : run->job.mailbox, .orcpt = "" };
    l->env = (struct smtp_envelope){
        .sender = object_address_is_valid(sender) ? sender : "",
        .envid = "",
        .size = run->job.size,
        .is_8bit = !text_is_ascii(run->message),
        .recipients = &l->recipient,
        .recipients_count = 1,
    };
    l->env.is_smtputf8 = !text_is_ascii(bytes_of(l->env.sender)) || !text_is_ascii(bytes_of(l->recipient.address));
}

static void start(struct handoff_run *run)
{
    struct lmtp *l = arena_alloc(run->life, sizeof *l);
    struct conn_limits limits = { .out_limit = OUT_LIMIT, .idle_ms = ANSWER_MS };
    l->run = run;
    run->state = l;
    l->options = (struct smtp_client_options){ .helo = run->home->hostname, .sasl = SMTP_CLIENT_NO_AUTH };
    l->options.is_lmtp = !run->endpoint->lmtp.is_smtp;
    l->client = smtp_client_new(&l->options, &client_host, l);
    if (!split_host(l)) {
        handoff_finish(run, HANDOFF_RETRY, "lmtp.unreachable", "\"%s\" is no HOST:PORT", run->endpoint->lmtp.host);
        return;
    }
    l->options.tls = tls_of(l);
    if (!handoff_map(run) || !make_tls(l))
        return;
    set_envelope(l);
    l->conn = conn_dial(run->home->loop, run->home->resolver, l->options.host, l->options.port,
                        l->options.tls == SMTP_CLIENT_IMPLICIT ? l->tls : NULL, &limits, &events, l);
}

static void stop(struct handoff_run *run)
{
    struct lmtp *l = run->state;
    if (l->is_dialled && !l->is_closed && !run->is_cancelled && !l->is_sending) {
        smtp_client_quit(l->client);
        conn_flush(l->conn);
    }
    conn_free(l->conn);
    smtp_client_free(l->client);
    tls_context_free(l->tls);
}

const struct handoff_kind handoff_lmtp = { start, stop };
