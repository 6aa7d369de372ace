/* bridge/reach.c - the way to the provider: dial, TLS, its first words, signed in. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "bridge/bridge_private.h"

static const struct far_kind *const kinds[] = {
    [FRONT_IMAP] = &far_imap, [FRONT_POP3] = &far_pop3, [FRONT_SMTP] = &far_smtp
};

/* -- Ends without success -- */

void reach_end(struct bridge *b)
{
    struct entry *e = b->entry;
    ask_forget(&b->ask);
    bridge_forget(b);
    if (!e)
        return;
    if (e->kind)
        e->kind->free(e->client);
    e->kind = NULL;
    e->client = NULL;
    tls_context_free(e->tls);
    e->tls = NULL;
    free(e->server_host);
    free(e->tenant);
    e->server_host = e->tenant = NULL;
    credential_forget(e);
    e->is_wanted = e->is_renewed = e->is_redialled = e->has_connected = false;
}

static void end_and_refuse(void *ctx)
{
    struct bridge *b = ctx;
    struct entry *e = b->entry;
    reach_end(b);
    knock_refuse(b, e->refusal, e->refusal_text);
}

/* The engine may be up the stack, so it and the connection go in a moment of their own. */
void reach_give_up(struct bridge *b, const struct finding *f, const char *words, enum fault_kind kind)
{
    struct entry *e = b->entry;
    if (b->state != BRIDGE_REACHING)
        return;
    report(b, REPORT_REFUSED, f, words);
    report_line(b, f, words, e->refusal_text);
    e->refusal = report_kind(kind);
    ask_forget(&b->ask);
    bridge_enter(b, BRIDGE_ASKING);
    loop_timer_init(&e->rest, b->all->loop, end_and_refuse, b);
    loop_timer_start(&e->rest, 0);
}

void reach_fail(struct bridge *b, const struct fault *why)
{
    reach_give_up(b, finding_by_id(why->id), why->text, why->kind);
}

void reach_late(struct bridge *b)
{
    struct fault why;
    fault_set(&why, FAULT_RETRY, "provider.unreachable", "%s did not get as far as a sign-in in time", b->far_name);
    reach_fail(b, &why);
}

/* -- What the engine tells -- */

void far_send(void *ctx, struct bytes out)
{
    struct bridge *b = ctx;
    if (b->state == BRIDGE_REACHING)
        conn_write(b->far, out);
}

void far_send_secret(void *ctx, struct bytes out)
{
    struct bridge *b = ctx;
    if (b->state != BRIDGE_REACHING)
        return;
    conn_record_mask(b->far, true);
    conn_write(b->far, out);
    conn_record_mask(b->far, false);
}

void far_start_tls(void *ctx)
{
    struct bridge *b = ctx;
    if (b->state == BRIDGE_REACHING)
        conn_start_tls_client(b->far, b->entry->tls, b->entry->server.host);
}

/* Is a newer token under way that another connection may be tried with? */
static bool may_redial(const struct bridge *b)
{
    return b->state == BRIDGE_REACHING && b->entry->is_renewed && b->ask.tag && !b->entry->is_redialled;
}

void far_failed(struct bridge *b, const struct finding *f, const char *words, const struct fault *why)
{
    if (may_redial(b)) /* its goodbye behind the refusal; the engine is up the stack */
        b->entry->has_said_bye = true;
    else if (f)
        reach_give_up(b, f, words, f->kind);
    else
        reach_fail(b, why);
}

void far_ready(struct bridge *b, const char *capabilities)
{
    struct entry *e = b->entry;
    if (b->state != BRIDGE_REACHING)
        return;
    log_info("bridge.open", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
             LOG_TEXT("app", b->app), LOG_TEXT("mailbox", b->mailbox), LOG_TEXT("host", b->far_name),
             LOG_TEXT("tls", conn_tls_text(b->far)), LOG_NUMBER("ms", bridge_now(b) - e->dialled_ms));
    pass_begin(b);
    front_accept(e->front, capabilities);
    if (b->state != BRIDGE_OPEN)
        return; /* the client reads nothing: that was one answer too many */
    bridge_drop_entry(b);
    conn_set_idle(b->far, 0);
    conn_resume(b->far);
    conn_resume(b->near);
}

/* -- The connection -- */

static void dial(struct bridge *b);

static void on_ready(void *ctx)
{
    struct bridge *b = ctx;
    struct entry *e = b->entry;
    char address[NET_ADDR_TEXT_SIZE];
    if (b->state != BRIDGE_REACHING)
        return;
    conn_set_idle(b->far, STEP_MS);
    if (conn_is_tls(b->far))
        credential_ask_ahead(b);
    if (e->has_connected) {
        e->kind->tls_done(e->client);
        return;
    }
    e->has_connected = true;
    conn_keep_alive(b->far);
    net_addr_host_text(conn_peer(b->far), address, sizeof address);
    free(b->far_name);
    b->far_name = mem_printf("%s[%s]:%u", e->server.host, address, (unsigned)e->server.port);
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct bridge *b = ctx;
    if (b->state == BRIDGE_OPEN)
        return pass_from_server(b, in);
    if (b->state != BRIDGE_REACHING)
        return in.size;
    if (!b->entry->has_greeted)
        b->entry->is_exchange = bytes_find(in, BYTES_LIT("Microsoft Exchange")) != SIZE_MAX;
    b->entry->has_greeted = true;
    return b->entry->kind->feed(b->entry->client, in);
}

static void on_drained(void *ctx)
{
    pass_drained(ctx, false);
}

bool reach_redial(struct bridge *b)
{
    struct entry *e = b->entry;
    if (e->is_redialled)
        return false;
    ask_forget(&b->ask);
    if (b->far)
        conn_free(b->far);
    e->is_redialled = true;
    dial(b);
    return true;
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct bridge *b = ctx;
    struct fault lost;
    conn_free(b->far);
    b->far = NULL;
    if (b->state == BRIDGE_OPEN) {
        pass_server_closed(b, why);
        return;
    }
    if (b->state != BRIDGE_REACHING)
        return;
    /* Some servers hang up after a refusal. */
    if (may_redial(b) && reach_redial(b))
        return;
    if (!why) {
        fault_set(&lost, FAULT_RETRY, "net.lost", "%s closed the connection before the sign-in was over", b->far_name);
        why = &lost;
    }
    reach_fail(b, why);
}

static const struct conn_events far_events = { on_ready, on_data, on_drained, on_closed, NULL };

static void start_engine(struct bridge *b)
{
    static const enum far_sasl sasl[] = {
        [OBJECT_SASL_DEFAULT] = FAR_XOAUTH2,         [OBJECT_SASL_XOAUTH2] = FAR_XOAUTH2,
        [OBJECT_SASL_OAUTHBEARER] = FAR_OAUTHBEARER, [OBJECT_SASL_PLAIN] = FAR_XOAUTH2,
        [OBJECT_SASL_LOGIN] = FAR_XOAUTH2,           [OBJECT_SASL_NONE] = FAR_NO_AUTH,
    };
    struct entry *e = b->entry;
    struct far_options options = { .hostname = b->terms->policy.hostname,
                                   .host = e->server.host,
                                   .port = (uint16_t)e->server.port,
                                   .tls = e->server.tls,
                                   .sasl = sasl[e->server.sasl],
                                   .initial_response = e->server.initial_response };
    if (e->grant == OBJECT_GRANT_NONE)
        options.sasl = FAR_NO_AUTH;
    else if (e->grant == OBJECT_GRANT_BASIC && options.sasl != FAR_NO_AUTH)
        options.sasl = e->server.sasl == OBJECT_SASL_LOGIN ? FAR_LOGIN : FAR_PLAIN;
    e->needs_credential = options.sasl != FAR_NO_AUTH;
    e->client = e->kind->start(&options, b);
}

static void dial(struct bridge *b)
{
    struct entry *e = b->entry;
    struct conn_limits limits = { .out_limit = b->terms->buffer + 2 * READ_MOST, .idle_ms = STEP_MS };
    bool is_implicit = e->server.tls == OBJECT_TLS_IMPLICIT;
    if (e->client)
        e->kind->free(e->client);
    e->has_connected = e->has_greeted = e->has_said_bye = false;
    start_engine(b);
    b->far = conn_dial(b->all->loop, b->all->resolver, e->server.host, (uint16_t)e->server.port,
                       is_implicit ? e->tls : NULL, &limits, &far_events, b);
}

static bool prepare(struct bridge *b, const struct directory *d, const struct mailbox *m, struct fault *why)
{
    struct entry *e = b->entry;
    const struct provider *p = directory_provider_of(d, m);
    const struct registration *r = directory_registration(d, m->registration);
    struct object_server server = directory_server_of(d, m, bridge_protocol(b));
    if (!p || text_is_empty(server.host) || server.port == 0)
        return fault_set(why, FAULT_HOLD, "mailbox.provider-missing",
                         "%s has no provider with a server for this protocol", m->address);
    if (server.tls == OBJECT_TLS_DEFAULT)
        server.tls = bridge_protocol(b) == OBJECT_SMTP ? OBJECT_TLS_STARTTLS : OBJECT_TLS_IMPLICIT;
    struct tls_context *tls = server.tls == OBJECT_TLS_NONE ? NULL : trust_context(b->all->trust, p->ca_file, why);
    if (server.tls != OBJECT_TLS_NONE && !tls)
        return false;
    e->tls = tls ? tls_context_ref(tls) : NULL;
    e->server = server;
    e->server.host = e->server_host = mem_strdup(server.host);
    e->tenant = mem_strdup(r ? r->tenant : "");
    e->grant = m->grant;
    e->kind = kinds[b->terms->protocol];
    return true;
}

void reach_begin(struct bridge *b, const struct directory *d, const struct mailbox *m)
{
    struct fault why = { 0 };
    b->far_name = mem_strdup("the provider");
    bridge_enter(b, BRIDGE_REACHING);
    b->entry->dialled_ms = bridge_now(b);
    if (prepare(b, d, m, &why))
        dial(b);
    else
        reach_fail(b, &why);
}
