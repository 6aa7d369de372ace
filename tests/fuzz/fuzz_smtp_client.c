/* The submission client: first octet the set-up, second how the server's words are cut. Cut or whole, it must say and report the same;
 * the secret must never be given out but as one, and never before the TLS that was asked for. */
#include <string.h>

#include "fuzz.h"
#include "proto/smtp/client.h"

#define ENOUGH (64u << 20)

struct play {
    struct smtp_client *client;
    struct smtp_envelope env;
    bool is_over, needs_tls, has_tls;
    int mails, credentials;
    bool wants_tls;
    struct buf out, events;
};

static void on_send(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && out.size > 0);
    PROMISE(bytes_find(out, BYTES_LIT("VGhlU2VjcmV0")) == SIZE_MAX);
    PROMISE(buf_add_bytes(&p->out, out));
}

static void on_send_secret(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && (p->has_tls || !p->needs_tls));
    PROMISE(buf_add_bytes(&p->out, out));
}

static void on_start_tls(void *ctx)
{
    struct play *p = ctx;
    p->wants_tls = true;
}

static void on_want_credential(void *ctx)
{
    struct play *p = ctx;
    smtp_client_credential(p->client, "joe@x", BYTES_LIT("TheSecret"));
}

static void on_ready(void *ctx)
{
    struct play *p = ctx;
    if (p->mails-- > 0)
        smtp_client_mail(p->client, &p->env);
    else
        smtp_client_quit(p->client);
}

static void note(struct play *p, const char *what, const struct smtp_reply *r)
{
    PROMISE(r->code >= 200 && r->code <= 599 && r->text);
    buf_addf(&p->events, "%s %d %s %s;", what, r->code, r->enhanced, r->text);
}

static void on_auth_refused(void *ctx, const struct smtp_reply *reply, const char *challenge)
{
    struct play *p = ctx;
    note(p, challenge, reply);
    if (p->credentials-- > 0)
        smtp_client_credential(p->client, "joe@x", BYTES_LIT("TheSecret"));
    else
        smtp_client_quit(p->client);
}

static void on_sender_answer(void *ctx, const struct smtp_reply *reply)
{
    note(ctx, "sender", reply);
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    struct play *p = ctx;
    PROMISE(index < p->env.recipients_count);
    note(p, "rcpt", reply);
}

static void on_want_body(void *ctx)
{
    struct play *p = ctx;
    smtp_client_body(p->client, BYTES_LIT("a\r\n.b\r\n"));
    smtp_client_body_end(p->client);
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    note(ctx, when, reply);
}

static void on_stored_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    struct play *p = ctx;
    PROMISE(index < p->env.recipients_count);
    note(p, "stored", reply);
}

static void on_failed(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && why->kind != FAULT_NONE && why->text[0]);
    p->is_over = true;
    buf_addf(&p->events, "failed %s %s %s;", when, why->id, reply ? reply->text : "");
}

static const struct smtp_client_host host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .sender_answer = on_sender_answer,
    .recipient_answer = on_recipient_answer,
    .want_body = on_want_body,
    .message_answer = on_message_answer,
    .stored_answer = on_stored_answer,
    .failed = on_failed,
};

static void feed(struct play *p, struct bytes in, size_t step)
{
    for (size_t at = 0; at < in.size; at += step ? step : in.size)
        smtp_client_feed(p->client, bytes_slice(in, at, step ? at + step : in.size));
}

/* The first '~' stands for the handshake: nothing of what follows it can have come before. */
static void play(struct play *p, const struct smtp_client_options *options, uint8_t setup, struct bytes in, size_t step)
{
    static struct smtp_recipient recipients[] = { { "b@y", NOTIFY_DELAY, "rfc822;b@y" }, { "c@y", 0, "" } };
    *p = (struct play){ .mails = 2, .credentials = 1, .needs_tls = options->tls == SMTP_CLIENT_STARTTLS };
    p->env = (struct smtp_envelope){
        .sender = "a@x", .envid = "e", .size = 9, .recipients = recipients, .recipients_count = 1 + setup / 64 % 2
    };
    buf_init(&p->out, ENOUGH);
    buf_init(&p->events, ENOUGH);
    p->client = smtp_client_new(options, &host, p);
    size_t tilde = bytes_find(in, BYTES_LIT("~"));
    feed(p, bytes_slice(in, 0, tilde == SIZE_MAX ? in.size : tilde), step);
    if (tilde == SIZE_MAX || !p->wants_tls || p->is_over)
        return;
    p->has_tls = true;
    smtp_client_tls_done(p->client);
    feed(p, bytes_slice(in, tilde + 1, in.size), step);
}

static void play_fini(struct play *p)
{
    smtp_client_free(p->client);
    buf_fini(&p->out);
    buf_fini(&p->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct smtp_client_options options = {
        .helo = "us", .host = "mail.x", .port = 25, .initial_response = data[0] & 32
    };
    options.is_lmtp = data[0] & 128;
    options.tls = data[0] & 1 ? SMTP_CLIENT_STARTTLS : SMTP_CLIENT_NO_TLS;
    options.sasl = (enum smtp_client_sasl)(data[0] / 2 % 8 % 5);
    struct bytes in = { data + 2, size - 2 };
    struct play whole, cut;
    play(&whole, &options, data[0], in, 0);
    play(&cut, &options, data[0], in, 1 + data[1] % 16);
    PROMISE(bytes_equal(buf_bytes(&whole.events), buf_bytes(&cut.events)));
    PROMISE(bytes_equal(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    play_fini(&whole);
    play_fini(&cut);
    return 0;
}
