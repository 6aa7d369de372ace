/* relay/upstream_sign_in.c - credential from the vault, once; a token that the server refuses is renewed once before it is a fault.
 *
 * Nothing is asked for before the way to the server is safe: TLS with a verified certificate, or a server on this machine. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/upstream_private.h"

void upstream_stop_asking(struct upstream *u)
{
    list_remove(&u->asking);
    u->tag = 0;
}

static void ask(struct upstream *u)
{
    struct relay *r = u->relay;
    const struct token_ask question = {
        .tag = u->tag,
        .mailbox = u->mailbox,
        .protocol = OBJECT_SMTP,
        .refused = u->is_renewed ? u->serial : 0,
    };

    /* False: the vault is down. It is asked when it is back; the timer bounds the waiting. */
    r->host.ask_token(r->ctx, &question);
}

static void start_asking(struct upstream *u)
{
    u->tag = ++u->relay->last_tag;
    list_append(&u->relay->asking, &u->asking);
    loop_timer_start(&u->timer, VAULT_MS);
    conn_set_idle(u->conn, COMMAND_MS);
    ask(u);
}

void upstream_ask_again(struct list *asking_node)
{
    ask(LIST_OF(asking_node, struct upstream, asking));
}

void upstream_want_credential(void *ctx)
{
    struct upstream *u = ctx;
    struct fault why;

    if (!conn_is_tls(u->conn) && !net_addr_is_loopback(conn_peer(u->conn))) {
        fault_set(&why, FAULT_HOLD, "smtp.credential-unprotected", "no credential is sent to %s without TLS", u->host);
        upstream_fail_fault(u, "auth", &why);
        return;
    }
    start_asking(u);
}

/* -- the vault's answer -- */

static void say_what_it_is(struct upstream *u, const struct token_answer *t)
{
    char text[1024], until[32] = "";

    if (t->expires_ms)
        clock_iso(t->expires_ms, until, sizeof until);
    snprintf(text, sizeof text, "%s for %s%s%s", u->is_token ? "access token" : "password", t->user,
             *until ? ", until " : "", until);
    upstream_step(u, "token", text);
    if (u->is_token) {
        token_view_text(&u->view, text, sizeof text);
        upstream_step(u, "token-says", text);
    }
}

static void refuse_for_good(struct upstream *u)
{
    const struct refusal *r = &u->refusal;
    struct upstream_failure f = { .when = "auth", .code = r->code, .enhanced = r->enhanced, .words = r->text };
    const char *reason = token_view_finding(&u->view, "smtp", u->tenant, loop_wall_ms(u->relay->loop));

    f.finding = finding_of_smtp("auth", r->code, r->enhanced, r->text);
    /* One code stands for every mistake there is; the token may tell which one it was. */
    if (reason && u->is_token && strcmp(f.finding->id, "smtp.auth.refused") == 0)
        f.finding = finding_by_id(reason);
    upstream_fail(u, &f);
}

static void fail_without_credential(struct upstream *u, const struct token_answer *t)
{
    struct fault why;

    fault_set(&why, t->kind == FAULT_NONE ? FAULT_RETRY : (enum fault_kind)t->kind, t->id, "%s", t->text);
    why.retry_after_s = t->retry_after_s;
    upstream_fail_fault(u, "auth", &why);
}

static struct upstream *asker(struct relay *r, uint64_t tag)
{
    LIST_EACH (node, &r->asking) {
        struct upstream *u = LIST_OF(node, struct upstream, asking);
        if (u->tag == tag)
            return u;
    }
    return NULL;
}

void upstream_token(struct relay *r, const struct token_answer *t)
{
    struct upstream *u = asker(r, t->tag);

    if (!u) /* it gave up meanwhile */
        return;
    upstream_stop_asking(u);
    loop_timer_stop(&u->timer);
    if (!t->is_ok) {
        fail_without_credential(u, t);
        return;
    }
    if (u->is_renewed && t->serial == u->serial) {
        refuse_for_good(u);
        return;
    }
    u->serial = t->serial;
    u->expires_ms = t->expires_ms;
    u->is_token = t->sasl == OBJECT_SASL_XOAUTH2 || t->sasl == OBJECT_SASL_OAUTHBEARER;
    if (u->is_token)
        token_view_read(t->secret, &u->view);
    say_what_it_is(u, t);
    conn_set_idle(u->conn, COMMAND_MS);
    smtp_client_credential(u->client, t->user, t->secret);
}

/* -- the server's answer -- */

static void remember(struct upstream *u, const struct smtp_reply *reply)
{
    u->refusal.code = reply->code;
    snprintf(u->refusal.enhanced, sizeof u->refusal.enhanced, "%s", reply->enhanced);
    snprintf(u->refusal.text, sizeof u->refusal.text, "%s", reply->text);
}

void upstream_auth_refused(void *ctx, const struct smtp_reply *reply, const char *challenge)
{
    struct upstream *u = ctx;
    const struct finding *f = finding_of_smtp("auth", reply->code, reply->enhanced, reply->text);

    remember(u, reply);
    if (*challenge != '\0')
        dialogue_note(&u->dialogue, "the server's challenge says: %s", challenge);
    if (!f->renew_token || !u->is_token || u->is_renewed) {
        refuse_for_good(u);
        return;
    }
    log_info("relay.token-refused", LOG_TEXT("mailbox", u->mailbox), LOG_TEXT("host", u->host),
             LOG_NUMBER("code", reply->code), LOG_TEXT("text", reply->text));
    u->is_renewed = true;
    start_asking(u);
}

/* Some servers hang up after a refusal, and the second try needs a connection of its own. */
bool upstream_lost_while_renewing(struct upstream *u)
{
    if (!u->is_renewed || u->tag == 0 || u->redialled)
        return false;
    upstream_stop_asking(u);
    loop_timer_stop(&u->timer);
    u->redialled = u->wants_redial = true;
    loop_defer(u->relay->loop, &u->turn);
    return true;
}
