/* bridge/knock.c - the program at the door: what the front engine asks for, and whether the vault knows the password. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bridge/bridge_private.h"

enum { USER_LIMIT = 640, PASSWORD_LIMIT = 1024 }; /* as in msg/edge_vault.h */

static const char vault_away[] = "Sign-in is not possible for a moment, try again";

static void forget_user(struct entry *e)
{
    free(e->user);
    e->user = NULL;
}

void knock_free(struct entry *e)
{
    loop_timer_stop(&e->rest);
    if (e->kind)
        e->kind->free(e->client);
    tls_context_free(e->tls);
    front_free(e->front);
    forget_user(e);
    credential_forget(e);
    free(e->server_host);
    free(e->tenant);
    free(e->promise);
    free(e);
}

/* -- The engine's host -- */

static void on_send(void *ctx, struct bytes out)
{
    struct bridge *b = ctx;
    if (b->state < BRIDGE_LEAVING && !conn_write(b->near, out)) {
        b->why = "the client does not read";
        bridge_cut(b);
    }
}

static void on_start_tls(void *ctx)
{
    struct bridge *b = ctx;
    if (b->state < BRIDGE_LEAVING)
        conn_start_tls_server(b->near, b->terms->context);
}

static void on_quit(void *ctx)
{
    bridge_leave(ctx, "goodbye was said");
}

static const char *notice_event(const char *finding)
{
    static const struct {
        const char *ending, *event;
    } names[] = { { ".tls-on-plain", "session.tls-on-plain" },
                  { ".http", "session.http" },
                  { ".errors", "session.errors" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(finding, names[i].ending))
            return names[i].event;
    return "session.noticed";
}

static void on_noticed(void *ctx, const struct fault *what)
{
    struct bridge *b = ctx;
    log_info(notice_event(what->id), LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
             LOG_FAULT(what));
}

size_t knock_data(struct bridge *b, struct bytes in)
{
    struct front *f = b->entry->front;
    size_t used = 0;
    while (b->state == BRIDGE_KNOCKING && used < in.size && !front_is_waiting(f)) {
        size_t n = front_feed(f, bytes_slice(in, used, in.size));
        used += n;
        if (n == 0)
            break;
    }
    if (b->state >= BRIDGE_LEAVING)
        return in.size;
    if (front_is_waiting(f))
        conn_pause(b->near);
    return used;
}

/* -- Refusals -- */

void knock_refuse(struct bridge *b, enum front_refusal why, const char *text)
{
    if (b->state >= BRIDGE_LEAVING)
        return;
    bridge_enter(b, BRIDGE_KNOCKING);
    front_refuse(b->entry->front, why, text);
    if (b->state == BRIDGE_KNOCKING)
        conn_resume(b->near);
}

static void on_rested(void *ctx)
{
    struct bridge *b = ctx;
    knock_refuse(b, b->entry->refusal, b->entry->refusal_text);
}

static enum front_refusal refusal_of(const struct login_answer *a)
{
    if (text_equal(a->id, "app.protocol") || text_equal(a->id, "app.from"))
        return FRONT_FORBIDDEN;
    return a->kind == FAULT_AUTH || a->kind == FAULT_REJECT ? FRONT_WRONG : FRONT_UNAVAILABLE;
}

static void refused(struct bridge *b, const struct login_answer *a)
{
    struct entry *e = b->entry;
    log_info("login.failed", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
             LOG_TEXT("user", e->user ? e->user : ""), LOG_TEXT("text", a->text), LOG_TEXT("finding", a->id));
    forget_user(e);
    e->refusal = refusal_of(a);
    text_sanitize(bytes_of(*a->text ? a->text : vault_away), e->refusal_text, sizeof e->refusal_text);
    if (a->delay_ms == 0) {
        on_rested(b);
        return;
    }
    loop_timer_init(&e->rest, b->all->loop, on_rested, b);
    loop_timer_start(&e->rest, a->delay_ms);
}

/* -- The vault's word -- */

static void answered(struct ask *ask, const void *message)
{
    struct bridge *b = LIST_OF(ask, struct bridge, ask);
    const struct login_answer *a = message;
    if (!a->is_ok) {
        refused(b, a);
        return;
    }
    log_info("login.ok", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host), LOG_TEXT("app", a->app),
             LOG_TEXT("mailbox", a->mailbox));
    forget_user(b->entry);
    permit(b, a->app, a->mailbox);
}

static void unanswered(struct ask *ask, enum ask_failure how)
{
    struct bridge *b = LIST_OF(ask, struct bridge, ask);
    log_warn("login.unanswered", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
             LOG_TEXT("text", how == ASK_LATE ? "the vault did not answer in time" : "the vault is being restarted"));
    forget_user(b->entry);
    knock_refuse(b, FRONT_UNAVAILABLE, vault_away);
}

static const struct ask_kind login_kind = { answered, unanswered };

static void on_login(void *ctx, const char *user, struct bytes password)
{
    struct bridge *b = ctx;
    struct bridges *all = b->all;
    bool fits = bytes_of(user).size <= USER_LIMIT && password.size <= PASSWORD_LIMIT;
    struct login_ask question = {
        .user = user, .password = password, .host = b->client.host, .protocol = bridge_protocol(b)
    };
    forget_user(b->entry);
    b->entry->user = mem_strdup(user);
    bridge_enter(b, BRIDGE_ASKING);
    if (!fits)
        knock_refuse(b, FRONT_WRONG, "User name or password is wrong");
    else if (b->is_stopping || !all->host.ask_login(all->ctx, &question, &b->ask, &login_kind))
        knock_refuse(b, FRONT_UNAVAILABLE, vault_away);
}

/* A device that is known by its address and begins to send. */
static void on_want_upstream(void *ctx)
{
    struct bridge *b = ctx;
    const struct directory *d = b->all->host.directory(b->all->ctx);
    const struct app *a = directory_app_by_host(d, b->client.host, OBJECT_SMTP);
    bridge_enter(b, BRIDGE_ASKING);
    if (!a) {
        knock_refuse(b, FRONT_FORBIDDEN, "Your address is not known here any more: sign in");
        return;
    }
    log_debug("login.by-address", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
              LOG_TEXT("app", a->name));
    permit(b, a->name, a->mailboxes_count > 0 ? a->mailboxes[0] : "");
}

const struct front_host knock_host = {
    .send = on_send,
    .start_tls = on_start_tls,
    .login = on_login,
    .want_upstream = on_want_upstream,
    .quit = on_quit,
    .noticed = on_noticed,
};
