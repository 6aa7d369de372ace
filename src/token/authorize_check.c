/* token/authorize_check.c - is this sign-in what was asked for? Nothing is stored unless every answer is yes. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/authorize_private.h"
#include "token/idtoken.h"
#include "token/owner.h"
#include "token/scope.h"

static void check_rest(struct authorization *z, const struct subject *s, const struct idtoken_claims *claims)
{
    struct fault why = { 0 };
    const char *home = scope_home(s->provider, s->mailbox), *user = claims ? idtoken_user(claims) : "";
    if (!scope_is_granted(z->answer.scope, home))
        fault_set(&why, FAULT_HOLD, "grant.scope", "the server granted \"%.200s\", which does not hold %s",
                  z->answer.scope, home);
    else if (!z->answer.refresh)
        fault_set(&why, FAULT_REJECT, "grant.no-refresh", "the server gave no refresh token");
    if (why.kind != FAULT_NONE) {
        authorization_decided(z, NULL, &why);
        return;
    }
    json_t *result = json_pack("{s:s, s:s, s:s}", "address", z->address, "user", user, "scopes", z->answer.scope);
    if (grant_store(z->home, s->mailbox, home, user, &z->answer, &why)) {
        owner_link_end(z->home, s->mailbox->address); /* its work is done, whoever did it */
        authorization_decided(z, result, NULL);
    } else {
        json_decref(result);
        authorization_decided(z, NULL, &why);
    }
}

/* The mailbox's own user (a delegate, with a shared mailbox), or its address or another of its own. */
static bool is_right_user(const struct mailbox *m, const struct idtoken_claims *claims)
{
    if (m->user[0] != '\0')
        return idtoken_is_user(claims, m->user);
    if (idtoken_is_user(claims, m->address))
        return true;
    for (size_t i = 0; i < m->aliases_count; i++) {
        if (idtoken_is_user(claims, m->aliases[i]))
            return true;
    }
    return false;
}

static void on_keys(void *ctx, const json_t *keys, const struct fault *refused);

static void ask_keys(struct authorization *z, const struct subject *s, bool want_fresh)
{
    z->is_busy = true;
    z->has_fresh_keys = want_fresh;
    documents_get(z->home->documents, z->jwks, s->ca_pem, want_fresh, on_keys, z);
}

static void check_claims(struct authorization *z, const struct subject *s, const struct idtoken_claims *claims)
{
    struct fault why = { 0 };
    if (is_right_user(s->mailbox, claims)) {
        check_rest(z, s, claims);
        return;
    }
    const char *seen = idtoken_user(claims);
    fault_set(
        &why, FAULT_HOLD, "grant.wrong-user", "%.200s signed in, but the mailbox wants %.200s; nothing was stored",
        seen[0] ? seen : "an account without a name", s->mailbox->user[0] ? s->mailbox->user : s->mailbox->address);
    authorization_decided(z, NULL, &why);
}

static void on_keys(void *ctx, const json_t *keys, const struct fault *refused)
{
    struct authorization *z = ctx;
    struct subject s;
    struct fault why = { 0 };
    struct idtoken_claims claims;
    bool is_key_unknown = false;
    if (authorization_came_back(z))
        return;
    if (refused || !authorization_subject(z, &s, &why)) {
        authorization_decided(z, NULL, refused ? refused : &why);
        return;
    }
    struct arena *life = arena_new();
    struct idtoken_expected expected = { z->issuer, s.registration->client_id, z->is_device ? NULL : z->nonce,
                                         loop_wall_ms(z->home->parts.loop) / 1000 };
    if (idtoken_verify(secret_bytes(z->answer.id_token), keys, &expected, life, &claims, &is_key_unknown, &why))
        check_claims(z, &s, &claims);
    else if (is_key_unknown && !z->has_fresh_keys)
        ask_keys(z, &s, true); /* keys roll without notice */
    else
        authorization_decided(z, NULL, &why);
    arena_free(life);
}

void authorization_check(struct authorization *z)
{
    struct subject s;
    struct fault why = { 0 };
    bool ok = authorization_subject(z, &s, &why);
    bool is_promised = ok && scope_has_word(s.provider->scope_common, "openid");
    if (ok && is_promised && (!z->answer.id_token || z->jwks[0] == '\0'))
        ok = fault_set(&why, FAULT_REJECT, "grant.id-token", "openid was asked for, but %s",
                       z->answer.id_token ? "the provider names no signing keys (jwks)"
                                          : "the server sent no id_token");
    if (!ok)
        authorization_decided(z, NULL, &why);
    else if (is_promised)
        ask_keys(z, &s, false);
    else
        check_rest(z, &s, NULL); /* a plain OAuth server: who signed in can't be known */
}
