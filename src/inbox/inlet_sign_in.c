/* inbox/inlet_sign_in.c - credential from the vault, once; a token that the server refuses is renewed once before it is a fault.
 *
 * Nothing is asked for before the way to the server is safe: TLS with a verified certificate, or a server on this machine. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "inbox/inlet_private.h"

void inlet_stop_asking(struct inlet *l)
{
    list_remove(&l->asking);
    l->tag = 0;
}

/* A session may last for hours, so it does not begin on a token that is about to end. Where the vault is down it is asked when it
 * is back; the timer bounds the waiting. */
static void ask(struct inlet *l)
{
    const struct token_ask question = {
        .tag = l->tag,
        .mailbox = l->mailbox,
        .protocol = l->protocol,
        .refused = l->is_renewed ? l->serial : 0,
        .is_fresh = true,
    };
    l->inbox->host.ask_token(l->inbox->ctx, &question);
}

static void start_asking(struct inlet *l)
{
    l->tag = ++l->inbox->last_tag;
    list_append(&l->inbox->asking, &l->asking);
    loop_timer_start(&l->timer, INLET_VAULT_MS);
    conn_set_idle(l->conn, INLET_COMMAND_MS);
    ask(l);
}

void inlet_vault_up(struct inbox *i)
{
    LIST_EACH (node, &i->asking)
        ask(LIST_OF(node, struct inlet, asking));
}

void inlet_want_credential(struct inlet *l)
{
    struct fault why;

    if (conn_is_tls(l->conn) || net_addr_is_loopback(conn_peer(l->conn))) {
        start_asking(l);
        return;
    }
    fault_set(&why, FAULT_HOLD, l->imap ? "imap.credential-unprotected" : "pop3.credential-unprotected",
              "no credential is sent to %s without TLS", l->host);
    inlet_fail_fault(l, "auth", &why);
}

/* -- the vault's answer -- */

static void say_what_it_is(struct inlet *l, const struct token_answer *t)
{
    char text[1024], until[32] = "";

    if (t->expires_ms)
        clock_iso(t->expires_ms, until, sizeof until);
    snprintf(text, sizeof text, "%s for %s%s%s", l->is_token ? "access token" : "password", t->user,
             *until ? ", until " : "", until);
    inlet_step(l, "token", text);
    if (l->is_token) {
        token_view_text(&l->view, text, sizeof text);
        inlet_step(l, "token-says", text);
    }
}

/* One answer stands for every mistake there is; the token may tell which one it was. */
static void refuse_for_good(struct inlet *l)
{
    struct inlet_trouble t = l->refusal;
    const char *protocol = l->protocol == OBJECT_IMAP ? "imap" : "pop3";
    const char *reason = token_view_finding(&l->view, protocol, l->tenant, loop_wall_ms(l->inbox->loop));

    if (reason && l->is_token && t.finding && t.finding->renew_token)
        t.finding = finding_by_id(reason);
    inlet_fail(l, &t);
}

static void fail_without_credential(struct inlet *l, const struct token_answer *t)
{
    struct fault why;

    fault_set(&why, t->kind == FAULT_NONE ? FAULT_RETRY : (enum fault_kind)t->kind, t->id, "%s", t->text);
    why.retry_after_s = t->retry_after_s;
    inlet_fail_fault(l, "auth", &why);
}

static struct inlet *asker(struct inbox *i, uint64_t tag)
{
    LIST_EACH (node, &i->asking) {
        struct inlet *l = LIST_OF(node, struct inlet, asking);
        if (l->tag == tag)
            return l;
    }
    return NULL;
}

static void give(struct inlet *l, const struct token_answer *t)
{
    conn_set_idle(l->conn, INLET_COMMAND_MS);
    if (l->imap)
        imap_client_credential(l->imap, t->user, t->secret);
    else
        pop3_client_credential(l->pop3, t->user, t->secret);
}

void inlet_token(struct inbox *i, const struct token_answer *t)
{
    struct inlet *l = asker(i, t->tag);

    if (!l) /* it gave up meanwhile */
        return;
    inlet_stop_asking(l);
    loop_timer_stop(&l->timer);
    if (!t->is_ok) {
        fail_without_credential(l, t);
        return;
    }
    if (l->is_renewed && t->serial == l->serial) {
        refuse_for_good(l);
        return;
    }
    l->serial = t->serial;
    l->expires_ms = t->expires_ms;
    l->is_token = t->sasl == OBJECT_SASL_XOAUTH2 || t->sasl == OBJECT_SASL_OAUTHBEARER;
    if (l->is_token)
        token_view_read(t->secret, &l->view);
    say_what_it_is(l, t);
    give(l, t);
}

/* -- the server's answer -- */

static void remember(struct inlet *l, const struct inlet_trouble *t)
{
    l->refusal = *t;
    if (t->finding && !l->is_token)
        l->refusal.finding = finding_for_password(t->finding);
    snprintf(l->refusal_words, sizeof l->refusal_words, "%s", t->words);
    l->refusal.words = l->refusal_words;
    l->refusal.when = "auth";
}

void inlet_auth_refused(struct inlet *l, const struct inlet_trouble *t, const char *challenge)
{
    remember(l, t);
    if (!text_is_empty(challenge))
        inlet_step(l, "challenge", challenge);
    if (!t->finding || !t->finding->renew_token || !l->is_token || l->is_renewed) {
        refuse_for_good(l);
        return;
    }
    log_info("inbox.token-refused", LOG_TEXT("mailbox", l->mailbox), LOG_TEXT("host", l->host),
             LOG_TEXT("text", t->words));
    l->is_renewed = true;
    start_asking(l);
}

/* Some servers hang up after a refusal, and the second try needs a connection of its own. */
bool inlet_lost_while_renewing(struct inlet *l)
{
    if (!l->is_renewed || l->tag == 0 || l->redialled)
        return false;
    inlet_stop_asking(l);
    loop_timer_stop(&l->timer);
    l->redialled = l->wants_redial = true;
    loop_defer(l->inbox->loop, &l->turn);
    return true;
}
