/* inbox/inlet.c - a connection's life: dialled, made safe, used, ended. The credential is inlet_sign_in.c's matter. */
#include "inbox/inlet.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inlet_private.h"

enum { OUT_LIMIT = 1 << 20 };

/* -- endings -- */

static void let_go(struct inlet *l)
{
    inlet_stop_asking(l);
    loop_timer_stop(&l->timer);
    l->user = NULL;
    l->state = INLET_OVER;
    loop_defer(l->inbox->loop, &l->turn);
}

static void free_engine(struct inlet *l)
{
    imap_client_free(l->imap);
    pop3_client_free(l->pop3);
    l->imap = NULL;
    l->pop3 = NULL;
}

static void bury(struct inlet *l)
{
    loop_undefer(&l->turn);
    list_remove(&l->node);
    conn_free(l->conn);
    free_engine(l);
    tls_context_free(l->tls);
    arena_free(l->life);
    free(l);
}

void inlet_fail(struct inlet *l, const struct inlet_trouble *t)
{
    const struct inlet_user *user = l->user;
    void *ctx = l->ctx;

    if (l->state == INLET_OVER)
        return;
    conn_free(l->conn);
    l->conn = NULL;
    let_go(l);
    if (user)
        user->failed(ctx, t);
}

void inlet_fail_fault(struct inlet *l, const char *when, const struct fault *why)
{
    const struct inlet_trouble t = {
        .when = when, .words = why->text, .finding = finding_by_id(why->id), .fault = *why
    };
    inlet_fail(l, &t);
}

static void fail_unread(struct inlet *l)
{
    struct fault why;

    fault_set(&why, FAULT_RETRY, "net.slow", "%s does not read what it is sent", l->host);
    inlet_fail_fault(l, inlet_when(l), &why);
}

/* An engine must not be freed inside its own callbacks, and nobody wants to hear of a failure inside a call he makes. */
static void on_turn(void *ctx)
{
    struct inlet *l = ctx;

    if (l->state == INLET_OVER) {
        bury(l);
    } else if (l->state == INLET_LEAVING) {
        conn_finish(l->conn, INLET_GOODBYE_MS);
    } else if (l->wants_redial) {
        l->wants_redial = false;
        inlet_connect(l);
    } else {
        fail_unread(l); /* which comes here once more, to be buried */
    }
}

/* -- connection -- */

void inlet_step(struct inlet *l, const char *step, const char *seen)
{
    if (l->user && l->user->step)
        l->user->step(l->ctx, step, seen);
}

static void tell_tls(struct inlet *l)
{
    struct tls_certificate shown = { .expires_ms = 0 };
    char text[900], until[32];

    if (!l->user || !l->user->step || !conn_tls_certificate(l->conn, &shown))
        return;
    clock_iso(shown.expires_ms, until, sizeof until);
    snprintf(text, sizeof text, "%s, certificate of %s by %s, valid until %.10s", conn_tls_text(l->conn), shown.subject,
             shown.issuer, until);
    inlet_step(l, "tls", text);
}

static void on_ready(void *ctx)
{
    struct inlet *l = ctx;
    char address[NET_ADDR_TEXT_SIZE];
    bool is_first = l->state == INLET_CONNECTING;

    conn_set_idle(l->conn, INLET_GREETING_MS);
    if (is_first) {
        l->state = INLET_SIGNING_IN;
        net_addr_host_text(conn_peer(l->conn), address, sizeof address);
        snprintf(l->host, sizeof l->host, "%s[%s]:%u", l->server.host, address, (unsigned)l->server.port);
        inlet_step(l, "connection", l->host);
    }
    if (conn_is_tls(l->conn))
        tell_tls(l);
    if (is_first)
        return;
    if (l->imap)
        imap_client_tls_done(l->imap);
    else
        pop3_client_tls_done(l->pop3);
}

static void remember_last_line(struct inlet *l, struct bytes in)
{
    struct bytes line = bytes_trim(in);

    for (size_t i = line.size; i > 0; i--)
        if (line.data[i - 1] == '\n') {
            line = bytes_slice(line, i, line.size);
            break;
        }
    text_sanitize(line, l->said, sizeof l->said);
}

static void tell_greeting(struct inlet *l)
{
    if (!l->greeting_told)
        inlet_step(l, "greeting", l->said);
    l->greeting_told = true;
}

/* The engine stops behind the answer that signs in, for those who then take the connection over; here it goes on. */
static size_t on_data(void *ctx, struct bytes in)
{
    struct inlet *l = ctx;
    struct bytes rest = in;

    while (rest.size > 0 && l->state != INLET_OVER && !l->wants_redial) {
        if (l->state == INLET_SIGNING_IN)
            remember_last_line(l, rest);
        size_t used = l->imap ? imap_client_feed(l->imap, rest) : pop3_client_feed(l->pop3, rest);
        if (l->state == INLET_SIGNING_IN)
            tell_greeting(l);
        if (used == 0)
            break;
        rest = bytes_slice(rest, used, rest.size);
    }
    return in.size;
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct inlet *l = ctx;
    struct inlet_trouble t = { .is_lost = true };

    if (l->state == INLET_OVER || inlet_lost_while_renewing(l))
        return;
    t.when = inlet_when(l);
    if (why)
        t.fault = *why;
    else
        fault_set(&t.fault, FAULT_RETRY, "net.lost", "%s closed the connection", l->host);
    t.finding = finding_by_id(t.fault.id);
    t.words = t.fault.text;
    inlet_fail(l, &t);
}

static const struct conn_events events = { .ready = on_ready, .data = on_data, .closed = on_closed };

void inlet_connect(struct inlet *l)
{
    const struct conn_limits limits = { .out_limit = OUT_LIMIT,
                                        .idle_ms = INLET_GREETING_MS,
                                        .connect_ms = INLET_CONNECT_MS };
    bool is_implicit = l->server.tls == OBJECT_TLS_IMPLICIT;

    conn_free(l->conn);
    free_engine(l);
    l->state = INLET_CONNECTING;
    l->greeting_told = false;
    l->dialled_ms = loop_now_ms(l->inbox->loop);
    if (l->protocol == OBJECT_IMAP)
        l->imap = imap_client_new(&l->options.imap, &inlet_imap_host, l);
    else
        l->pop3 = pop3_client_new(&l->options.pop3, &inlet_pop3_host, l);
    l->conn = conn_dial(l->inbox->loop, l->inbox->resolver, l->server.host, (uint16_t)l->server.port,
                        is_implicit ? l->tls : NULL, &limits, &events, l);
}

/* -- what the engines ask for -- */

void inlet_write(struct inlet *l, struct bytes out, bool is_secret)
{
    if (l->state == INLET_OVER || l->is_unread)
        return;
    if (is_secret)
        conn_record_mask(l->conn, true);
    bool is_written = conn_write(l->conn, out);
    if (is_secret)
        conn_record_mask(l->conn, false);
    if (is_written || l->state == INLET_LEAVING)
        return;
    l->is_unread = true;
    loop_defer(l->inbox->loop, &l->turn);
}

void inlet_start_tls(struct inlet *l)
{
    tell_greeting(l);
    conn_start_tls_client(l->conn, l->tls, l->server.host);
}

void inlet_ready(struct inlet *l)
{
    if (l->state == INLET_LEAVING || l->state == INLET_OVER)
        return;
    if (l->state == INLET_SIGNING_IN) {
        l->state = INLET_OPEN;
        tell_greeting(l);
        if (l->signs_in)
            inlet_step(l, "sign-in", l->said);
    }
    conn_set_idle(l->conn, INLET_COMMAND_MS);
    if (l->user)
        l->user->ready(l->ctx);
}

const char *inlet_when(const struct inlet *l)
{
    if (l->state == INLET_CONNECTING)
        return "connect";
    return l->imap ? imap_client_when(l->imap) : pop3_client_when(l->pop3);
}

/* -- its beginning -- */

static void on_timer(void *ctx)
{
    struct inlet *l = ctx;
    struct fault why;

    fault_set(&why, FAULT_RETRY, "vault.unreachable", "the vault gave no credential for %s in time", l->mailbox);
    inlet_fail_fault(l, "auth", &why);
}

static void set_imap(struct inlet *l, const struct mailbox *m)
{
    static const enum imap_client_tls tls[] = { [OBJECT_TLS_DEFAULT] = IMAP_CLIENT_IMPLICIT,
                                                [OBJECT_TLS_NONE] = IMAP_CLIENT_NO_TLS,
                                                [OBJECT_TLS_STARTTLS] = IMAP_CLIENT_STARTTLS,
                                                [OBJECT_TLS_IMPLICIT] = IMAP_CLIENT_IMPLICIT };
    enum imap_client_sasl sasl = IMAP_CLIENT_XOAUTH2;

    if (!l->signs_in)
        sasl = IMAP_CLIENT_NO_AUTH;
    else if (m->grant == OBJECT_GRANT_BASIC)
        sasl = l->server.sasl == OBJECT_SASL_LOGIN ? IMAP_CLIENT_LOGIN : IMAP_CLIENT_PLAIN;
    else if (l->server.sasl == OBJECT_SASL_OAUTHBEARER)
        sasl = IMAP_CLIENT_OAUTHBEARER;
    l->options.imap = (struct imap_client_options){ .host = l->server.host,
                                                    .port = (uint16_t)l->server.port,
                                                    .tls = tls[l->server.tls],
                                                    .sasl = sasl,
                                                    .wants_capabilities = true };
}

static void set_pop3(struct inlet *l, const struct mailbox *m)
{
    static const enum pop3_client_tls tls[] = { [OBJECT_TLS_DEFAULT] = POP3_CLIENT_IMPLICIT,
                                                [OBJECT_TLS_NONE] = POP3_CLIENT_NO_TLS,
                                                [OBJECT_TLS_STARTTLS] = POP3_CLIENT_STLS,
                                                [OBJECT_TLS_IMPLICIT] = POP3_CLIENT_IMPLICIT };
    enum pop3_client_sasl sasl = POP3_CLIENT_XOAUTH2;

    if (!l->signs_in)
        sasl = POP3_CLIENT_NO_AUTH;
    else if (m->grant == OBJECT_GRANT_BASIC)
        sasl = l->server.sasl == OBJECT_SASL_LOGIN ? POP3_CLIENT_LOGIN : POP3_CLIENT_PLAIN;
    else if (l->server.sasl == OBJECT_SASL_OAUTHBEARER)
        sasl = POP3_CLIENT_OAUTHBEARER;
    l->options.pop3 = (struct pop3_client_options){
        .host = l->server.host, .port = (uint16_t)l->server.port, .tls = tls[l->server.tls], .sasl = sasl
    };
}

static struct inlet *inlet_new(struct inbox *i, const struct mailbox *m, uint32_t protocol)
{
    const struct registration *reg = directory_registration(i->directory, m->registration);
    struct inlet *l = mem_alloc(sizeof *l);

    l->inbox = i;
    l->life = arena_new();
    l->protocol = protocol;
    l->mailbox = arena_strdup(l->life, m->address);
    l->tenant = arena_strdup(l->life, reg ? reg->tenant : "");
    l->server = directory_server_of(i->directory, m, protocol);
    l->server.host = arena_strdup(l->life, l->server.host);
    l->signs_in = m->grant != OBJECT_GRANT_NONE && l->server.sasl != OBJECT_SASL_NONE;
    snprintf(l->host, sizeof l->host, "%s:%u", l->server.host, (unsigned)l->server.port);
    list_init(&l->asking);
    list_append(&i->inlets, &l->node);
    loop_timer_init(&l->timer, i->loop, on_timer, l);
    loop_deferred_init(&l->turn, on_turn, l);
    return l;
}

struct inlet *inlet_open(struct inbox *i, const struct mailbox *m, uint32_t protocol, const struct inlet_user *user,
                         void *ctx, struct fault *why)
{
    const struct provider *p = directory_provider_of(i->directory, m);
    const struct object_server server = directory_server_of(i->directory, m, protocol);
    struct tls_context *tls = NULL;

    if (!p || text_is_empty(server.host) || server.port == 0) {
        fault_set(why, FAULT_HOLD, "mailbox.provider-missing", "%s has no provider with an %s server", m->address,
                  protocol == OBJECT_IMAP ? "IMAP" : "POP3");
        return NULL;
    }
    if (server.tls != OBJECT_TLS_NONE && !(tls = trust_context(i->trust, p->ca_file, why)))
        return NULL;
    struct inlet *l = inlet_new(i, m, protocol);
    l->tls = tls ? tls_context_ref(tls) : NULL;
    l->user = user;
    l->ctx = ctx;
    if (protocol == OBJECT_IMAP)
        set_imap(l, m);
    else
        set_pop3(l, m);
    inlet_connect(l);
    return l;
}

/* -- its user's calls -- */

struct imap_client *inlet_imap(struct inlet *l)
{
    return l->imap;
}

struct pop3_client *inlet_pop3(struct inlet *l)
{
    return l->pop3;
}

void inlet_set_patience(struct inlet *l, int64_t ms)
{
    if (l->conn)
        conn_set_idle(l->conn, ms);
}

/* What is still to be said is the goodbye. Inside its own callbacks an engine speaks only when they return, so the connection is
 * finished at the end of the turn. */
void inlet_close(struct inlet *l)
{
    if (!l || l->state == INLET_OVER)
        return;
    l->user = NULL;
    inlet_stop_asking(l);
    loop_timer_stop(&l->timer);
    if (l->state != INLET_OPEN) {
        inlet_drop(l);
        return;
    }
    l->state = INLET_LEAVING;
    if (l->imap && imap_client_is_ready(l->imap))
        imap_client_logout(l->imap);
    else if (l->pop3 && pop3_client_is_ready(l->pop3))
        pop3_client_quit(l->pop3);
    loop_defer(l->inbox->loop, &l->turn);
}

void inlet_drop(struct inlet *l)
{
    if (!l || l->state == INLET_OVER)
        return;
    conn_free(l->conn);
    l->conn = NULL;
    let_go(l);
}

void inlet_free_all(struct inbox *i)
{
    LIST_EACH (node, &i->inlets) {
        struct inlet *l = LIST_OF(node, struct inlet, node);
        inlet_drop(l);
        bury(l);
    }
}

/* -- small questions -- */

const char *inlet_host(const struct inlet *l)
{
    return l->host;
}

const struct token_view *inlet_token_view(const struct inlet *l)
{
    return &l->view;
}
