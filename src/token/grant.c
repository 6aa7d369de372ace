/* token/grant.c - grants in memory and in the vault.
 *
 * A record is JSON: refresh, user, scopes, since, used, and the last refusal, so that after a restart nobody asks again what a
 * person has to settle first. Access tokens are never stored. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "doctor/finding.h"
#include "token/scope.h"
#include "token/tokens_private.h"

static char *key_of(bool is_app, const char *name)
{
    return mem_printf("%s:%s", is_app ? "r" : "m", name);
}

struct grant *grant_find(struct tokens *t, bool is_app, const char *name)
{
    char *key = key_of(is_app, name);
    struct grant *g = map_get(t->grants, key);
    free(key);
    return g;
}

static struct grant *grant_make(struct tokens *t, bool is_app, const char *name)
{
    struct grant *g = mem_alloc(sizeof *g);
    g->home = t;
    g->name = mem_strdup(name);
    g->is_app = is_app;
    g->user = mem_strdup("");
    g->scopes = mem_strdup("");
    char *key = key_of(is_app, name);
    map_put(t->grants, key, g);
    free(key);
    return g;
}

struct grant *grant_of(struct tokens *t, const struct mailbox *m)
{
    if (m->grant == OBJECT_GRANT_BASIC || m->grant == OBJECT_GRANT_NONE)
        return NULL;
    bool is_app = m->grant == OBJECT_GRANT_APP;
    const struct registration *r = is_app ? directory_registration(t->parts.directory, m->registration) : NULL;
    const char *name = !is_app ? m->address : r ? r->name : m->registration;
    struct grant *g = grant_find(t, is_app, name);
    return g ? g : grant_make(t, is_app, name);
}

void grant_free(struct grant *g)
{
    for (size_t i = 0; i < g->access_count; i++) {
        struct access *a = &g->access[i];
        for (struct list *at = list_pop(&a->waiters); at; at = list_pop(&a->waiters)) {
            struct waiter *w = LIST_OF(at, struct waiter, node);
            free(w->user);
            free(w);
        }
        secret_free(a->token);
        free(a->permission);
    }
    secret_free(g->refresh);
    secret_free(g->unsaved);
    free(g->user);
    free(g->scopes);
    free(g->name);
    free(g);
}

struct access *grant_access(struct grant *g, const char *permission)
{
    for (size_t i = 0; i < g->access_count; i++) {
        if (text_equal(g->access[i].permission, permission))
            return &g->access[i];
    }
    /* A provider's permissions may be edited: then an idle place is given to the new one. */
    struct access *a = g->access_count < ACCESS_MAX ? &g->access[g->access_count++] : NULL;
    for (size_t i = 0; !a && i < ACCESS_MAX; i++) {
        if (&g->access[i] != g->flying && g->access[i].waiters_count == 0 && !g->access[i].is_wanted)
            a = &g->access[i];
    }
    if (!a)
        return NULL;
    if (a->permission) {
        free(a->permission);
        secret_free(a->token);
    }
    *a = (struct access){ .permission = mem_strdup(permission) };
    list_init(&a->waiters);
    return a;
}

bool access_is_good(const struct grant *g, const struct access *a)
{
    return a->token && loop_now_ms(g->home->parts.loop) < a->end_ms;
}

/* Served until a little before its end, renewed some time before that; a token of seconds (tests, strict tenants) in proportion. */
void access_take(struct grant *g, struct access *a, struct answer *from)
{
    struct tokens *t = g->home;
    int64_t life_ms = from->expires_in_s * 1000;
    int64_t before_ms = t->settings.refresh_before_ms, margin_ms = 15000;
    if (before_ms > life_ms / 2)
        before_ms = life_ms / 2;
    if (margin_ms > life_ms / 4)
        margin_ms = life_ms / 4;
    secret_free(a->token);
    a->not_before_ms = 0;
    fault_clear(&a->problem);
    a->token = from->access;
    from->access = NULL;
    a->serial = ++t->serial;
    a->renew_ms = loop_now_ms(t->parts.loop) + life_ms - before_ms;
    a->end_ms = loop_now_ms(t->parts.loop) + life_ms - margin_ms;
    a->expires_wall_ms = loop_wall_ms(t->parts.loop) + life_ms;
    g->failures = 0;
    g->not_before_ms = 0;
}

void grant_drop_access(struct grant *g)
{
    for (size_t i = 0; i < g->access_count; i++) {
        secret_free(g->access[i].token);
        g->access[i].token = NULL;
        g->access[i].not_before_ms = 0;
        fault_clear(&g->access[i].problem);
    }
    g->failures = 0;
    g->not_before_ms = 0;
    g->changes++;
}

void grant_drop_sign_in(struct grant *g)
{
    secret_free(g->refresh);
    secret_free(g->unsaved);
    g->refresh = g->unsaved = NULL;
    g->needs_person = false;
    fault_clear(&g->problem);
    grant_drop_access(g);
    g->sign_ins++;
}

const char *grant_home(const struct grant *g, const struct subject *s)
{
    return g->is_app ? s->provider->scope_app : scope_home(s->provider, s->mailbox);
}

bool grant_may_be_mended(const struct grant *g)
{
    const struct finding *f = finding_by_id(g->problem.id);
    return g->needs_person && f && (f->who == FINDING_ADMIN || f->who == FINDING_POSTERN_ADMIN);
}

static json_t *grant_to_json(const struct grant *g, const struct secret *refresh, int64_t used_ms)
{
    struct bytes token = secret_bytes(refresh);
    json_t *json = json_pack("{s:s, s:s, s:I, s:I, s:s%}", "user", g->user, "scopes", g->scopes, "since",
                             (json_int_t)g->since_ms, "used", (json_int_t)used_ms, "refresh",
                             token.data ? (const char *)token.data : "", token.size);
    if (g->needs_person)
        json_object_set_new(json, "problem",
                            json_pack("{s:i, s:s, s:s, s:I, s:b}", "kind", (int)g->problem.kind, "id", g->problem.id,
                                      "text", g->problem.text, "at", (json_int_t)g->problem_ms, "needs_person",
                                      g->needs_person));
    return json;
}

static const char *kind_of(const struct grant *g)
{
    return g->is_app ? VAULT_APP_GRANT : VAULT_GRANT;
}

bool grant_save(struct grant *g, const struct secret *refresh, struct fault *why)
{
    int64_t used_ms = loop_wall_ms(g->home->parts.loop);
    json_t *json = grant_to_json(g, refresh, used_ms);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text)
        return fault_set(why, FAULT_LOCAL, "", "the grant of %s is not text", g->name);
    bool ok = vault_put(g->home->parts.vault, kind_of(g), g->name, bytes_of(text), why);
    secret_wipe(text, strlen(text));
    free(text);
    if (ok)
        g->stored_used_ms = used_ms;
    return ok;
}

bool grant_save_rotated(struct grant *g, struct fault *why)
{
    if (!g->unsaved)
        return true;
    if (!grant_save(g, g->unsaved, why)) {
        why->kind = FAULT_LOCAL;
        return fault_wrap(why, "the renewed sign-in of %s could not be stored, the old one is kept", g->name);
    }
    secret_free(g->refresh);
    g->refresh = g->unsaved;
    g->unsaved = NULL;
    return true;
}

static void read_problem(struct grant *g, const json_t *json)
{
    const char *id = "", *text = "";
    int kind = FAULT_NONE, needs_person = 0;
    json_int_t at = 0;
    if (json_unpack((json_t *)(uintptr_t)json, "{s:i, s:s, s:s, s:I, s:b}", "kind", &kind, "id", &id, "text", &text,
                    "at", &at, "needs_person", &needs_person) != 0)
        return;
    fault_set(&g->problem, (enum fault_kind)kind, id, "%s", text);
    g->problem_ms = at;
    g->needs_person = needs_person;
}

static bool grant_from_json(struct grant *g, json_t *json)
{
    const char *user, *scopes, *refresh;
    json_int_t since, used;
    size_t size;
    if (json_unpack(json, "{s:s, s:s, s:I, s:I, s:s%}", "user", &user, "scopes", &scopes, "since", &since, "used",
                    &used, "refresh", &refresh, &size) != 0)
        return false;
    free(g->user);
    free(g->scopes);
    g->user = mem_strdup(user);
    g->scopes = mem_strdup(scopes);
    g->since_ms = since;
    g->used_ms = g->stored_used_ms = used;
    g->refresh = size > 0 ? secret_new(refresh, size) : NULL;
    read_problem(g, json_object_get(json, "problem"));
    return true;
}

static void load_one(struct tokens *t, bool is_app, const char *name, const struct secret *plain,
                     const struct fault *bad)
{
    if (bad) {
        log_error("vault.damaged", LOG_TEXT("record", name), LOG_FAULT(bad));
        return;
    }
    struct bytes text = secret_bytes(plain);
    json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
    struct grant *g = grant_make(t, is_app, name);
    if (!json || !grant_from_json(g, json))
        log_error("vault.damaged", LOG_TEXT("record", name), LOG_TEXT("text", "a sealed grant that can't be read"));
    json_decref(json);
}

static void load_grant(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    load_one(ctx, false, name, plain, bad);
}

static void load_app_grant(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    load_one(ctx, true, name, plain, bad);
}

static void load_password(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    struct tokens *t = ctx;
    if (bad)
        log_error("vault.damaged", LOG_TEXT("record", name), LOG_FAULT(bad));
    else
        map_put(t->passwords, name, t);
}

bool grants_load(struct tokens *t, struct fault *why)
{
    return vault_each(t->parts.vault, VAULT_GRANT, load_grant, t, why) &&
           vault_each(t->parts.vault, VAULT_APP_GRANT, load_app_grant, t, why) &&
           vault_each(t->parts.vault, VAULT_MAILBOX_PASSWORD, load_password, t, why);
}

bool grant_store(struct tokens *t, const struct mailbox *m, const char *permission, const char *user, struct answer *a,
                 struct fault *why)
{
    struct grant *g = grant_of(t, m);
    struct grant next = { .home = t, .name = g->name, .is_app = g->is_app };
    next.user = mem_strdup(user);
    next.scopes = mem_strdup(a->scope);
    next.since_ms = loop_wall_ms(t->parts.loop);
    if (!grant_save(&next, a->refresh, why)) {
        free(next.user);
        free(next.scopes);
        return false;
    }
    grant_drop_sign_in(g);
    free(g->user);
    free(g->scopes);
    g->user = next.user;
    g->scopes = next.scopes;
    g->refresh = a->refresh;
    a->refresh = NULL;
    g->since_ms = g->used_ms = next.since_ms;
    g->stored_used_ms = next.stored_used_ms;
    struct access *access = grant_access(g, permission);
    if (access) {
        access_take(g, access, a);
        flight_answer_waiters(g, access, NULL);
    }
    log_info("grant.stored", LOG_TEXT("mailbox", g->name), LOG_TEXT("user", g->user), LOG_TEXT("scopes", g->scopes));
    state_changed_of_grant(g);
    return true;
}
