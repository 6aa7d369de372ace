/* token/authorize_code.c - the authorization code grant with PKCE: the address to visit, the one that comes back, and
 * the redemption. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/authorize_private.h"
#include "token/scope.h"

#define URL_LIMIT 32768

static char *sign_in_url(const struct authorization *z, const struct subject *s, const struct endpoints *e)
{
    struct arena *life = arena_new();
    struct form query;
    char challenge[PKCE_WORD_SIZE];
    const struct mailbox *m = s->mailbox;
    pkce_challenge((const char *)secret_bytes(z->verifier).data, challenge);
    form_init(&query);
    form_add(&query, "client_id", s->registration->client_id);
    form_add(&query, "response_type", "code");
    form_add(&query, "redirect_uri", z->redirect_uri);
    form_add(&query, "scope", scope_for_sign_in(s->provider, m, life));
    form_add(&query, "state", z->state);
    form_add(&query, "nonce", z->nonce);
    form_add(&query, "code_challenge", challenge);
    form_add(&query, "code_challenge_method", "S256");
    form_add(&query, "login_hint", m->user[0] ? m->user : m->address);
    const char *extra = s->provider->authorize_extra;
    char *url = mem_printf("%s%c%s%s%s", e->authorize, strchr(e->authorize, '?') ? '&' : '?', buf_str(&query.text),
                           extra[0] ? "&" : "", extra);
    form_fini(&query);
    arena_free(life);
    return url;
}

static void on_code_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct authorization *z = ctx;
    struct subject s;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    bool ok = !refused && authorization_subject(z, &s, &why);
    if (ok && e->authorize[0] == '\0')
        ok = fault_set(&why, FAULT_CONFIG, "provider.discovery", "the provider %s has no sign-in page",
                       s.provider->name);
    if (!ok) {
        authorization_decided(z, NULL, refused ? refused : &why);
        return;
    }
    char *url = sign_in_url(z, &s, e);
    authorization_started(z,
                          json_pack("{s:s, s:s, s:I, s:s}", "id", z->id, "url", url, "expires_in",
                                    (json_int_t)(AUTHORIZE_LIFE_MS / 1000), "redirect_uri", z->redirect_uri),
                          NULL);
    free(url);
}

void code_begin(struct authorization *z)
{
    authorization_find_endpoints(z, on_code_endpoints);
}

static void on_redeemed(void *ctx, const struct http_answer *http)
{
    struct authorization *z = ctx;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    if (answer_read(http, &z->answer, &why))
        authorization_check(z);
    else if (why.kind == FAULT_RETRY)
        authorization_stumbled(z, &why); /* the code may still be good: finish again */
    else
        authorization_decided(z, NULL, &why);
}

static bool redeem(struct authorization *z, const struct endpoints *e, struct fault *why)
{
    struct subject s;
    struct form form;
    struct arena *life = arena_new();
    form_init(&form);
    bool ok = authorization_subject(z, &s, why);
    if (ok) {
        form_add(&form, "grant_type", "authorization_code");
        form_add_bytes(&form, "code", secret_bytes(z->code));
        form_add(&form, "redirect_uri", z->redirect_uri);
        form_add_bytes(&form, "code_verifier", secret_bytes(z->verifier));
        form_add(&form, "scope", scope_for_redemption(s.provider, scope_home(s.provider, s.mailbox), life));
        ok = subject_sign_form(z->home, &s, e->token, &form, why);
    }
    if (ok) {
        authorization_remember(z, e);
        z->is_busy = true;
        http_send(z->home->parts.http,
                  &(struct http_request){ e->token, form_bytes(&form), s.ca_pem, z->home->settings.timeout_s },
                  on_redeemed, z);
    }
    form_fini(&form);
    arena_free(life);
    return ok;
}

static void on_redeem_endpoints(void *ctx, const struct endpoints *e, const struct fault *refused)
{
    struct authorization *z = ctx;
    struct fault why = { 0 };
    if (authorization_came_back(z))
        return;
    if (refused)
        authorization_stumbled(z, refused);
    else if (!redeem(z, e, &why))
        authorization_stumbled(z, &why);
}

static struct bytes query_of(struct bytes url)
{
    return url.size <= URL_LIMIT ? form_query_of_url(bytes_trim(url)) : BYTES_NONE;
}

char *code_state_of(struct bytes url, struct arena *arena)
{
    return form_find(query_of(url), "state", arena);
}

bool code_read_redirect(struct authorization *z, struct bytes url, bool *is_ours, struct fault *why)
{
    struct arena *life = arena_new();
    struct bytes query = query_of(url);
    const char *state = form_find(query, "state", life), *code = form_find(query, "code", life);
    const char *error = form_find(query, "error", life);
    bool ok = false;
    *is_ours = text_equal(state, z->state);
    if (!state)
        fault_set(
            why, FAULT_REJECT, "grant.state",
            "this is not the whole address that the browser was sent to: copy all of it from the address bar, from "
            "%s... on, with code= and state= in it",
            z->redirect_uri);
    else if (!*is_ours)
        fault_set(why, FAULT_REJECT, "grant.state", "the address belongs to another sign-in than the one under way");
    else if (error)
        answer_fault_of_error(error, form_find(query, "error_description", life), why);
    else if (!code)
        fault_set(why, FAULT_REJECT, "grant.state", "the address holds neither a code nor an error");
    else
        ok = true;
    if (ok) {
        secret_free(z->code);
        z->code = secret_new(code, strlen(code));
        secret_wipe((char *)(uintptr_t)code, strlen(code));
    }
    arena_free(life);
    return ok;
}

void code_redeem(struct authorization *z)
{
    authorization_find_endpoints(z, on_redeem_endpoints);
}
