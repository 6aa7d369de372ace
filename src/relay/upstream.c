/* relay/upstream.c - one connection to a mail server, from dialling to goodbye; used by one delivery (or test) at a time.
 *
 * The protocol is proto/smtp/client.h, the bytes are net/conn.h; here they are put together: who is told what, how long to
 * wait at each step, and when a connection is kept. Signing in is upstream_sign_in.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/upstream_private.h"

/* -- endings -- */

static void let_go(struct upstream *u)
{
    list_remove(&u->node);
    upstream_stop_asking(u);
    loop_timer_stop(&u->timer);
    u->user = NULL;
    u->state = UPSTREAM_OVER;
    loop_defer(u->relay->loop, &u->turn);
}

static void bury(struct upstream *u)
{
    loop_undefer(&u->turn);
    conn_free(u->conn);
    smtp_client_free(u->client);
    tls_context_free(u->tls);
    dialogue_fini(&u->dialogue);
    arena_free(u->life);
    free(u);
}

void upstream_fail(struct upstream *u, const struct upstream_failure *f)
{
    const struct upstream_user *user = u->user;
    void *ctx = u->ctx;

    if (u->state == UPSTREAM_OVER)
        return;
    if (user)
        log_warn("relay.refused", LOG_TEXT("mailbox", u->mailbox), LOG_TEXT("host", u->host), LOG_TEXT("when", f->when),
                 LOG_NUMBER("code", f->code), LOG_TEXT("text", f->words),
                 LOG_TEXT("finding", f->finding ? f->finding->id : f->fault.id));
    else
        log_debug("relay.closed", LOG_TEXT("mailbox", u->mailbox), LOG_TEXT("host", u->host),
                  LOG_TEXT("text", f->words));
    if (f->code == 0)
        dialogue_note(&u->dialogue, "%s", f->words);
    conn_free(u->conn);
    u->conn = NULL;
    let_go(u);
    if (user)
        user->failed(ctx, f);
}

void upstream_fail_fault(struct upstream *u, const char *when, const struct fault *why)
{
    struct upstream_failure f = { .when = when, .enhanced = "", .words = why->text, .fault = *why };
    upstream_fail(u, &f);
}

static void fail_unread(struct upstream *u)
{
    struct fault why;

    fault_set(&why, FAULT_RETRY, "net.slow", "%s does not read what it is sent", u->host);
    upstream_fail_fault(u, smtp_client_when(u->client), &why);
}

/* The client must not be freed inside its own callbacks, and nobody wants to hear of a failure inside a call he makes. */
static void on_turn(void *ctx)
{
    struct upstream *u = ctx;

    if (u->state == UPSTREAM_OVER) {
        bury(u);
    } else if (u->state == UPSTREAM_LEAVING) {
        conn_finish(u->conn, GOODBYE_MS);
    } else if (u->wants_redial) {
        u->wants_redial = false;
        upstream_connect(u);
    } else {
        fail_unread(u); /* which comes here once more, to be buried */
    }
}

/* -- connection -- */

static void tell_tls(struct upstream *u)
{
    struct tls_certificate shown = { .expires_ms = 0 };
    char text[900], until[32];

    dialogue_note(&u->dialogue, "%s", conn_tls_text(u->conn));
    if (!u->user || !u->user->step || !conn_tls_certificate(u->conn, &shown))
        return;
    clock_iso(shown.expires_ms, until, sizeof until);
    snprintf(text, sizeof text, "%s, certificate of %s by %s, valid until %.10s", conn_tls_text(u->conn), shown.subject,
             shown.issuer, until);
    upstream_step(u, "tls", text);
}

static void on_ready(void *ctx)
{
    struct upstream *u = ctx;
    char address[NET_ADDR_TEXT_SIZE];
    bool is_first = u->state == UPSTREAM_CONNECTING;

    conn_set_idle(u->conn, GREETING_MS);
    if (is_first) {
        u->state = UPSTREAM_SIGNING_IN;
        net_addr_host_text(conn_peer(u->conn), address, sizeof address);
        snprintf(u->host, sizeof u->host, "%s[%s]:%u", u->server.host, address, (unsigned)u->server.port);
        dialogue_note(&u->dialogue, "connected to %s", u->host);
        upstream_step(u, "connection", u->host);
    }
    if (conn_is_tls(u->conn))
        tell_tls(u);
    if (!is_first)
        smtp_client_tls_done(u->client);
}

static void remember_last_line(struct upstream *u, struct bytes in)
{
    struct bytes line = bytes_trim(in);

    for (size_t i = line.size; i > 0; i--)
        if (line.data[i - 1] == '\n') {
            line = bytes_slice(line, i, line.size);
            break;
        }
    text_sanitize(line, u->said, sizeof u->said);
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct upstream *u = ctx;

    dialogue_server(&u->dialogue, in);
    if (u->state == UPSTREAM_SIGNING_IN)
        remember_last_line(u, in);
    smtp_client_feed(u->client, in);
    return in.size;
}

static void on_drained(void *ctx)
{
    struct upstream *u = ctx;

    if (u->in_body && u->user)
        u->user->drained(u->ctx);
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct upstream *u = ctx;
    struct upstream_failure f = { .enhanced = "", .is_lost = true };

    if (u->state == UPSTREAM_OVER)
        return;
    if (upstream_lost_while_renewing(u))
        return;
    f.when = u->state == UPSTREAM_CONNECTING ? "connect" : smtp_client_when(u->client);
    f.is_uncertain = smtp_client_is_uncertain(u->client);
    if (why)
        f.fault = *why;
    else
        fault_set(&f.fault, FAULT_RETRY, "net.lost", "%s closed the connection", u->host);
    f.words = f.fault.text;
    upstream_fail(u, &f);
}

static const struct conn_events events = {
    .ready = on_ready,
    .data = on_data,
    .drained = on_drained,
    .closed = on_closed,
};

void upstream_connect(struct upstream *u)
{
    const struct conn_limits limits = { .out_limit = OUT_LIMIT, .idle_ms = GREETING_MS, .connect_ms = CONNECT_MS };
    bool is_implicit = u->server.tls == OBJECT_TLS_IMPLICIT;

    conn_free(u->conn);
    smtp_client_free(u->client);
    u->state = UPSTREAM_CONNECTING;
    u->greeting_told = false;
    u->dialled_ms = loop_now_ms(u->relay->loop);
    u->client = smtp_client_new(&u->options, &upstream_client_host, u);
    u->conn = conn_dial(u->relay->loop, u->relay->resolver, u->server.host, (uint16_t)u->server.port,
                        is_implicit ? u->tls : NULL, &limits, &events, u);
}

/* -- the protocol's calls -- */

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

/* -- opening -- */

static enum smtp_client_sasl sasl_of(const struct mailbox *m, enum object_sasl set)
{
    if (m->grant == OBJECT_GRANT_NONE || set == OBJECT_SASL_NONE)
        return SMTP_CLIENT_NO_AUTH;
    if (m->grant == OBJECT_GRANT_BASIC) /* the engine takes the other one where only that is offered */
        return set == OBJECT_SASL_LOGIN ? SMTP_CLIENT_LOGIN : SMTP_CLIENT_PLAIN;
    return set == OBJECT_SASL_OAUTHBEARER ? SMTP_CLIENT_OAUTHBEARER : SMTP_CLIENT_XOAUTH2;
}

static enum smtp_client_tls tls_of(enum object_tls set)
{
    switch (set) {
    case OBJECT_TLS_NONE:
        return SMTP_CLIENT_NO_TLS;
    case OBJECT_TLS_IMPLICIT:
        return SMTP_CLIENT_IMPLICIT;
    case OBJECT_TLS_DEFAULT:
    case OBJECT_TLS_STARTTLS:
        break;
    }
    return SMTP_CLIENT_STARTTLS;
}

static void set_options(struct upstream *u, const struct mailbox *m)
{
    u->options = (struct smtp_client_options){
        .helo = arena_strdup(u->life, u->relay->hostname),
        .host = u->server.host,
        .port = (uint16_t)u->server.port,
        .tls = tls_of(u->server.tls),
        .sasl = sasl_of(m, u->server.sasl),
        .initial_response = u->server.initial_response,
    };
}

static void on_timer(void *ctx)
{
    struct upstream *u = ctx;
    struct fault why;

    if (u->state == UPSTREAM_IDLE) {
        upstream_quit(u);
        return;
    }
    fault_set(&why, FAULT_RETRY, "vault.unreachable", "the vault gave no credential for %s in time", u->mailbox);
    upstream_fail_fault(u, "auth", &why);
}

static struct upstream *upstream_new(struct outlet *o, const struct upstream_user *user, void *ctx)
{
    struct upstream *u = mem_alloc(sizeof *u);

    u->relay = o->relay;
    u->outlet = o;
    u->life = arena_new();
    u->user = user;
    u->ctx = ctx;
    list_init(&u->node);
    list_init(&u->asking);
    list_append(&o->busy, &u->node);
    dialogue_init(&u->dialogue);
    loop_timer_init(&u->timer, o->relay->loop, on_timer, u);
    loop_deferred_init(&u->turn, on_turn, u);
    return u;
}

struct upstream *upstream_open(struct outlet *o, const struct mailbox *m, const struct upstream_user *user, void *ctx,
                               struct fault *why)
{
    struct relay *r = o->relay;
    const struct provider *p = directory_provider_of(r->directory, m);
    const struct registration *reg = directory_registration(r->directory, m->registration);
    struct object_server server = directory_server_of(r->directory, m, OBJECT_SMTP);

    if (!p || text_is_empty(server.host) || server.port == 0) {
        fault_set(why, FAULT_HOLD, "mailbox.provider-missing", "%s has no provider with an SMTP server", m->address);
        return NULL;
    }
    struct tls_context *tls = server.tls == OBJECT_TLS_NONE ? NULL : relay_tls(r, p->ca_file, why);
    if (server.tls != OBJECT_TLS_NONE && !tls)
        return NULL;
    struct upstream *u = upstream_new(o, user, ctx);
    u->tls = tls ? tls_context_ref(tls) : NULL;
    u->mailbox = arena_strdup(u->life, m->address);
    u->tenant = arena_strdup(u->life, reg ? reg->tenant : "");
    u->server = server;
    u->server.host = arena_strdup(u->life, server.host);
    snprintf(u->host, sizeof u->host, "%s:%u", server.host, (unsigned)server.port);
    set_options(u, m);
    upstream_connect(u);
    return u;
}

/* -- its user's calls -- */

void upstream_use(struct upstream *u, const struct upstream_user *user, void *ctx)
{
    loop_timer_stop(&u->timer);
    u->state = UPSTREAM_BUSY;
    u->user = user;
    u->ctx = ctx;
    dialogue_reset(&u->dialogue);
    dialogue_note(&u->dialogue, "connection to %s, used %u times before", u->host, u->transactions);
}

void upstream_mail(struct upstream *u, const struct smtp_envelope *env)
{
    smtp_client_mail(u->client, env);
}

bool upstream_room(const struct upstream *u)
{
    return u->state != UPSTREAM_OVER && !u->is_unread && conn_pending(u->conn) < WINDOW;
}

void upstream_body(struct upstream *u, struct bytes chunk)
{
    u->body_size += chunk.size;
    smtp_client_body(u->client, chunk);
}

void upstream_body_end(struct upstream *u)
{
    smtp_client_body_end(u->client);
    u->in_body = false;
    if (u->state == UPSTREAM_OVER)
        return;
    dialogue_note(&u->dialogue, "message of %llu bytes, then the final dot", (unsigned long long)u->body_size);
    conn_set_idle(u->conn, FINAL_DOT_MS);
}

static bool is_worth_keeping(const struct upstream *u)
{
    int64_t wall = loop_wall_ms(u->relay->loop);

    return !u->is_retired && !u->relay->is_stopping && u->transactions < TRANSACTIONS_MAX &&
           (u->expires_ms == 0 || u->expires_ms - wall > TOKEN_SPARE_MS);
}

void upstream_release(struct upstream *u)
{
    if (!is_worth_keeping(u)) {
        upstream_quit(u);
        return;
    }
    u->user = NULL;
    u->state = UPSTREAM_IDLE;
    list_remove(&u->node);
    list_append(&u->outlet->idle, &u->node);
    loop_timer_start(&u->timer, KEEP_MS);
}

/* What is still to be said is QUIT, and nobody waits for the answer. Inside its own callbacks the client speaks only when they
 * return, so the connection is finished at the end of the turn. */
void upstream_quit(struct upstream *u)
{
    if (u->state == UPSTREAM_OVER)
        return;
    u->user = NULL;
    list_remove(&u->node);
    list_append(&u->relay->leaving, &u->node);
    loop_timer_stop(&u->timer);
    u->state = UPSTREAM_LEAVING;
    smtp_client_quit(u->client);
    loop_defer(u->relay->loop, &u->turn);
}

void upstream_drop(struct upstream *u)
{
    if (u->state == UPSTREAM_OVER)
        return;
    conn_free(u->conn);
    u->conn = NULL;
    let_go(u);
}

void upstream_retire(struct upstream *u)
{
    u->is_retired = true;
}

/* -- small questions -- */

void upstream_step(struct upstream *u, const char *step, const char *seen)
{
    if (u->user && u->user->step)
        u->user->step(u->ctx, step, seen);
}

const struct smtp_client_caps *upstream_caps(const struct upstream *u)
{
    return smtp_client_caps(u->client);
}

const struct token_view *upstream_token_view(const struct upstream *u)
{
    return &u->view;
}

struct dialogue *upstream_dialogue(struct upstream *u)
{
    return &u->dialogue;
}

const char *upstream_host(const struct upstream *u)
{
    return u->host;
}

struct upstream *upstream_of_node(struct list *node)
{
    return LIST_OF(node, struct upstream, node);
}
