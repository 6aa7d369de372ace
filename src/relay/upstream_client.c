/* relay/upstream_client.c - what the protocol engine asks for: bytes to send, TLS, a credential; and whom its answers are for. */
#include <string.h>

#include "base/log.h"
#include "relay/upstream_private.h"

static void write_out(struct upstream *u, struct bytes out)
{
    if (u->state == UPSTREAM_OVER || u->is_unread || conn_write(u->conn, out) || u->state == UPSTREAM_LEAVING)
        return;
    u->is_unread = true;
    loop_defer(u->relay->loop, &u->turn);
}

static void on_send(void *ctx, struct bytes out)
{
    struct upstream *u = ctx;

    if (!u->in_body)
        dialogue_client(&u->dialogue, out);
    write_out(u, out);
}

static void on_send_secret(void *ctx, struct bytes out)
{
    struct upstream *u = ctx;

    dialogue_client(&u->dialogue, BYTES_LIT("[masked]"));
    conn_record_mask(u->conn, true);
    write_out(u, out);
    if (u->conn)
        conn_record_mask(u->conn, false);
}

static void tell_greeting(struct upstream *u)
{
    if (!u->greeting_told)
        upstream_step(u, "greeting", u->said);
    u->greeting_told = true;
}

static void on_start_tls(void *ctx)
{
    struct upstream *u = ctx;

    tell_greeting(u);
    conn_start_tls_client(u->conn, u->tls, u->server.host);
}

static void on_want_credential(void *ctx)
{
    tell_greeting(ctx);
    upstream_want_credential(ctx);
}

static void on_client_ready(void *ctx)
{
    struct upstream *u = ctx;

    if (u->state == UPSTREAM_SIGNING_IN) {
        u->state = UPSTREAM_BUSY;
        log_info("relay.connected", LOG_TEXT("mailbox", u->mailbox), LOG_TEXT("host", u->host),
                 LOG_TEXT("tls", conn_tls_text(u->conn)),
                 LOG_NUMBER("ms", loop_now_ms(u->relay->loop) - u->dialled_ms));
        tell_greeting(u);
        if (u->options.sasl != SMTP_CLIENT_NO_AUTH)
            upstream_step(u, "sign-in", u->said);
    } else {
        u->transactions++;
    }
    conn_set_idle(u->conn, COMMAND_MS);
    if (u->user)
        u->user->ready(u->ctx);
}

static void on_sender_answer(void *ctx, const struct smtp_reply *reply)
{
    struct upstream *u = ctx;
    if (u->user)
        u->user->sender_answer(u->ctx, reply);
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    struct upstream *u = ctx;
    if (u->user)
        u->user->recipient_answer(u->ctx, index, reply);
}

static void on_want_body(void *ctx)
{
    struct upstream *u = ctx;

    conn_set_idle(u->conn, BLOCK_MS);
    u->in_body = true;
    u->body_size = 0;
    if (u->user)
        u->user->want_body(u->ctx);
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    struct upstream *u = ctx;
    if (u->user)
        u->user->message_answer(u->ctx, when, reply);
}

static void on_failed(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why)
{
    struct upstream *u = ctx;
    struct upstream_failure f = { .when = when, .enhanced = "", .words = why ? why->text : "" };

    if (why)
        f.fault = *why;
    if (reply) {
        f.code = reply->code;
        f.enhanced = reply->enhanced;
        f.words = reply->text;
        /* Where the engine has a name for it, that is more than the code says. */
        if (!why || *why->id == '\0')
            f.finding = finding_of_smtp(when, reply->code, reply->enhanced, reply->text);
    }
    f.is_uncertain = !reply && smtp_client_is_uncertain(u->client);
    upstream_fail(u, &f);
}

const struct smtp_client_host upstream_client_host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_client_ready,
    .auth_refused = upstream_auth_refused,
    .sender_answer = on_sender_answer,
    .recipient_answer = on_recipient_answer,
    .want_body = on_want_body,
    .message_answer = on_message_answer,
    .failed = on_failed,
};
