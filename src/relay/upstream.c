/* relay/upstream.c - one connection to a mail server, from dialling to goodbye; used by one delivery (or test) at a time.
 *
 * The bytes are net/conn.h, the protocol is proto/smtp/client.h (whose calls are answered in upstream_client.c); here is how long
 * to wait at each step, when a connection is kept, and how it ends. */
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

/* -- its beginning -- */

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

struct upstream *upstream_new(struct outlet *o, const struct upstream_user *user, void *ctx)
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

/* -- its user's calls -- */

void upstream_use(struct upstream *u, const struct upstream_user *user, void *ctx)
{
    loop_timer_stop(&u->timer);
    u->state = UPSTREAM_BUSY;
    u->user = user;
    u->ctx = ctx;
    dialogue_reset(&u->dialogue);
    dialogue_note(&u->dialogue, "connection to %s, used %u %s before", u->host, u->transactions,
                  u->transactions == 1 ? "time" : "times");
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
