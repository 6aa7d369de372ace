#include "token/oidc.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "token/authorize_private.h"
#include "token/idtoken.h"

#define VISITS_MAX 256
#define URL_LIMIT 32768
#define SCOPE "openid profile email"

struct visit {
    struct list node;
    struct tokens *home;
    char id[PKCE_ID_SIZE], state[PKCE_WORD_SIZE], nonce[PKCE_WORD_SIZE];
    char *registration, *redirect_uri, *issuer, *jwks;
    struct secret *verifier, *code;
    struct answer answer;
    struct loop_timer timer;
    bool is_busy;       /* a request is under way: freed only after it */
    bool is_over;       /* free at the next chance */
    bool has_come_back; /* the address was used */
    bool has_fresh_keys;
    authorize_done_fn *done; /* of who waits just now; NULL: nobody */
    void *ctx;
    uint64_t tag;
};

static void visit_free(struct visit *v)
{
    list_remove(&v->node);
    loop_timer_stop(&v->timer);
    secret_free(v->verifier);
    secret_free(v->code);
    answer_fini(&v->answer);
    free(v->registration);
    free(v->redirect_uri);
    free(v->issuer);
    free(v->jwks);
    free(v);
}

void oidc_free(struct tokens *t)
{
    LIST_EACH (at, &t->visits)
        visit_free(LIST_OF(at, struct visit, node));
}

static void tell(struct visit *v, const json_t *result, const struct fault *why)
{
    authorize_done_fn *done = v->done;
    v->done = NULL;
    if (done)
        done(v->ctx, v->tag, "", result, why);
}

/* It is decided, one way or the other. */
static void end(struct visit *v, json_t *result /* taken */, const struct fault *why)
{
    if (why)
        log_warn("oidc.refused", LOG_TEXT("registration", v->registration), LOG_FAULT(why));
    tell(v, result, why);
    json_decref(result);
    v->is_over = true;
    loop_timer_stop(&v->timer);
    if (!v->is_busy)
        visit_free(v);
}

static void ended_fault(struct fault *why)
{
    fault_set(why, FAULT_REJECT, "grant.expired", "this sign-in has ended, or was started too long ago");
}

static void on_timer(void *ctx)
{
    struct fault why = { 0 };
    ended_fault(&why);
    end(ctx, NULL, &why);
}

static bool subject_of(struct visit *v, struct subject *s, struct fault *why)
{
    return subject_of_registration(v->home, v->registration, s, why);
}

/* After every request: true if it is gone. */
static bool came_back(struct visit *v)
{
    bool is_gone = v->is_over;
    v->is_busy = false;
    if (is_gone)
        visit_free(v);
    return is_gone;
}

/* ---- start ---- */

static char *sign_in_url(const struct visit *v, const struct subject *s, const struct endpoints *e)
{
    struct form query;
    char challenge[PKCE_WORD_SIZE];
    pkce_challenge((const char *)secret_bytes(v->verifier).data, challenge);
    form_init(&query);
    form_add(&query, "client_id", s->registration->client_id);
    form_add(&query, "response_type", "code");
    form_add(&query, "response_mode", "query");
    form_add(&query, "redirect_uri", v->redirect_uri);
    form_add(&query, "scope", SCOPE);
    form_add(&query, "state", v->state);
    form_add(&query, "nonce", v->nonce);
    form_add(&query, "code_challenge", challenge);
    form_add(&query, "code_challenge_method", "S256");
    char *url = mem_printf("%s%c%s", e->authorize, strchr(e->authorize, '?') ? '&' : '?', buf_str(&query.text));
    form_fini(&query);
    return url;
}

/* An issuer that speaks for all tenants would let people in whom no administrator here has ever heard of, under names that their own
 * administrators chose. */
static bool is_of_one_tenant(const struct subject *s, const struct endpoints *e, struct fault *why)
{
    if (!object_tenant_is_anybody(s->registration->tenant) && !object_issuer_is_anybody(e->issuer))
        return true;
    return fault_set(why, FAULT_CONFIG, "entra.anybody", "the registration %s is for the tenant %s",
                     s->registration->name, s->registration->tenant[0] ? s->registration->tenant : e->issuer);
}

static void on_start_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct visit *v = ctx;
    struct subject s;
    struct fault why = { 0 };
    if (came_back(v))
        return;
    bool ok = !refused && subject_of(v, &s, &why);
    if (ok && (e->authorize[0] == '\0' || e->jwks[0] == '\0'))
        ok = fault_set(&why, FAULT_CONFIG, "provider.discovery",
                       "the provider %s has no sign-in page, or names no keys", s.provider->name);
    ok = ok && is_of_one_tenant(&s, e, &why);
    if (!ok) {
        end(v, NULL, refused ? refused : &why);
        return;
    }
    char *url = sign_in_url(v, &s, e);
    json_t *result = json_pack("{s:s, s:s}", "id", v->id, "url", url);
    tell(v, result, NULL);
    json_decref(result);
    free(url);
}

static void find_endpoints(struct visit *v, endpoints_done_fn *then)
{
    struct subject s;
    struct fault why = { 0 };
    if (!subject_of(v, &s, &why)) {
        end(v, NULL, &why);
        return;
    }
    v->is_busy = true;
    endpoints_get(v->home->documents, s.provider, s.registration->tenant, s.ca_pem, ENDPOINT_SIGN_IN, then, v);
}

static void make_room(struct tokens *t)
{
    size_t count = 0;
    LIST_EACH (at, &t->visits)
        count++;
    if (count >= VISITS_MAX)
        on_timer(LIST_OF(t->visits.next, struct visit, node));
}

void oidc_begin(struct tokens *t, const char *registration, const char *redirect_uri, authorize_done_fn *done,
                void *ctx, uint64_t tag)
{
    char verifier[PKCE_WORD_SIZE];
    struct fault why = { 0 };
    if (!http_url_is_safe(redirect_uri) || strpbrk(redirect_uri, "#\r\n ")) {
        fault_set(
            &why, FAULT_CONFIG, "oauth.redirect-not-registered",
            "%.200s can't be a redirect URI: it must be an https address, or http://localhost (console.public-url)",
            redirect_uri);
        done(ctx, tag, "", NULL, &why);
        return;
    }
    make_room(t);
    struct visit *v = mem_alloc(sizeof *v);
    v->home = t;
    v->registration = mem_strdup(registration);
    v->redirect_uri = mem_strdup(redirect_uri);
    v->done = done;
    v->ctx = ctx;
    v->tag = tag;
    pkce_id(v->id);
    pkce_word(v->state);
    pkce_word(v->nonce);
    pkce_word(verifier);
    v->verifier = secret_new(verifier, sizeof verifier - 1);
    secret_wipe(verifier, sizeof verifier);
    loop_timer_init(&v->timer, t->parts.loop, on_timer, v);
    loop_timer_start(&v->timer, AUTHORIZE_LIFE_MS);
    list_append(&t->visits, &v->node);
    find_endpoints(v, on_start_endpoints);
}

/* ---- finish ---- */

/* Not the claim email: anybody can write there what they like (reference: claims not for authorization). */
static const char *user_of(const struct idtoken_claims *c)
{
    return c->preferred_username[0] ? c->preferred_username : c->upn;
}

static json_t *result_of(const struct idtoken_claims *c)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < c->groups_count; i++)
        json_array_append_new(groups, json_string(c->groups[i]));
    return json_pack("{s:s, s:s, s:o, s:b}", "user", user_of(c), "oid", c->oid, "groups", groups, "has_more_groups",
                     (int)c->has_more_groups);
}

static void on_keys(void *ctx, const json_t *keys, const struct fault *refused);

static void ask_keys(struct visit *v, const struct subject *s, bool want_fresh)
{
    v->is_busy = true;
    v->has_fresh_keys = want_fresh;
    documents_get(v->home->documents, v->jwks, s->ca_pem, want_fresh, on_keys, v);
}

static void on_keys(void *ctx, const json_t *keys, const struct fault *refused)
{
    struct visit *v = ctx;
    struct subject s;
    struct fault why = { 0 };
    struct idtoken_claims claims;
    bool is_key_unknown = false;
    if (came_back(v))
        return;
    if (refused || !subject_of(v, &s, &why)) {
        end(v, NULL, refused ? refused : &why);
        return;
    }
    struct arena *life = arena_new();
    struct idtoken_expected expected = { v->issuer, s.registration->client_id, v->nonce,
                                         loop_wall_ms(v->home->parts.loop) / 1000 };
    bool ok = idtoken_verify(secret_bytes(v->answer.id_token), keys, &expected, life, &claims, &is_key_unknown, &why);
    if (ok && user_of(&claims)[0] == '\0')
        ok = fault_set(&why, FAULT_REJECT, "grant.id-token", "the id_token names no user");
    json_t *result = ok ? result_of(&claims) : NULL;
    arena_free(life);
    if (!ok && is_key_unknown && !v->has_fresh_keys)
        ask_keys(v, &s, true); /* keys roll without notice */
    else
        end(v, result, ok ? NULL : &why);
}

static void on_redeemed(void *ctx, const struct http_answer *http)
{
    struct visit *v = ctx;
    struct subject s;
    struct fault why = { 0 };
    if (came_back(v))
        return;
    bool ok = answer_read(http, &v->answer, &why) && subject_of(v, &s, &why);
    if (ok && !v->answer.id_token)
        ok = fault_set(&why, FAULT_REJECT, "grant.id-token", "openid was asked for, but the server sent no id_token");
    if (ok)
        ask_keys(v, &s, false);
    else
        end(v, NULL, &why);
}

static bool redeem(struct visit *v, const struct endpoints *e, struct fault *why)
{
    struct subject s;
    struct form form;
    form_init(&form);
    bool ok = subject_of(v, &s, why) && is_of_one_tenant(&s, e, why);
    if (ok) {
        form_add(&form, "grant_type", "authorization_code");
        form_add_bytes(&form, "code", secret_bytes(v->code));
        form_add(&form, "redirect_uri", v->redirect_uri);
        form_add_bytes(&form, "code_verifier", secret_bytes(v->verifier));
        form_add(&form, "scope", SCOPE);
        ok = subject_sign_form(v->home, &s, e->token, &form, why);
    }
    if (ok) {
        v->issuer = mem_strdup(e->issuer);
        v->jwks = mem_strdup(e->jwks);
        v->is_busy = true;
        http_send(v->home->parts.http,
                  &(struct http_request){ e->token, form_bytes(&form), s.ca_pem, v->home->settings.timeout_s },
                  on_redeemed, v);
    }
    form_fini(&form);
    return ok;
}

static void on_finish_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct visit *v = ctx;
    struct fault why = { 0 };
    if (came_back(v))
        return;
    if (refused || !redeem(v, e, &why))
        end(v, NULL, refused ? refused : &why);
}

/* The code goes into v; false with a fault. */
static bool read_redirect(struct visit *v, struct bytes url, struct fault *why)
{
    struct arena *life = arena_new();
    struct bytes query = url.size <= URL_LIMIT ? form_query_of_url(url) : BYTES_NONE;
    const char *state = form_find(query, "state", life), *code = form_find(query, "code", life);
    const char *error = form_find(query, "error", life);
    bool ok = false;
    if (!text_equal(state, v->state))
        fault_set(why, FAULT_REJECT, "grant.state", "the browser came back from another sign-in than the one it began");
    else if (error)
        answer_fault_of_error(error, form_find(query, "error_description", life), why);
    else if (!code)
        fault_set(why, FAULT_REJECT, "grant.state", "the browser came back with neither a code nor an error");
    else
        ok = true;
    if (ok) {
        v->code = secret_new(code, strlen(code));
        secret_wipe((char *)(uintptr_t)code, strlen(code));
    }
    arena_free(life);
    return ok;
}

static struct visit *find(struct tokens *t, const char *id)
{
    LIST_EACH (at, &t->visits) {
        struct visit *v = LIST_OF(at, struct visit, node);
        if (!v->is_over && !v->has_come_back && !v->is_busy && text_equal(v->id, id))
            return v;
    }
    return NULL;
}

/* Whatever comes back ends it: a second try begins anew. */
void oidc_finish(struct tokens *t, const char *id, struct bytes url, authorize_done_fn *done, void *ctx, uint64_t tag)
{
    struct visit *v = find(t, id);
    struct fault why = { 0 };
    if (!v) {
        ended_fault(&why);
        done(ctx, tag, "", NULL, &why);
        return;
    }
    v->has_come_back = true;
    v->done = done;
    v->ctx = ctx;
    v->tag = tag;
    if (read_redirect(v, url, &why))
        find_endpoints(v, on_finish_endpoints);
    else
        end(v, NULL, &why);
}

static void drop(struct tokens *t, const void *ctx, const uint64_t *tag)
{
    LIST_EACH (at, &t->visits) {
        struct visit *v = LIST_OF(at, struct visit, node);
        if (v->done && v->ctx == ctx && (!tag || v->tag == *tag))
            v->done = NULL;
    }
}

void oidc_cancel(struct tokens *t, const void *ctx, uint64_t tag)
{
    drop(t, ctx, &tag);
}

void oidc_forget_asker(struct tokens *t, const void *ctx)
{
    drop(t, ctx, NULL);
}
