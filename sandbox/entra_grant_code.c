/* Redeeming an authorization code (reference 2.1). */
#include <string.h>

#include "sandbox/entra_private.h"

/* The platform of the redirect URI decides who may redeem (1.7). */
static bool check_origin(struct entra_call *c, const struct grant *g)
{
    const char *origin = web_header(c->rq, "Origin");
    if (g->platform == CLIENT_SPA && origin == NULL)
        return entra_refuse(&c->refusal, 9002327, NULL, NULL, NULL);
    if (g->platform != CLIENT_SPA && origin != NULL)
        return entra_refuse(&c->refusal, 9002326, origin, NULL, NULL);
    return true;
}

static bool check_verifier(struct entra_call *c, const struct grant *g)
{
    const char *verifier = web_params_text(&c->rq->form, "code_verifier");
    if (*g->challenge == 0)
        return true;
    if (*verifier == 0)
        return entra_refuse(&c->refusal, 50148, NULL, NULL, NULL);
    if (!entra_pkce_is_valid(verifier))
        return entra_refuse(&c->refusal, 50147, NULL, NULL, NULL);
    return entra_pkce_matches(g->method, g->challenge, verifier) || entra_refuse(&c->refusal, 501481, NULL, NULL, NULL);
}

static bool check_code(struct entra_call *c, struct grant *g, const struct client *client)
{
    int64_t life_ms = (int64_t)switches_number(c->sandbox->switches, SWITCH_CODE_LIFETIME) * 1000;
    const char *redirect_uri = web_params_text(&c->rq->form, "redirect_uri");
    if (g == NULL || g->client != client)
        return entra_refuse(&c->refusal, 70000, NULL, NULL, NULL);
    if (g->is_used)
        return entra_refuse(&c->refusal, 54005, NULL, NULL, NULL);
    if (loop_wall_ms(c->sandbox->loop) >= g->issued_ms + life_ms)
        return entra_refuse(&c->refusal, 70008, NULL, NULL, NULL);
    if (strcmp(g->authority, c->authority) != 0 && c->tenant != g->user->tenant)
        return entra_refuse(&c->refusal, 700005, NULL, NULL, NULL);
    if (strcmp(g->redirect_uri, redirect_uri) != 0)
        return entra_refuse(&c->refusal, 500112, redirect_uri, g->redirect_uri, NULL);
    return check_origin(c, g) && check_verifier(c, g);
}

/* The scope of the request, or of the sign-in where the request has none. */
static bool take_scopes(struct entra_call *c, const struct grant *g, struct entra_scopes *out)
{
    const char *asked = web_params_get(&c->rq->form, "scope");
    const char *offending = "";
    entra_scopes_parse(asked != NULL ? asked : g->scope, c->rq->arena, out);
    if (asked != NULL && *asked == 0)
        return entra_refuse(&c->refusal, 28003, NULL, NULL, NULL);
    unsigned code = entra_scopes_check(out, asked != NULL ? ENTRA_AT_TOKEN : ENTRA_AT_REFRESH, &offending);
    if (code != 0)
        return entra_refuse(&c->refusal, code, code == 28000 ? asked : offending, g->user->tenant->title, NULL);
    return entra_consent_check(c, g->client, g->user, out);
}

json_t *entra_grant_code(struct entra_call *c)
{
    const struct web_params *form = &c->rq->form;
    const char *basic_id = NULL, *basic_secret = NULL;
    const char *client_id = web_params_text(form, "client_id");
    if (*client_id == 0 && web_basic_auth(c->rq, &basic_id, &basic_secret))
        client_id = basic_id;
    const struct client *client = entra_client_named(c, client_id);
    if (client == NULL)
        return NULL;
    if (*web_params_text(form, "code") == 0 || *web_params_text(form, "redirect_uri") == 0) {
        entra_refuse(&c->refusal, 900144, *web_params_text(form, "code") == 0 ? "code" : "redirect_uri", NULL, NULL);
        return NULL;
    }
    struct grant *g = grants_find(c->sandbox->grants, GRANT_CODE, web_params_text(form, "code"));
    enum client_platform platform = g != NULL ? g->platform : CLIENT_NATIVE;
    struct entra_scopes scopes;
    if (!entra_client_login(c, client, g != NULL ? platform != CLIENT_WEB : client->secret == NULL) ||
        !check_code(c, g, client))
        return NULL;
    if (!entra_user_may(c, client, g->user) || !take_scopes(c, g, &scopes))
        return NULL;
    g->is_used = true;
    return entra_issue_user(c, g, &scopes);
}
