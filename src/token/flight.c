/* token/flight.c - one request for an access token at a time per grant, and what comes of it.
 *
 * Serial per grant, not only per permission: two refreshes at once would both present the same refresh token, which providers with
 * strict rotation take for theft. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "token/scope.h"
#include "token/tokens_private.h"

#define RETRY_FIRST_MS 5000
#define RETRY_LAST_MS 300000
#define STORE_USED_EVERY_MS \
    (24 * 3600 * 1000LL) /* a rotated token is stored at once; a mere time of use now and then */

static void flight_next(struct grant *g);

void flight_answer_waiters(struct grant *g, struct access *a, const struct fault *why)
{
    struct list waiting;
    list_init(&waiting);
    for (struct list *at = list_pop(&a->waiters); at; at = list_pop(&a->waiters))
        list_append(&waiting, at);
    a->waiters_count = 0;
    /* Each may ask again, or make another's asker go away, so the token is held on its own and the line is empty already. */
    bool is_good = !why || access_is_good(g, a);
    struct secret *token = is_good ? secret_dup(a->token) : NULL;
    const struct token_reply good = {
        .is_ok = true, .secret = secret_bytes(token), .serial = a->serial, .expires_ms = a->expires_wall_ms
    };
    struct token_reply bad = { 0 };
    if (why)
        bad.why = *why;
    for (struct list *at = list_pop(&waiting); at; at = list_pop(&waiting)) {
        struct waiter *w = LIST_OF(at, struct waiter, node);
        struct token_reply reply = !why || (is_good && w->takes_old) ? good : bad;
        reply.user = w->user;
        reply.sasl = w->sasl;
        w->done(w->ctx, w->tag, &reply);
        free(w->user);
        free(w);
    }
    secret_free(token);
}

static bool is_passing(const struct fault *f)
{
    return f->kind == FAULT_RETRY || f->kind == FAULT_LOCAL;
}

/* Doubling, a fifth of it random, and never sooner than the server wishes. */
static int64_t pause_after(const struct grant *g, const struct fault *why)
{
    uint32_t random;
    int64_t pause_ms = RETRY_FIRST_MS;
    for (unsigned i = 1; i < g->failures && pause_ms < RETRY_LAST_MS; i++)
        pause_ms *= 2;
    if (pause_ms > RETRY_LAST_MS)
        pause_ms = RETRY_LAST_MS;
    if (pause_ms < (int64_t)why->retry_after_s * 1000)
        pause_ms = (int64_t)why->retry_after_s * 1000;
    secret_random(&random, sizeof random);
    return pause_ms + pause_ms / 5 * (random % 1024) / 1024;
}

static void fail_passing(struct grant *g, struct fault *why)
{
    g->failures++;
    int64_t pause_ms = pause_after(g, why);
    g->not_before_ms = loop_now_ms(g->home->parts.loop) + pause_ms;
    why->retry_after_s = (uint32_t)((pause_ms + 999) / 1000);
    if (!g->needs_person) {
        g->problem = *why;
        g->problem_ms = loop_wall_ms(g->home->parts.loop);
    }
}

static void fail_for_person(struct grant *g, struct fault *why)
{
    struct fault bad = { 0 };
    why->kind = FAULT_HOLD;
    g->failures++;
    g->not_before_ms = loop_now_ms(g->home->parts.loop) + PERSON_PAUSE_MS;
    g->needs_person = true;
    g->problem = *why;
    g->problem_ms = loop_wall_ms(g->home->parts.loop);
    if (!grant_save(g, g->refresh, &bad))
        log_warn("vault.write-failed", LOG_TEXT("record", g->name), LOG_FAULT(&bad));
}

/* Is it about this one permission, beside the one that the sign-in was made for? Then the others go on: who may not read
 * mail may still send it. */
static bool is_of_permission(struct grant *g, const struct fault *why)
{
    static const char *const ids[] = { "oauth.consent-missing",         "oauth.admin-consent",
                                       "oauth.permission-not-declared", "oauth.scope-invalid",
                                       "oauth.resource-missing",        "grant.scope" };
    struct subject s;
    if (!subject_of_grant(g, &s, NULL) || text_equal(g->flying->permission, grant_home(g, &s)))
        return false;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (text_equal(why->id, ids[i]))
            return true;
    return false;
}

static void permission_failed(struct grant *g, const struct fault *seen)
{
    struct access *a = g->flying;
    g->flying = NULL;
    a->problem = *seen;
    a->problem.kind = FAULT_HOLD;
    a->not_before_ms = loop_now_ms(g->home->parts.loop) + PERSON_PAUSE_MS;
    log_warn("token.failed", LOG_TEXT(g->is_app ? "registration" : "mailbox", g->name), LOG_FAULT(&a->problem),
             LOG_TEXT("permission", a->permission));
    struct fault why = a->problem; /* an asker may make it ask anew */
    flight_answer_waiters(g, a, &why);
    flight_next(g);
}

static void flight_failed(struct grant *g, const struct fault *seen)
{
    struct fault why = *seen;
    if (is_of_permission(g, &why)) {
        permission_failed(g, &why);
        return;
    }
    g->flying = NULL;
    if (is_passing(&why))
        fail_passing(g, &why);
    else
        fail_for_person(g, &why);
    log_warn("token.failed", LOG_TEXT(g->is_app ? "registration" : "mailbox", g->name), LOG_FAULT(&why),
             LOG_UNSIGNED("retry_after", why.retry_after_s));
    state_changed_of_grant(g);
    /* All of this grant's waiters would meet the same refusal. */
    for (size_t i = 0; i < g->access_count; i++) {
        g->access[i].is_wanted = false;
        if (g->access[i].waiters_count > 0)
            flight_answer_waiters(g, &g->access[i], &why);
    }
}

/* The rotated refresh token, durable before anything is done with the rest of the answer. */
static bool keep_refresh(struct grant *g, struct answer *a, struct fault *why)
{
    bool is_rotated = a->refresh && !secret_equal(a->refresh, g->refresh);
    int64_t now_ms = loop_wall_ms(g->home->parts.loop);
    bool needed_person = g->needs_person;
    struct fault bad = { 0 };
    if (is_rotated) {
        secret_free(g->unsaved);
        g->unsaved = a->refresh;
        a->refresh = NULL;
    }
    if (!grant_save_rotated(g, why))
        return false;
    g->used_ms = now_ms;
    g->needs_person = false;
    fault_clear(&g->problem);
    bool is_due = needed_person || now_ms - g->stored_used_ms >= STORE_USED_EVERY_MS;
    if (is_due && !grant_save(g, g->refresh, &bad))
        log_warn("vault.write-failed", LOG_TEXT("record", g->name), LOG_FAULT(&bad));
    return true;
}

static bool accept_answer(struct grant *g, struct answer *a, struct fault *why)
{
    if (!keep_refresh(g, a, why))
        return false;
    return scope_is_granted(a->scope, g->flying->permission) ||
           fault_set(why, FAULT_HOLD, "grant.scope", "the server granted \"%.200s\", which does not hold %s", a->scope,
                     g->flying->permission);
}

static void flight_arrived(struct grant *g, struct answer *answer)
{
    struct access *a = g->flying;
    g->flying = NULL;
    access_take(g, a, answer);
    log_info("token.renewed", LOG_TEXT(g->is_app ? "registration" : "mailbox", g->name),
             LOG_TEXT("permission", a->permission), LOG_NUMBER("lifetime", answer->expires_in_s));
    state_changed_of_grant(g);
    flight_answer_waiters(g, a, NULL);
    flight_next(g);
}

/* Its token is of no use: the grant was signed in for anew, was forgotten, or depends on settings that have changed meanwhile. */
static void flight_in_vain(struct grant *g)
{
    struct access *a = g->flying;
    g->flying = NULL;
    if (access_is_good(g, a))
        flight_answer_waiters(g, a, NULL);
    else if (a->waiters_count > 0 && (g->refresh || g->is_app))
        a->is_wanted = true;
    else
        flight_answer_waiters(g, a, &(struct fault){ FAULT_HOLD, 0, "grant.missing", "nobody has signed in any more" });
    flight_next(g);
}

static bool is_of_other_sign_in(const struct grant *g)
{
    return g->sign_ins != g->flight_sign_ins;
}

static bool is_of_other_settings(const struct grant *g)
{
    return g->changes != g->flight_changes;
}

static void on_answer(void *ctx, const struct http_answer *http)
{
    struct grant *g = ctx;
    struct answer answer;
    struct fault why = { 0 };
    bool ok = answer_read(http, &answer, &why);
    if (is_of_other_sign_in(g)) {
        flight_in_vain(g);
    } else if (is_of_other_settings(g)) {
        /* A rotated refresh token counts all the same: strict providers have ended the old one. */
        if (ok && !keep_refresh(g, &answer, &why))
            log_warn("token.failed", LOG_TEXT("mailbox", g->name), LOG_FAULT(&why));
        flight_in_vain(g);
    } else if (ok && accept_answer(g, &answer, &why)) {
        flight_arrived(g, &answer);
    } else {
        flight_failed(g, &why);
    }
    answer_fini(&answer);
}

static void fill_form(const struct grant *g, const struct subject *s, struct form *form)
{
    struct arena *life = arena_new();
    if (g->is_app) {
        form_add(form, "grant_type", "client_credentials");
        form_add(form, "scope", g->flying->permission);
    } else {
        form_add(form, "grant_type", "refresh_token");
        form_add_bytes(form, "refresh_token", secret_bytes(g->refresh));
        form_add(form, "scope", scope_for_refresh(s->provider, g->flying->permission, life));
    }
    arena_free(life);
}

static void on_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct grant *g = ctx;
    struct subject s;
    struct fault why = { 0 };
    struct form form;
    if (is_of_other_sign_in(g) || is_of_other_settings(g)) {
        flight_in_vain(g);
        return;
    }
    if (refused) {
        flight_failed(g, refused);
        return;
    }
    form_init(&form);
    bool ok = grant_save_rotated(g, &why) && subject_of_grant(g, &s, &why);
    if (ok) {
        fill_form(g, &s, &form);
        ok = subject_sign_form(g->home, &s, e->token, &form, &why);
    }
    if (ok)
        http_send(g->home->parts.http,
                  &(struct http_request){ e->token, form_bytes(&form), s.ca_pem, g->home->settings.timeout_s },
                  on_answer, g);
    else
        flight_failed(g, &why);
    form_fini(&form);
}

static void flight_next(struct grant *g)
{
    struct access *a = NULL;
    for (size_t i = 0; !g->flying && !a && i < g->access_count; i++) {
        if (g->access[i].is_wanted)
            a = &g->access[i];
    }
    if (!a)
        return;
    struct subject s;
    struct fault why = { 0 };
    a->is_wanted = false;
    g->flying = a;
    g->flight_sign_ins = g->sign_ins;
    g->flight_changes = g->changes;
    if (subject_of_grant(g, &s, &why))
        endpoints_get(g->home->documents, s.provider, s.registration->tenant, s.ca_pem, ENDPOINT_TOKEN, on_endpoints,
                      g);
    else
        flight_failed(g, &why);
}

void flight_want(struct grant *g, struct access *a)
{
    if (g->flying == a)
        return;
    a->is_wanted = true;
    flight_next(g);
}
