#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/smtp/client.h"

enum { PLAIN = 0, STARTTLS = 1, IR = 2, TWO_RCPT = 4, DSN = 8, UTF8 = 16, TWO_MAILS = 32, RETRY_AUTH = 64, LMTP = 128 };

/* A newline stands for CRLF; '~' ends what the server says before the handshake. `out` marks secrets as [..]. */
struct dialogue {
    unsigned setup;
    enum smtp_client_sasl sasl;
    const char *in, *out, *events;
};

struct play {
    struct smtp_client_options options;
    struct smtp_envelope env;
    struct smtp_client *client;
    int mails, credentials;
    bool is_over;
    struct buf out, events;
};

static void on_send(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    assert_false(p->is_over);
    assert_true(out.size > 0 && buf_add_bytes(&p->out, out));
}

static void on_send_secret(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    assert_true(bytes_find(out, BYTES_LIT("\r\n")) == out.size - 2);
    buf_add_str(&p->out, "[");
    buf_add(&p->out, out.data, out.size - 2);
    buf_add_str(&p->out, "]\r\n");
}

static void on_start_tls(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "tls;");
}

static void on_want_credential(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "credential;");
    smtp_client_credential(p->client, "joe@x", BYTES_LIT("T0ken"));
}

static void on_ready(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "ready;");
    if (p->mails-- > 0)
        smtp_client_mail(p->client, &p->env);
    else
        smtp_client_quit(p->client);
}

static void note_reply(struct play *p, const char *what, const struct smtp_reply *r)
{
    buf_addf(&p->events, "%s %d|%s|%s;", what, r->code, r->enhanced, r->text);
}

static void on_auth_refused(void *ctx, const struct smtp_reply *reply, const char *challenge)
{
    struct play *p = ctx;
    note_reply(p, "refused", reply);
    if (challenge[0])
        buf_addf(&p->events, "challenge %s;", challenge);
    if (--p->credentials > 0)
        smtp_client_credential(p->client, "joe@x", BYTES_LIT("T0ken2"));
    else
        smtp_client_quit(p->client);
}

static void on_sender_answer(void *ctx, const struct smtp_reply *reply)
{
    note_reply(ctx, "sender", reply);
}

static void on_recipient_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    struct play *p = ctx;
    buf_addf(&p->events, "%zu:", index);
    note_reply(p, "rcpt", reply);
}

static void on_want_body(void *ctx)
{
    struct play *p = ctx;
    assert_string_equal(smtp_client_when(p->client), "body");
    smtp_client_body(p->client, BYTES_LIT(".a\r\n"));
    assert_false(smtp_client_is_uncertain(p->client));
    smtp_client_body_end(p->client);
    assert_true(smtp_client_is_uncertain(p->client));
}

static void on_message_answer(void *ctx, const char *when, const struct smtp_reply *reply)
{
    note_reply(ctx, when, reply);
}

static void on_stored_answer(void *ctx, size_t index, const struct smtp_reply *reply)
{
    struct play *p = ctx;
    assert_true(smtp_client_is_uncertain(p->client));
    buf_addf(&p->events, "%zu:", index);
    note_reply(p, "stored", reply);
}

static void on_failed(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why)
{
    struct play *p = ctx;
    assert_false(p->is_over);
    assert_true(why->text[0]);
    assert_null(strstr(why->text, "T0ken"));
    assert_false(smtp_client_is_uncertain(p->client));
    p->is_over = true;
    buf_addf(&p->events, "failed %s %d %s %s;", when, reply ? reply->code : 0, why->id, fault_kind_name(why->kind));
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

#define HELLO "220 m ready\n250 m\n"
#define HELLO_XOAUTH2 "220 m ready\n250-m\n250 AUTH XOAUTH2\n"
#define TOKEN "[dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbgEB]\n"

static const struct dialogue greeting[] = {
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "221 bye\n", "EHLO us\nQUIT\n", "ready;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220-m\n220-many\n220 lines\n250 m\n", "EHLO us\nQUIT\n", "ready;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220\n502 what?\n250 m\n", "EHLO us\nHELO us\nQUIT\n", "ready;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "554 5.3.2 go away\n", "", "failed connect 554  hold;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "450 later\n", "", "failed connect 450  retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "421 4.3.2 busy\n", "", "failed connect 421  retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\n421 4.4.2 idle\n", "EHLO us\n", "failed connect 421  retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\n450 no\n", "EHLO us\n", "failed connect 450  retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "* OK IMAP4rev1\n", "", "failed connect 0 smtp.not-smtp hold;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "HTTP/1.1 400 Bad Request\n\n", "", "failed connect 0 smtp.not-smtp hold;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "\x15\x03\x01", "", "failed connect 0 smtp.not-smtp hold;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\n250-a\n251 b\n", "EHLO us\n", "failed connect 0 smtp.breach retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\nfoo\n", "EHLO us\n", "failed connect 0 smtp.breach retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\n25\n", "EHLO us\n", "failed connect 0 smtp.breach retry;" },
    { STARTTLS, SMTP_CLIENT_XOAUTH2,
      "220 m\n250-m\n250 STARTTLS\n220 go\n~250-m\n250 AUTH LOGIN XOAUTH2\n334 \n235 ok\n",
      "EHLO us\nSTARTTLS\nEHLO us\nAUTH XOAUTH2\n" TOKEN "QUIT\n", "tls;credential;ready;" },
    { STARTTLS, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2, "EHLO us\n", "failed starttls 0 smtp.starttls-missing hold;" },
    { STARTTLS, SMTP_CLIENT_XOAUTH2, "220 m\n500 what\n250 m\n", "EHLO us\nHELO us\n",
      "failed starttls 0 smtp.starttls-missing hold;" },
    { STARTTLS, SMTP_CLIENT_XOAUTH2, "220 m\n250-m\n250 STARTTLS\n454 4.7.0 no TLS now\n", "EHLO us\nSTARTTLS\n",
      "failed starttls 454 smtp.starttls-refused retry;" },
    /* Capabilities heard in clear are forgotten. */
    { STARTTLS, SMTP_CLIENT_XOAUTH2, "220 m\n250-m\n250-AUTH XOAUTH2\n250 STARTTLS\n220 go\n~250 m\n",
      "EHLO us\nSTARTTLS\nEHLO us\n", "tls;failed auth 0 smtp.auth-missing hold;" },
};

static const struct dialogue sign_in[] = {
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 \n235 2.7.0 ok\n221 bye\n",
      "EHLO us\nAUTH XOAUTH2\n" TOKEN "QUIT\n", "credential;ready;" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334\n235 2.7.0 ok\n", "EHLO us\nAUTH XOAUTH2\n" TOKEN "QUIT\n",
      "credential;ready;" },
    { IR, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "235 ok\n",
      "EHLO us\n[AUTH XOAUTH2 dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbgEB]\nQUIT\n", "credential;ready;" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 \n535 5.7.3 Authentication unsuccessful [host]\n",
      "EHLO us\nAUTH XOAUTH2\n" TOKEN "QUIT\n", "credential;refused 535|5.7.3|Authentication unsuccessful [host];" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 \n334 eyJzdGF0dXMiOiI0MDAifQ==\n535 5.7.8 no\n",
      "EHLO us\nAUTH XOAUTH2\n" TOKEN "\nQUIT\n", "credential;refused 535|5.7.8|no;challenge {\"status\":\"400\"};" },
    { IR, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 not base64!\n535 no\n",
      "EHLO us\n[AUTH XOAUTH2 dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbgEB]\n\nQUIT\n",
      "credential;refused 535||no;challenge not base64!;" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 \n334 e30=\n334 e30=\n", "EHLO us\nAUTH XOAUTH2\n" TOKEN "\n",
      "credential;failed auth 334 smtp.breach retry;" },
    { PLAIN, SMTP_CLIENT_OAUTHBEARER, "220 m\n250-m\n250 AUTH OAUTHBEARER\n334 \n334 e30=\n535 no\n",
      "EHLO us\nAUTH OAUTHBEARER\n[bixhPWpvZUB4LAFob3N0PW1haWwueAFwb3J0PTU4NwFhdXRoPUJlYXJlciBUMGtlbgEB]\nAQ==\nQUIT\n",
      "credential;refused 535||no;challenge {};" },
    { RETRY_AUTH, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 \n535 no\n334 \n235 ok\n",
      "EHLO us\nAUTH XOAUTH2\n" TOKEN "AUTH XOAUTH2\n[dXNlcj1qb2VAeAFhdXRoPUJlYXJlciBUMGtlbjIBAQ==]\nQUIT\n",
      "credential;refused 535||no;ready;" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "504 5.7.4 Unrecognized authentication type\n",
      "EHLO us\nAUTH XOAUTH2\nQUIT\n", "credential;refused 504|5.7.4|Unrecognized authentication type;" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, HELLO_XOAUTH2 "334 \n421 4.7.0 bye\n", "EHLO us\nAUTH XOAUTH2\n" TOKEN,
      "credential;failed auth 421  retry;" },
    { PLAIN, SMTP_CLIENT_PLAIN, "220 m\n250-m\n250 AUTH LOGIN PLAIN\n334 \n235 ok\n",
      "EHLO us\nAUTH PLAIN\n[AGpvZUB4AFQwa2Vu]\nQUIT\n", "credential;ready;" },
    { IR, SMTP_CLIENT_PLAIN, "220 m\n250-m\n250 AUTH=PLAIN\n235 ok\n", "EHLO us\n[AUTH PLAIN AGpvZUB4AFQwa2Vu]\nQUIT\n",
      "credential;ready;" },
    { PLAIN, SMTP_CLIENT_PLAIN, "220 m\n250-m\n250 auth login\n334 VXNlcm5hbWU6\n334 UGFzc3dvcmQ6\n235 ok\n",
      "EHLO us\nAUTH LOGIN\n[am9lQHg=]\n[VDBrZW4=]\nQUIT\n", "credential;ready;" },
    { PLAIN, SMTP_CLIENT_LOGIN, "220 m\n250-m\n250 AUTH LOGIN\n334 VXNlcm5hbWU6\n535 who\n",
      "EHLO us\nAUTH LOGIN\n[am9lQHg=]\nQUIT\n", "credential;refused 535||who;" },
    { PLAIN, SMTP_CLIENT_XOAUTH2, "220 m\n250-m\n250 AUTH LOGIN PLAIN\n", "EHLO us\n",
      "failed auth 0 smtp.auth-missing hold;" },
};

#define PIPE_HELLO "220 m\n250-m\n250 PIPELINING\n"
#define ONE_MAIL "MAIL FROM:<a@x>\nRCPT TO:<b@y>\nDATA\n"
#define TWO_RCPTS "MAIL FROM:<a@x>\nRCPT TO:<b@y>\nRCPT TO:<c@y>\nDATA\n"
#define BODY "..a\n.\n"

static const struct dialogue transaction[] = {
    { TWO_MAILS, SMTP_CLIENT_NO_AUTH,
      HELLO "250 ok\n250 2.1.5 ok\n354 go\n250 2.0.0 <id> [Hostname=x]\n250 ok\n250 ok\n354 go\n550-5.7.60 no\n550 "
            "5.7.60 way\n",
      "EHLO us\n" ONE_MAIL BODY ONE_MAIL BODY "QUIT\n",
      "ready;sender 250||ok;0:rcpt 250|2.1.5|ok;body 250|2.0.0|<id> [Hostname=x];ready;"
      "sender 250||ok;0:rcpt 250||ok;body 550|5.7.60|no\nway;ready;" },
    { TWO_RCPT | TWO_MAILS, SMTP_CLIENT_NO_AUTH,
      PIPE_HELLO "250 s\n250 r\n550 5.1.1 r\n354 go\n250 ok\n250 s\n250 r\n250 r\n354 go\n250 ok\n",
      "EHLO us\n" TWO_RCPTS BODY TWO_RCPTS BODY "QUIT\n",
      "ready;sender 250||s;0:rcpt 250||r;1:rcpt 550|5.1.1|r;body 250||ok;ready;sender 250||s;0:rcpt 250||r;1:rcpt "
      "250||r;body 250||ok;ready;" },
    /* A refused sender ends it. */
    { TWO_RCPT, SMTP_CLIENT_NO_AUTH, HELLO "553 5.1.7 s\n", "EHLO us\nMAIL FROM:<a@x>\nQUIT\n",
      "ready;sender 553|5.1.7|s;ready;" },
    { TWO_RCPT, SMTP_CLIENT_NO_AUTH, PIPE_HELLO "553 5.1.7 s\n503 r\n503 r\n503 d\n", "EHLO us\n" TWO_RCPTS "QUIT\n",
      "ready;sender 553|5.1.7|s;ready;" },
    { TWO_RCPT, SMTP_CLIENT_NO_AUTH, PIPE_HELLO "553 s\n250 r\n250 r\n354 d\n554 empty\n",
      "EHLO us\n" TWO_RCPTS ".\nQUIT\n", "ready;sender 553||s;ready;" },
    /* All recipients refused. */
    { TWO_RCPT, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n550 r\n450 r\n250 rset\n",
      "EHLO us\nMAIL FROM:<a@x>\nRCPT TO:<b@y>\nRCPT TO:<c@y>\nRSET\nQUIT\n",
      "ready;sender 250||s;0:rcpt 550||r;1:rcpt 450||r;ready;" },
    { TWO_RCPT, SMTP_CLIENT_NO_AUTH, PIPE_HELLO "250 s\n550 r\n550 r\n554 none\n250 rset\n",
      "EHLO us\n" TWO_RCPTS "RSET\nQUIT\n", "ready;sender 250||s;0:rcpt 550||r;1:rcpt 550||r;ready;" },
    { TWO_RCPT, SMTP_CLIENT_NO_AUTH, PIPE_HELLO "250 s\n550 r\n550 r\n354 go\n250 sent to nobody\n",
      "EHLO us\n" TWO_RCPTS ".\nQUIT\n", "ready;sender 250||s;0:rcpt 550||r;1:rcpt 550||r;ready;" },
    /* DATA refused; a breach there. */
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n451 4.3.0 not now\n250 rset\n",
      "EHLO us\n" ONE_MAIL "RSET\nQUIT\n", "ready;sender 250||s;0:rcpt 250||r;data 451|4.3.0|not now;ready;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n250 d\n", "EHLO us\n" ONE_MAIL,
      "ready;sender 250||s;0:rcpt 250||r;failed data 250 smtp.breach retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n451 d\n500 rset\n", "EHLO us\n" ONE_MAIL "RSET\n",
      "ready;sender 250||s;0:rcpt 250||r;data 451||d;failed idle 500  retry;" },
    /* The server hangs up at each step. */
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "421 4.4.2 rate\n", "EHLO us\nMAIL FROM:<a@x>\n",
      "ready;failed mail 421  retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n421 4.4.2 rate\n", "EHLO us\nMAIL FROM:<a@x>\nRCPT TO:<b@y>\n",
      "ready;sender 250||s;failed rcpt 421  retry;" },
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n354 go\n421 4.3.2 down\n", "EHLO us\n" ONE_MAIL BODY,
      "ready;sender 250||s;0:rcpt 250||r;failed body 421  retry;" },
    /* Parameters, where they are offered. */
    { DSN | UTF8, SMTP_CLIENT_NO_AUTH,
      "220 m\n250-m\n250-SIZE 100\n250-8BITMIME\n250-SMTPUTF8\n250 DSN\n250 s\n250 r\n354 go\n250 ok\n",
      "EHLO us\nMAIL FROM:<a@x> SIZE=42 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=Q+2BQ\nRCPT TO:<b@y> "
      "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@y\nDATA\n" BODY "QUIT\n",
      "ready;sender 250||s;0:rcpt 250||r;body 250||ok;ready;" },
    { DSN, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n354 go\n250 ok\n", "EHLO us\n" ONE_MAIL BODY "QUIT\n",
      "ready;sender 250||s;0:rcpt 250||r;body 250||ok;ready;" },
    /* Replies: a bare LF, an enhanced code of another class, control characters, nothing after the code. */
    { PLAIN, SMTP_CLIENT_NO_AUTH, HELLO "250 4.1.0 s\001\n250\n354\n250-2.0.0 a\n250-b\n250 2.0.0 c\n",
      "EHLO us\n" ONE_MAIL BODY "QUIT\n", "ready;sender 250||4.1.0 s?;0:rcpt 250||;body 250|2.0.0|a\nb\nc;ready;" },
};

/* RFC 2033. */
static const struct dialogue lmtp[] = {
    { LMTP | TWO_RCPT | TWO_MAILS, SMTP_CLIENT_NO_AUTH,
      PIPE_HELLO
      "250 s\n250 r\n250 r\n354 go\n250 2.0.0 a\n452 4.2.2 full\n250 s\n550 r\n250 r\n354 go\n552 5.2.2 full\n",
      "LHLO us\n" TWO_RCPTS BODY TWO_RCPTS BODY "QUIT\n",
      "ready;sender 250||s;0:rcpt 250||r;1:rcpt 250||r;0:stored 250|2.0.0|a;1:stored 452|4.2.2|full;ready;sender "
      "250||s;0:rcpt 550||r;1:rcpt 250||r;1:stored 552|5.2.2|full;ready;" },
    { LMTP | TWO_RCPT, SMTP_CLIENT_NO_AUTH, PIPE_HELLO "250 s\n550 r\n450 r\n250 rset\n",
      "LHLO us\nMAIL FROM:<a@x>\nRCPT TO:<b@y>\nRCPT TO:<c@y>\nRSET\nQUIT\n",
      "ready;sender 250||s;0:rcpt 550||r;1:rcpt 450||r;ready;" },
    { LMTP | TWO_RCPT, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n250 r\n354 go\n250 a\n421 4.3.2 down\n",
      "LHLO us\n" TWO_RCPTS BODY,
      "ready;sender 250||s;0:rcpt 250||r;1:rcpt 250||r;0:stored 250||a;failed body 421  retry;" },
    /* One answer too many was not asked for. */
    { LMTP, SMTP_CLIENT_NO_AUTH, HELLO "250 s\n250 r\n354 go\n250 a\n", "LHLO us\n" ONE_MAIL BODY "QUIT\n",
      "ready;sender 250||s;0:rcpt 250||r;0:stored 250||a;ready;" },
    { LMTP, SMTP_CLIENT_NO_AUTH, "220 m\n500 5.5.1 what is LHLO?\n", "LHLO us\n", "failed connect 500  hold;" },
    { LMTP | STARTTLS, SMTP_CLIENT_NO_AUTH, "220 m\n250-m\n250 STARTTLS\n220 go\n~250 m\n",
      "LHLO us\nSTARTTLS\nLHLO us\nQUIT\n", "tls;ready;" },
};

static struct smtp_recipient recipients[] = { { "b@y", 0, "" }, { "c@y", 0, "" } };
static struct smtp_recipient notified[] = { { "b@y", NOTIFY_SUCCESS | NOTIFY_DELAY, "rfc822;b@y" } };

static void play_init(struct play *p, const struct dialogue *d)
{
    *p = (struct play){ .mails = 0, .credentials = d->setup & RETRY_AUTH ? 2 : 1 };
    p->options = (struct smtp_client_options){ .helo = "us",
                                               .host = "mail.x",
                                               .port = 587,
                                               .tls = d->setup & STARTTLS ? SMTP_CLIENT_STARTTLS : SMTP_CLIENT_NO_TLS,
                                               .sasl = d->sasl,
                                               .initial_response = d->setup & IR,
                                               .is_lmtp = d->setup & LMTP };
    p->env = (struct smtp_envelope){
        .sender = "a@x", .envid = "", .recipients = recipients, .recipients_count = d->setup & TWO_RCPT ? 2 : 1
    };
    if (d->setup & DSN) {
        p->env.recipients = notified;
        p->env.ret = RET_HDRS;
        p->env.envid = "Q+2BQ";
        p->env.size = 42;
    }
    p->env.is_8bit = p->env.is_smtputf8 = d->setup & UTF8;
    buf_init(&p->out, 1 << 20);
    buf_init(&p->events, 1 << 20);
    p->client = smtp_client_new(&p->options, &host, p);
}

static void play_fini(struct play *p)
{
    smtp_client_free(p->client);
    buf_fini(&p->out);
    buf_fini(&p->events);
}

static void add_crlf(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_byte(out, '\r');
        buf_add_byte(out, (uint8_t)*text);
    }
}

static void feed(struct play *p, struct bytes in, size_t step)
{
    for (size_t at = 0; at < in.size; at += step ? step : in.size)
        smtp_client_feed(p->client, bytes_slice(in, at, step ? at + step : in.size));
}

static void feed_around_tls(struct play *p, struct bytes in, size_t step)
{
    size_t tilde = bytes_find(in, BYTES_LIT("~"));
    feed(p, bytes_slice(in, 0, tilde == SIZE_MAX ? in.size : tilde), step);
    if (tilde == SIZE_MAX)
        return;
    assert_string_equal(buf_str(&p->events), "tls;");
    smtp_client_tls_done(p->client);
    feed(p, bytes_slice(in, tilde + 1, in.size), step);
}

/* However the server's octets arrive, and whether it ends lines by CRLF or carelessly, we say the same. */
static void play_every_way(const struct dialogue *d)
{
    static const size_t steps[] = { 0, 1, 3 };
    for (size_t way = 0; way < 2 * sizeof steps / sizeof steps[0]; way++) {
        struct play p;
        struct buf in, out;
        buf_init(&in, 1 << 20);
        buf_init(&out, 1 << 20);
        if (way % 2)
            buf_add_str(&in, d->in);
        else
            add_crlf(&in, d->in);
        add_crlf(&out, d->out);
        play_init(&p, d);
        p.mails = d->setup & TWO_MAILS ? 2 : strstr(d->out, "MAIL") ? 1 : 0;
        feed_around_tls(&p, buf_bytes(&in), steps[way / 2]);
        assert_string_equal(buf_str(&p.out), buf_str(&out));
        assert_string_equal(buf_str(&p.events), d->events);
        play_fini(&p);
        buf_fini(&in);
        buf_fini(&out);
    }
}

#define TEST_TABLE(table) \
    static void test_##table(void **state) \
    { \
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) { \
            print_message("  %s dialogue %zu\n", #table, i); \
            play_every_way(&table[i]); \
        } \
    }

TEST_TABLE(greeting)
TEST_TABLE(sign_in)
TEST_TABLE(transaction)
TEST_TABLE(lmtp)

static void play_text(struct play *p, const struct dialogue *d)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    add_crlf(&in, d->in);
    play_init(p, d);
    smtp_client_feed(p->client, buf_bytes(&in));
    buf_fini(&in);
}

static void test_octets_behind_starttls_are_an_attack(void **state)
{
    static const struct dialogue d = { STARTTLS, SMTP_CLIENT_XOAUTH2,
                                       "220 m\n250-m\n250 STARTTLS\n220 go\n250 forged\n", "", "" };
    struct play p;
    play_text(&p, &d);
    assert_string_equal(buf_str(&p.events), "failed starttls 0 smtp.injection hold;");
    play_fini(&p);
    static const struct dialogue before = { STARTTLS, SMTP_CLIENT_XOAUTH2, "220 m\n250-m\n250 STARTTLS\n220 go\n", "",
                                            "" };
    play_text(&p, &before);
    smtp_client_feed(p.client, BYTES_LIT("2"));
    smtp_client_tls_done(p.client);
    assert_string_equal(buf_str(&p.events), "tls;failed starttls 0 smtp.injection hold;");
    play_fini(&p);
}

static void test_endless_replies_are_a_breach(void **state)
{
    static const struct dialogue d = { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\n", "", "" };
    struct play p;
    play_text(&p, &d);
    for (int i = 0; i < 250; i++)
        smtp_client_feed(p.client, BYTES_LIT("250-more\r\n"));
    assert_string_equal(buf_str(&p.events), "failed connect 0 smtp.breach retry;");
    play_fini(&p);
    play_text(&p, &d);
    smtp_client_feed(p.client, BYTES_LIT("250 "));
    for (int i = 0; i < 3000; i++)
        smtp_client_feed(p.client, BYTES_LIT("x"));
    assert_string_equal(buf_str(&p.events), "failed connect 0 smtp.breach retry;");
    play_fini(&p);
}

static void test_capabilities(void **state)
{
    static const struct dialogue d = {
        PLAIN, SMTP_CLIENT_NO_AUTH,
        "220 m\n250-m STARTTLS\n250-SIZE 157286400\n250-Pipelining\n250-DSN\n250-ENHANCEDSTATUSCODES\n250-8bitmime\n"
        "250-CHUNKING\n250-X-FOO\n250-AUTH LOGIN XOAUTH2 OAUTHBEARER\n250 SMTPUTF8\n",
        "", ""
    };
    struct play p;
    play_text(&p, &d);
    const struct smtp_client_caps *caps = smtp_client_caps(p.client);
    assert_true(caps->size && caps->size_limit == 157286400);
    assert_true(caps->pipelining && caps->dsn && caps->enhanced && caps->eightbit && caps->chunking && caps->smtputf8);
    assert_true(caps->auth_login && caps->auth_xoauth2 && caps->auth_oauthbearer);
    assert_false(caps->auth_plain || caps->starttls);
    play_fini(&p);
}

static void test_long_parameters_stay_out_of_512_octets(void **state)
{
    static const struct dialogue d = { PLAIN, SMTP_CLIENT_NO_AUTH, "220 m\n250-m\n250 DSN\n", "", "" };
    static char orcpt[470] = "rfc822;";
    memset(orcpt + 7, 'a', sizeof orcpt - 8);
    struct smtp_recipient long_one = { "b@y", NOTIFY_NEVER, orcpt };
    struct play p;
    struct dialogue with_mail = d;
    with_mail.in = "220 m\n250-m\n250 DSN\n250 s\n250 r\n";
    struct buf in;
    buf_init(&in, 4096);
    add_crlf(&in, with_mail.in);
    play_init(&p, &with_mail);
    p.mails = 1;
    p.env.recipients = &long_one;
    smtp_client_feed(p.client, buf_bytes(&in));
    assert_true(bytes_find(buf_bytes(&p.out), BYTES_LIT("RCPT TO:<b@y> NOTIFY=NEVER ORCPT=")) != SIZE_MAX);
    play_fini(&p);
    long_one.address = "a-recipient-with-a-name-of-its-own@example.org";
    play_init(&p, &with_mail);
    p.mails = 1;
    p.env.recipients = &long_one;
    smtp_client_feed(p.client, buf_bytes(&in));
    assert_true(bytes_find(buf_bytes(&p.out),
                           BYTES_LIT("RCPT TO:<a-recipient-with-a-name-of-its-own@example.org> NOTIFY=NEVER\r\n")) !=
                SIZE_MAX);
    play_fini(&p);
    buf_fini(&in);
}

static void test_addresses_can_not_carry_commands(void **state)
{
    static const struct dialogue d = { PLAIN, SMTP_CLIENT_NO_AUTH, "", "", "" };
    struct smtp_recipient bad = { "b@y>\r\nRCPT TO:<c@y", 0, "" };
    struct play p;
    play_init(&p, &d);
    p.mails = 1;
    p.env.recipients = &bad;
    smtp_client_feed(p.client, BYTES_LIT("220 m\r\n250 m\r\n"));
    assert_string_equal(buf_str(&p.events), "ready;failed mail 0 smtp.address-unusable reject;");
    assert_string_equal(buf_str(&p.out), "EHLO us\r\n");
    play_fini(&p);
}

static void test_an_unusable_credential_is_not_sent(void **state)
{
    struct play p;
    static const struct dialogue d = { PLAIN, SMTP_CLIENT_XOAUTH2, "", "", "" };
    play_init(&p, &d);
    struct smtp_client_host quiet = host;
    quiet.want_credential = on_start_tls; /* notes, and gives none yet */
    smtp_client_free(p.client);
    p.client = smtp_client_new(&p.options, &quiet, &p);
    smtp_client_feed(p.client, BYTES_LIT("220 m\r\n250-m\r\n250 AUTH XOAUTH2\r\n"));
    assert_string_equal(smtp_client_when(p.client), "auth");
    smtp_client_credential(p.client, "joe@x", BYTES_LIT("T0ken\r\nQUIT"));
    assert_string_equal(buf_str(&p.events), "tls;failed auth 0 smtp.credential-unusable hold;");
    assert_string_equal(buf_str(&p.out), "EHLO us\r\n");
    play_fini(&p);
}

static void test_answers_in_the_middle_of_the_body(void **state)
{
    static const struct dialogue d = { PLAIN, SMTP_CLIENT_NO_AUTH, "", "", "" };
    struct play p;
    play_init(&p, &d);
    p.mails = 1;
    struct smtp_client_host slow = host;
    slow.want_body = on_start_tls;
    smtp_client_free(p.client);
    p.client = smtp_client_new(&p.options, &slow, &p);
    smtp_client_feed(p.client, BYTES_LIT("220 m\r\n250 m\r\n250 s\r\n250 r\r\n354 go\r\n"));
    smtp_client_body(p.client, BYTES_LIT("half a"));
    smtp_client_feed(p.client, BYTES_LIT("552 5.3.4 too much\r\n"));
    smtp_client_body(p.client, BYTES_LIT(" message"));
    smtp_client_body_end(p.client);
    assert_string_equal(buf_str(&p.events), "ready;sender 250||s;0:rcpt 250||r;tls;failed body 552  reject;");
    assert_null(strstr(buf_str(&p.out), "message"));
    play_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greeting),
        cmocka_unit_test(test_sign_in),
        cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_lmtp),
        cmocka_unit_test(test_octets_behind_starttls_are_an_attack),
        cmocka_unit_test(test_endless_replies_are_a_breach),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_long_parameters_stay_out_of_512_octets),
        cmocka_unit_test(test_addresses_can_not_carry_commands),
        cmocka_unit_test(test_an_unusable_credential_is_not_sent),
        cmocka_unit_test(test_answers_in_the_middle_of_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
