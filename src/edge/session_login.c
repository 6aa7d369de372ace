/* edge/session_login.c - who is it? Passwords go to the vault role; an address range needs none. */
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "edge/session.h"

/* A refusal that waits for its tarpit to end. */
struct login_refusal {
    int code;
    char enhanced[8];
    char text[512];
};

enum { USER_LIMIT = 640, PASSWORD_LIMIT = 1024 }; /* as in msg/edge_vault.h */

static void become(struct session *s, const char *app, const char *mailbox)
{
    free(s->app);
    free(s->mailbox);
    s->app = mem_strdup(app);
    s->mailbox = mem_strdup(mailbox);
}

void session_trust_host(struct session *s)
{
    const struct app *a = s->app ? NULL : directory_app_by_host(s->guest.edge->directory, s->guest.host, OBJECT_SMTP);
    if (!a)
        return;
    become(s, a->name, "");
    smtp_server_set_trusted(s->smtp);
    log_debug("login.by-address", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
              LOG_TEXT("app", s->app));
}

static void forget_user(struct session *s)
{
    free(s->user);
    s->user = NULL;
}

static void refuse(struct session *s, const struct login_refusal *r)
{
    smtp_server_auth_done(s->smtp, &(struct smtp_verdict){ r->code, r->enhanced, r->text });
}

static const struct login_refusal vault_away = { 454, "4.7.0", "Sign-in is not possible for a moment, try again" };
static const struct login_refusal wrong = { 535, "5.7.8", "User name or password is wrong" };

static void accepted(struct session *s, const struct login_answer *a)
{
    become(s, a->app, a->mailbox);
    log_info("login.ok", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host), LOG_TEXT("app", a->app),
             LOG_TEXT("mailbox", a->mailbox));
    forget_user(s);
    smtp_server_auth_done(s->smtp, &(struct smtp_verdict){ 0 });
    session_go_on(s);
}

static struct login_refusal *refusal_of(const struct login_answer *a)
{
    struct login_refusal *r = mem_alloc(sizeof *r);
    bool is_wrong = a->kind == FAULT_AUTH || a->kind == FAULT_REJECT;
    *r = is_wrong ? wrong : vault_away;
    if (*a->text)
        text_sanitize(bytes_of(a->text), r->text, sizeof r->text - 1);
    return r;
}

static void answered(struct ask *ask, const void *message)
{
    struct session *s = LIST_OF(ask, struct session, ask);
    const struct login_answer *a = message;
    if (a->is_ok) {
        accepted(s, a);
        return;
    }
    log_info("login.failed", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
             LOG_TEXT("user", s->user ? s->user : ""), LOG_TEXT("text", a->text), LOG_TEXT("finding", a->id));
    forget_user(s);
    free(s->login_refusal);
    s->login_refusal = refusal_of(a);
    session_rest(s, REST_LOGIN, a->delay_ms);
}

void session_login_rested(struct session *s)
{
    struct login_refusal *r = s->login_refusal;
    s->login_refusal = NULL;
    refuse(s, r);
    free(r);
}

static void unanswered(struct ask *a, enum ask_failure how)
{
    struct session *s = LIST_OF(a, struct session, ask);
    log_warn("login.unanswered", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
             LOG_TEXT("text", how == ASK_LATE ? "the vault did not answer in time" : "the vault is being restarted"));
    forget_user(s);
    refuse(s, &vault_away);
    session_go_on(s);
}

static const struct ask_kind login_kind = { answered, unanswered };

void session_on_auth(void *ctx, const char *user, struct bytes password)
{
    struct session *s = ctx;
    struct edge *e = s->guest.edge;
    if (!e->vault || e->is_stopping) {
        refuse(s, &vault_away);
        return;
    }
    if (bytes_of(user).size > USER_LIMIT || password.size > PASSWORD_LIMIT) {
        refuse(s, &wrong);
        return;
    }
    forget_user(s);
    s->user = mem_strdup(user);
    struct login_ask ask = { .tag = ask_begin(&e->logins, &s->ask, &login_kind),
                             .user = user,
                             .password = password,
                             .host = s->guest.host,
                             .protocol = OBJECT_SMTP };
    if (channel_send(e->vault, EDGE_LOGIN_ASK, &ask))
        return;
    ask_forget(&s->ask);
    refuse(s, &wrong);
}

void session_login_fini(struct session *s)
{
    forget_user(s);
    free(s->login_refusal);
}
