#include "sandbox/grants.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "sandbox/sandbox_private.h"

struct grants {
    struct arena *life;
    struct map *by_key;     /* -> struct grant */
    struct map *by_code;    /* user code -> struct grant */
    struct map *consents;   /* "client oid resource scope" -> anything */
    struct map *revoked;    /* oid -> int64_t */
    struct map *opaque;     /* token -> json_t */
    struct map *assertions; /* jti -> int64_t, when it may be forgotten */
    int64_t all_revoked_ms;
};

struct grants *grants_new(void)
{
    struct grants *g = mem_alloc(sizeof *g);
    g->life = arena_new();
    g->by_key = map_new();
    g->by_code = map_new();
    g->consents = map_new();
    g->revoked = map_new();
    g->opaque = map_new();
    g->assertions = map_new();
    return g;
}

static bool claims_free(void *ctx, const char *key, void *value)
{
    json_decref(value);
    return true;
}

void grants_free(struct grants *g)
{
    if (g == NULL)
        return;
    map_each(g->opaque, claims_free, NULL);
    map_free(g->by_key);
    map_free(g->by_code);
    map_free(g->consents);
    map_free(g->revoked);
    map_free(g->opaque);
    map_free(g->assertions);
    arena_free(g->life);
    free(g);
}

/* As people type it: any case, with or without a dash. */
static void fold_code(const char *code, char *out, size_t size)
{
    size_t used = 0;
    for (; *code != 0 && used + 1 < size; code++) {
        if (isalnum((unsigned char)*code))
            out[used++] = (char)toupper((unsigned char)*code);
    }
    out[used] = 0;
}

static const char *copy(struct grants *g, const char *text)
{
    return arena_strdup(g->life, text != NULL ? text : "");
}

struct grant *grants_add(struct grants *g, const struct grant *like, const char *prefix, size_t size)
{
    struct grant *made = arena_alloc(g->life, sizeof *made);
    *made = *like;
    made->authority = copy(g, like->authority);
    made->scope = copy(g, like->scope);
    made->nonce = copy(g, like->nonce);
    made->redirect_uri = copy(g, like->redirect_uri);
    made->challenge = copy(g, like->challenge);
    made->method = copy(g, like->method);
    made->user_code = copy(g, like->user_code);
    size_t head = strlen(prefix);
    char *key = arena_alloc(g->life, head + size + 1);
    memcpy(key, prefix, head);
    sandbox_random_text(key + head, size > head ? size - head : 0);
    made->key = key;
    map_put(g->by_key, key, made);
    char folded[32];
    fold_code(made->user_code, folded, sizeof folded);
    if (folded[0] != 0)
        map_put(g->by_code, folded, made);
    return made;
}

struct grant *grants_find(const struct grants *g, enum grant_kind kind, const char *key)
{
    struct grant *found = map_get(g->by_key, key);
    return found != NULL && found->kind == kind ? found : NULL;
}

struct grant *grants_find_user_code(const struct grants *g, const char *user_code)
{
    char folded[32];
    fold_code(user_code, folded, sizeof folded);
    return map_get(g->by_code, folded);
}

static void consent_key(char *out, size_t size, const char *client_id, const char *oid, const char *resource,
                        const char *scope)
{
    int used = snprintf(out, size, "%s %s %s %s", client_id, oid, resource, scope);
    for (int i = 0; i < used && (size_t)i < size; i++)
        out[i] = (char)tolower((unsigned char)out[i]);
}

void grants_consent(struct grants *g, const char *client_id, const char *oid, const char *resource, const char *scope)
{
    char key[512];
    consent_key(key, sizeof key, client_id, oid, resource, scope);
    map_put(g->consents, key, g);
}

bool grants_has_consent(const struct grants *g, const char *client_id, const char *oid, const char *resource,
                        const char *scope)
{
    char key[512];
    consent_key(key, sizeof key, client_id, oid, resource, scope);
    return map_get(g->consents, key) != NULL;
}

struct removal {
    const char *owner; /* between blanks, as in a key; "" is in every key */
    char **keys;
    size_t count;
};

static bool collect(void *ctx, const char *key, void *value)
{
    struct removal *r = ctx;
    if (strstr(key, r->owner) != NULL)
        r->keys[r->count++] = mem_strdup(key);
    return true;
}

void grants_consent_remove(struct grants *g, const char *oid)
{
    char owner[64] = "";
    if (oid != NULL)
        snprintf(owner, sizeof owner, " %s ", oid);
    struct removal r = { .owner = owner };
    r.keys = mem_alloc((map_count(g->consents) + 1) * sizeof *r.keys);
    map_each(g->consents, collect, &r);
    for (size_t i = 0; i < r.count; i++) {
        map_remove(g->consents, r.keys[i]);
        free(r.keys[i]);
    }
    free(r.keys);
}

void grants_revoke(struct grants *g, const char *oid, int64_t now_ms)
{
    if (oid == NULL) {
        g->all_revoked_ms = now_ms;
        return;
    }
    int64_t *from = arena_alloc(g->life, sizeof *from);
    *from = now_ms;
    map_put(g->revoked, oid, from);
}

int64_t grants_valid_from(const struct grants *g, const char *oid)
{
    const int64_t *own = map_get(g->revoked, oid);
    return own != NULL && *own > g->all_revoked_ms ? *own : g->all_revoked_ms;
}

void grants_opaque_add(struct grants *g, const char *token, json_t *claims)
{
    json_decref(map_put(g->opaque, token, claims));
}

json_t *grants_opaque_find(const struct grants *g, const char *token)
{
    return map_get(g->opaque, token);
}

bool grants_replayed(struct grants *g, const char *jti, int64_t now_ms, int64_t expires_ms)
{
    int64_t *until = map_get(g->assertions, jti);
    if (until != NULL && now_ms < *until)
        return true;
    if (until == NULL) {
        until = arena_alloc(g->life, sizeof *until);
        map_put(g->assertions, jti, until);
    }
    *until = expires_ms;
    return false;
}
