/* proto/smtp/server.c - the engine's frame: input goes to the reader that the state asks for, decisions come back in, and both
 * stop at a decision that is not made yet. The order of commands is in verbs.c, what they do in cmd_*.c. */
#include "proto/smtp/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proto/smtp/server_private.h"

#define OUT_LIMIT 65536 /* far over what one command answers; reply.c flushes long before */
#define TLS_HANDSHAKE 0x16

struct smtp_server *smtp_server_new(const struct smtp_server_policy *policy, const struct smtp_server_host *host,
                                    void *ctx)
{
    struct smtp_server *s = mem_alloc(sizeof *s);
    s->policy = policy;
    s->host = *host;
    s->ctx = ctx;
    s->state = SMTP_START;
    s->mail = arena_new();
    s->env.sender = s->env.envid = "";
    buf_init(&s->out, OUT_LIMIT);
    return s;
}

void smtp_server_free(struct smtp_server *s)
{
    if (!s)
        return;
    smtp_auth_forget(s);
    smtp_lines_release(&s->lines);
    buf_fini(&s->out);
    arena_free(s->mail);
    free(s->helo);
    free(s);
}

void smtp_server_set_secure(struct smtp_server *s)
{
    s->is_secure = true;
}

void smtp_server_set_trusted(struct smtp_server *s)
{
    s->is_trusted = true;
}

void smtp_server_greet(struct smtp_server *s)
{
    smtp_replyf(s, "220 %s ESMTP Postern", s->policy->hostname);
    smtp_flush(s);
}

static const char *state_name(enum smtp_state state)
{
    switch (state) {
    case SMTP_START:
        return "start";
    case SMTP_READY:
        return "ready";
    case SMTP_MAIL:
        return "mail";
    case SMTP_RCPT:
        return "rcpt";
    case SMTP_BDAT:
        return "bdat";
    case SMTP_CHUNK:
        return "chunk";
    case SMTP_DATA:
        return "data";
    case SMTP_AUTH:
        return "auth";
    case SMTP_CLOSED:
        return "closed";
    }
    return "unknown";
}

void smtp_server_enter(struct smtp_server *s, enum smtp_state next)
{
    if (next == s->state || s->state == SMTP_CLOSED)
        return;
    log_debug("smtp.server.state", LOG_TEXT("old", state_name(s->state)), LOG_TEXT("new", state_name(next)));
    s->state = next;
}

void smtp_server_end_transaction(struct smtp_server *s)
{
    bool was_open = s->in_transaction;
    s->in_transaction = false;
    s->env = (struct smtp_envelope){ .sender = "", .envid = "" };
    s->recipients_room = 0;
    s->recipients_refused = 0;
    s->body = (struct smtp_server_body){ .is_bdat = false };
    arena_reset(s->mail);
    if (was_open)
        s->host.reset(s->ctx);
    smtp_server_enter(s, SMTP_READY);
}

void smtp_server_quit(struct smtp_server *s)
{
    if (s->state == SMTP_CLOSED)
        return;
    if (s->body.is_begun && s->wait != WAIT_END)
        s->host.data_end(s->ctx, &s->env, false);
    smtp_server_end_transaction(s);
    smtp_auth_forget(s);
    smtp_lines_release(&s->lines);
    smtp_flush(s);
    s->wait = WAIT_NOTHING;
    smtp_server_enter(s, SMTP_CLOSED);
    s->host.quit(s->ctx);
}

void smtp_server_close(struct smtp_server *s, const char *enhanced, const char *text)
{
    if (s->state == SMTP_CLOSED)
        return;
    smtp_reply(s, smtp_verdict_line(s, &(struct smtp_verdict){ 421, enhanced, text }));
    smtp_server_quit(s);
}

static void tls_on_plain_port(struct smtp_server *s)
{
    smtp_notice(s, "smtp.client.tls-on-plain",
                "the client began with a TLS handshake where SMTP in clear is spoken first; set it to "
                "STARTTLS or to no encryption, or give it a listener with \"tls: implicit\"");
    smtp_reply(
        s, "421 4.7.0 A TLS handshake came, but this port speaks SMTP in clear first (use STARTTLS, or another port)");
    smtp_server_quit(s);
}

static size_t feed_line(struct smtp_server *s, struct bytes in)
{
    if (!s->is_secure && in.data[0] == TLS_HANDSHAKE && smtp_lines_is_empty(&s->lines)) {
        tls_on_plain_port(s);
        return in.size;
    }
    struct bytes line;
    enum smtp_line kind;
    size_t used = smtp_lines_take(&s->lines, SMTP_AUTH_LIMIT, in, &line, &kind);
    if (kind != SMTP_LINE_WHOLE && kind != SMTP_LINE_MORE && s->state == SMTP_AUTH) {
        smtp_auth_forget(s);
        smtp_server_enter(s, SMTP_READY);
    }
    switch (kind) {
    case SMTP_LINE_WHOLE:
        (s->state == SMTP_AUTH ? smtp_auth_line : smtp_server_command)(s, line);
        break;
    case SMTP_LINE_BARE_LF:
        smtp_notice(s, "smtp.client.bare-lf",
                    "the client ended a command with a bare LF; RFC 5321 2.3.8 asks for CRLF");
        smtp_refuse(s, "500 5.5.2 The line ended with a bare LF; lines must end with CRLF");
        break;
    case SMTP_LINE_OVERLONG:
        smtp_refuse(s, "500 5.5.2 Line too long");
        break;
    case SMTP_LINE_MORE:
        break;
    }
    if (kind != SMTP_LINE_MORE)
        smtp_lines_release(&s->lines);
    return used;
}

static size_t feed_some(struct smtp_server *s, struct bytes in)
{
    if (s->state == SMTP_CLOSED)
        return in.size;
    if (s->state == SMTP_DATA || s->state == SMTP_CHUNK)
        return smtp_body_feed(s, in);
    return feed_line(s, in);
}

size_t smtp_server_feed(struct smtp_server *s, struct bytes in)
{
    assert(!s->is_feeding);
    size_t used = 0;
    s->is_feeding = true;
    while (used < in.size && s->wait == WAIT_NOTHING)
        used += feed_some(s, bytes_slice(in, used, in.size));
    s->is_feeding = false;
    smtp_flush(s);
    return used;
}

bool smtp_server_is_waiting(const struct smtp_server *s)
{
    return s->wait != WAIT_NOTHING;
}

static void auth_decided(struct smtp_server *s, const struct smtp_verdict *v)
{
    arena_reset(s->mail);
    if (v->code == 0) {
        s->is_signed_in = true;
        smtp_reply(s, "235 2.7.0 Authentication successful");
        return;
    }
    smtp_reply(s, smtp_verdict_line(s, v));
    if (v->code == 421)
        smtp_server_quit(s);
    else
        smtp_count_error(s);
}

/* A verdict ends the wait for exactly one thing; a late one, after the session was closed, means nothing any more. */
static void settle(struct smtp_server *s, const struct smtp_verdict *v)
{
    static void (*const settled[WAITS])(struct smtp_server *, const struct smtp_verdict *) = {
        [WAIT_AUTH] = auth_decided,        [WAIT_MAIL] = smtp_mail_decided, [WAIT_RCPT] = smtp_rcpt_decided,
        [WAIT_BEGIN] = smtp_begin_decided, [WAIT_END] = smtp_end_decided,
    };
    if (s->state == SMTP_CLOSED)
        return;
    assert(settled[s->wait]);
    enum smtp_wait was = s->wait;
    s->wait = WAIT_NOTHING;
    settled[was](s, v);
    if (!s->is_feeding)
        smtp_flush(s);
}

void smtp_server_decided(struct smtp_server *s, const struct smtp_verdict *v)
{
    assert(s->state == SMTP_CLOSED || s->wait != WAIT_AUTH);
    settle(s, v);
}

void smtp_server_auth_done(struct smtp_server *s, const struct smtp_verdict *v)
{
    assert(s->state == SMTP_CLOSED || s->wait == WAIT_AUTH);
    settle(s, v);
}

/* What was said in clear is forgotten, the client's name included (RFC 3207 4.2). */
void smtp_server_tls_done(struct smtp_server *s)
{
    if (s->state == SMTP_CLOSED)
        return;
    assert(s->wait == WAIT_TLS);
    s->wait = WAIT_NOTHING;
    s->is_secure = true;
    s->is_signed_in = s->is_esmtp = false;
    free(s->helo);
    s->helo = NULL;
    smtp_server_enter(s, SMTP_START);
}

void smtp_server_resume(struct smtp_server *s)
{
    if (s->wait == WAIT_PAUSE)
        s->wait = WAIT_NOTHING;
}

const char *smtp_server_helo(const struct smtp_server *s)
{
    return s->helo ? s->helo : "";
}

const char *smtp_server_state_name(const struct smtp_server *s)
{
    return state_name(s->state);
}

const char *smtp_server_protocol(const struct smtp_server *s)
{
    static const char *const names[2][2][2] = {
        { { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
        { { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
    };
    return s->is_esmtp ? names[s->env.is_smtputf8][s->is_secure][s->is_signed_in] : "SMTP";
}
