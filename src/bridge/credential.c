/* bridge/credential.c - what the vault gives to sign in with, and whether it is renewed once when the server refuses it.
 *
 * Nothing is asked of the vault before the way is safe: TLS with a verified certificate, or a server on this machine. With TLS that
 * is known before the server has said a word, so vault and server are waited for at the same time. */
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "bridge/bridge_private.h"

/* One answer stands for every mistake there is; the token may tell which one it was. */
static void refuse_for_good(struct bridge *b, const struct finding *f, const char *words)
{
    static const char *const protocols[] = { [FRONT_IMAP] = "imap", [FRONT_POP3] = "pop3", [FRONT_SMTP] = "smtp" };
    struct entry *e = b->entry;
    const char *reason = NULL;
    if (e->is_token && f->renew_token)
        reason = token_view_finding(&e->view, protocols[b->terms->protocol], e->tenant, loop_wall_ms(b->all->loop));
    if (reason)
        f = finding_by_id(reason);
    reach_give_up(b, f, words, f->kind);
}

void credential_forget(struct entry *e)
{
    free(e->far_user);
    secret_free(e->credential);
    e->far_user = NULL;
    e->credential = NULL;
}

static void give(struct bridge *b, const char *user, struct bytes secret)
{
    conn_set_idle(b->far, STEP_MS);
    b->entry->kind->credential(b->entry->client, user, secret);
}

static void keep(struct entry *e, const struct token_answer *t)
{
    credential_forget(e);
    e->far_user = mem_strdup(t->user);
    e->credential = secret_new(t->secret.data, t->secret.size);
}

static void answered(struct ask *ask, const void *message);
static void unanswered(struct ask *ask, enum ask_failure how);
static const struct ask_kind token_kind = { answered, unanswered };

static void ask_token(struct bridge *b)
{
    struct bridges *all = b->all;
    struct token_ask question = { .mailbox = b->mailbox,
                                  .protocol = bridge_protocol(b),
                                  .refused = b->entry->is_renewed ? b->serial : 0,
                                  .is_fresh = true };
    if (!all->host.ask_token(all->ctx, &question, &b->ask, &token_kind))
        unanswered(&b->ask, ASK_PEER_LOST);
}

static void unanswered(struct ask *ask, enum ask_failure how)
{
    struct bridge *b = LIST_OF(ask, struct bridge, ask);
    struct fault why;
    fault_set(&why, FAULT_RETRY, "vault.unreachable", "the vault gave no credential for %s%s", b->mailbox,
              how == ASK_LATE ? " in time" : ": it is being restarted");
    reach_fail(b, &why);
}

static void answered(struct ask *ask, const void *message)
{
    struct bridge *b = LIST_OF(ask, struct bridge, ask);
    const struct token_answer *t = message;
    struct entry *e = b->entry;
    if (b->state != BRIDGE_REACHING)
        return;
    if (!t->is_ok) {
        enum fault_kind kind = t->kind == FAULT_NONE || t->kind > FAULT_LOCAL ? FAULT_RETRY : (enum fault_kind)t->kind;
        reach_give_up(b, finding_by_id(t->id), t->text, kind);
        return;
    }
    if (e->is_renewed && t->serial == b->serial) { /* there is no newer one: it was not the token */
        refuse_for_good(b, e->refused_for, e->refused_words);
        return;
    }
    if (e->has_said_bye && reach_redial(b))
        return;
    b->serial = t->serial;
    e->is_token = t->sasl == OBJECT_SASL_XOAUTH2 || t->sasl == OBJECT_SASL_OAUTHBEARER;
    if (e->is_token)
        token_view_read(t->secret, &e->view);
    if (e->is_wanted)
        give(b, t->user, t->secret);
    else
        keep(e, t);
}

void credential_ask_ahead(struct bridge *b)
{
    if (b->entry->needs_credential && !b->entry->is_renewed)
        ask_token(b);
}

void far_want_credential(void *ctx)
{
    struct bridge *b = ctx;
    struct entry *e = b->entry;
    struct fault why;
    if (b->state != BRIDGE_REACHING)
        return;
    if (!conn_is_tls(b->far) && !net_addr_is_loopback(conn_peer(b->far))) {
        fault_set(&why, FAULT_HOLD, "smtp.credential-unprotected", "no credential is sent to %s without TLS",
                  b->far_name);
        reach_fail(b, &why);
        return;
    }
    e->is_wanted = true;
    if (e->credential) {
        give(b, e->far_user, secret_bytes(e->credential));
        credential_forget(e);
        return;
    }
    conn_set_idle(b->far, 0); /* the vault has a clock of its own */
    if (!b->ask.tag)
        ask_token(b);
}

void far_refused(struct bridge *b, const struct finding *f, const char *words)
{
    struct entry *e = b->entry;
    if (b->state != BRIDGE_REACHING)
        return;
    if (!e->is_token)
        f = finding_for_password(f);
    if (!f->renew_token || !e->is_token || e->is_renewed) {
        refuse_for_good(b, f, words);
        return;
    }
    log_info("bridge.token-refused", LOG_TEXT("session", b->client.id), LOG_TEXT("mailbox", b->mailbox),
             LOG_TEXT("host", b->far_name), LOG_TEXT("text", words));
    e->is_renewed = true;
    e->refused_for = f;
    text_sanitize(bytes_of(words), e->refused_words, sizeof e->refused_words);
    conn_set_idle(b->far, 0);
    ask_token(b);
}
