/* token/tokens.c - asks: from what is at hand, from the back-off, or by joining a flight. */
#include "token/tokens.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "route/route.h"
#include "token/scope.h"
#include "token/tokens_private.h"

#define HOUR_MS (3600 * 1000LL)
#define FORCED_EVERY_MS 60000

static void on_hour(void *ctx);

struct tokens *tokens_new(const struct tokens_parts *parts, const struct tokens_settings *settings, struct fault *why)
{
    struct tokens *t = mem_alloc(sizeof *t);
    t->parts = *parts;
    t->settings = *settings;
    t->documents = documents_new(parts->loop, parts->http, settings->timeout_s);
    t->grants = map_new();
    t->passwords = map_new();
    t->said = map_new();
    t->warned = map_new();
    t->troubles = map_new();
    t->ca = map_new();
    list_init(&t->authorizations);
    list_init(&t->visits);
    /* Serials go on counting over a restart, so that a relay's old serial is never taken for a new token's. */
    t->serial = (uint64_t)loop_wall_ms(parts->loop);
    loop_timer_init(&t->hourly, parts->loop, on_hour, t);
    loop_timer_start(&t->hourly, 60000);
    if (grants_load(t, why))
        return t;
    tokens_free(t);
    return NULL;
}

static bool free_grant(void *ctx, const char *key, void *value)
{
    grant_free(value);
    return true;
}

static bool free_value(void *ctx, const char *key, void *value)
{
    free(value);
    return true;
}

void tokens_free(struct tokens *t)
{
    if (!t)
        return;
    loop_timer_stop(&t->hourly);
    authorizations_free(t);
    oidc_free(t);
    subject_forget_files(t);
    map_each(t->grants, free_grant, NULL);
    map_each(t->said, free_value, NULL);
    map_each(t->warned, free_value, NULL);
    map_each(t->troubles, free_value, NULL);
    map_free(t->grants);
    map_free(t->passwords);
    map_free(t->said);
    map_free(t->warned);
    map_free(t->troubles);
    map_free(t->ca);
    documents_free(t->documents);
    free(t);
}

void tokens_set(struct tokens *t, const struct tokens_settings *settings)
{
    t->settings = *settings;
    documents_set_timeout(t->documents, settings->timeout_s);
}

struct ask {
    const struct token_want *want;
    const struct mailbox *mailbox;
    struct object_server server;
    token_done_fn *done;
    void *ctx;
    uint64_t tag;
};

static void refuse(const struct ask *ask, const struct fault *why)
{
    ask->done(ask->ctx, ask->tag, &(struct token_reply){ .why = *why });
}

static const char *user_of(const struct ask *ask)
{
    return route_identity(ask->mailbox, ask->want->protocol);
}

static void answer_plain(struct tokens *t, const struct ask *ask)
{
    const struct mailbox *m = ask->mailbox;
    struct secret *password = NULL;
    struct fault why = { 0 };
    bool ok = m->grant == OBJECT_GRANT_NONE ||
              vault_get(t->parts.vault, VAULT_MAILBOX_PASSWORD, m->address, &password, &why);
    if (ok && !password && m->grant == OBJECT_GRANT_BASIC)
        ok = fault_set(&why, FAULT_HOLD, "mailbox.password-missing", "no password is stored for %s", m->address);
    struct token_reply reply = { .is_ok = ok, .sasl = ask->server.sasl, .user = user_of(ask), .serial = 1, .why = why };
    reply.secret = secret_bytes(password);
    ask->done(ask->ctx, ask->tag, &reply);
    secret_free(password);
}

static enum object_sasl sasl_of(const struct ask *ask)
{
    return ask->server.sasl == OBJECT_SASL_OAUTHBEARER ? OBJECT_SASL_OAUTHBEARER : OBJECT_SASL_XOAUTH2;
}

static void answer_token(const struct ask *ask, const struct access *a)
{
    struct secret *held = secret_dup(a->token);
    ask->done(ask->ctx, ask->tag,
              &(struct token_reply){ .is_ok = true,
                                     .sasl = sasl_of(ask),
                                     .user = user_of(ask),
                                     .secret = secret_bytes(held),
                                     .serial = a->serial,
                                     .expires_ms = a->expires_wall_ms });
    secret_free(held);
}

/* May a request be made now? Else the fault repeats what the last one said. `a` NULL: for whichever permission. */
static bool is_allowed(const struct grant *g, const struct access *a, struct fault *why)
{
    if (!g->refresh && !g->is_app)
        return fault_set(why, FAULT_HOLD, "grant.missing", "nobody has signed in for %s yet", g->name);
    int64_t now_ms = loop_now_ms(g->home->parts.loop), left_ms = g->not_before_ms - now_ms;
    bool is_own = left_ms <= 0 && a && a->not_before_ms > now_ms;
    if (is_own)
        left_ms = a->not_before_ms - now_ms;
    if (left_ms <= 0)
        return true;
    if (is_own || g->problem.kind != FAULT_NONE)
        *why = is_own ? a->problem : g->problem;
    else
        fault_set(why, FAULT_RETRY, "provider.unreachable", "waiting before the next try");
    why->retry_after_s = (uint32_t)((left_ms + 999) / 1000);
    return false;
}

static void wait_for(struct grant *g, struct access *a, const struct ask *ask, bool takes_old)
{
    struct waiter *w = mem_alloc(sizeof *w);
    *w = (struct waiter){ .user = mem_strdup(user_of(ask)),
                          .sasl = sasl_of(ask),
                          .takes_old = takes_old,
                          .done = ask->done,
                          .ctx = ask->ctx,
                          .tag = ask->tag };
    list_append(&a->waiters, &w->node);
    a->waiters_count++;
    flight_want(g, a);
}

/* A token that a server refused is renewed, but not over and over: if the next one is refused too, it was not the token. */
static bool must_renew(struct grant *g, struct access *a, uint64_t refused)
{
    int64_t now_ms = loop_now_ms(g->home->parts.loop);
    if (refused == 0 || refused != a->serial || g->flying == a)
        return refused != 0 && refused == a->serial;
    if (a->forced_ms != 0 && now_ms - a->forced_ms < FORCED_EVERY_MS)
        return false;
    a->forced_ms = now_ms;
    return true;
}

static void ask_grant(struct tokens *t, const struct ask *ask, const char *permission)
{
    struct fault why = { 0 };
    struct grant *g = grant_of(t, ask->mailbox);
    struct access *a = grant_access(g, permission);
    if (!a || a->waiters_count >= WAITERS_MAX) {
        fault_set(&why, FAULT_RETRY, "provider.unreachable", "too many wait for a token of %s", g->name);
        refuse(ask, &why);
        return;
    }
    bool is_good = access_is_good(g, a) && !must_renew(g, a, ask->want->refused);
    bool may_fly = is_allowed(g, a, &why), is_due = a->token && loop_now_ms(t->parts.loop) >= a->renew_ms;
    if (is_good && !(is_due && may_fly && ask->want->is_fresh)) {
        answer_token(ask, a);
        /* The answer may have led to another ask; both are content with one flight. */
        if (may_fly && a->token && is_due)
            flight_want(g, a);
    } else if (may_fly) {
        wait_for(g, a, ask, is_good);
    } else {
        refuse(ask, &why);
    }
}

void tokens_ask(struct tokens *t, const struct token_want *want, token_done_fn *done, void *ctx, uint64_t tag)
{
    struct fault why = { 0 };
    struct ask ask = { .want = want, .done = done, .ctx = ctx, .tag = tag };
    ask.mailbox = directory_mailbox(t->parts.directory, want->mailbox);
    if (!ask.mailbox) {
        fault_set(&why, FAULT_HOLD, "mailbox.unknown", "there is no mailbox %s", want->mailbox);
        refuse(&ask, &why);
        return;
    }
    const struct provider *p = directory_provider_of(t->parts.directory, ask.mailbox);
    ask.server = directory_server_of(t->parts.directory, ask.mailbox, want->protocol);
    if (ask.mailbox->grant == OBJECT_GRANT_BASIC || ask.mailbox->grant == OBJECT_GRANT_NONE) {
        answer_plain(t, &ask);
        return;
    }
    const char *permission = p ? scope_of(p, ask.mailbox, want->protocol) : "";
    if (!p)
        fault_set(&why, FAULT_HOLD, "mailbox.provider-missing", "the registration or provider of %s is gone",
                  want->mailbox);
    else if (permission[0] == '\0')
        fault_set(&why, FAULT_HOLD, "oauth.scope-invalid", "the provider %s names no scope for this", p->name);
    if (why.kind != FAULT_NONE)
        refuse(&ask, &why);
    else
        ask_grant(t, &ask, permission);
}

static bool drop_asker(void *ctx, const char *key, void *value)
{
    struct grant *g = value;
    for (size_t i = 0; i < g->access_count; i++) {
        LIST_EACH (at, &g->access[i].waiters) {
            struct waiter *w = LIST_OF(at, struct waiter, node);
            if (w->ctx != ctx)
                continue;
            list_remove(at);
            g->access[i].waiters_count--;
            free(w->user);
            free(w);
        }
    }
    return true;
}

void tokens_forget_asker(struct tokens *t, const void *ctx)
{
    map_each(t->grants, drop_asker, (void *)(uintptr_t)ctx);
}

/* Renew what has long been idle; and see whether an administrator has mended meanwhile what only they could. */
static bool tend_grant(void *ctx, const char *key, void *value)
{
    struct grant *g = value;
    struct tokens *t = ctx;
    struct subject s;
    struct fault why = { 0 };
    bool is_idle = g->refresh && !g->needs_person &&
                   loop_wall_ms(t->parts.loop) - g->used_ms >= t->settings.keep_alive_ms;
    if (g->flying || !(is_idle || grant_may_be_mended(g)) || !is_allowed(g, NULL, &why) ||
        !subject_of_grant(g, &s, &why))
        return true;
    const char *permission = grant_home(g, &s);
    struct access *a = permission[0] ? grant_access(g, permission) : NULL;
    if (a)
        flight_want(g, a);
    return true;
}

static void on_hour(void *ctx)
{
    struct tokens *t = ctx;
    loop_timer_start(&t->hourly, HOUR_MS);
    map_each(t->grants, tend_grant, t);
    expiry_check(t);
}

static void *wiping_alloc(size_t size)
{
    return malloc(size);
}

/* The whole block, so that no size has to be kept beside it. jansson hands some texts to callers who free() them. */
static void wiping_free(void *p)
{
    if (p)
        secret_wipe(p, malloc_usable_size(p));
    free(p);
}

void tokens_wipe_json(void)
{
    json_set_alloc_funcs(wiping_alloc, wiping_free);
}
