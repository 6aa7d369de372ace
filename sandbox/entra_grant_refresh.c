/* Refresh (reference 2.4): tokens rotate, old ones stay good, and end by disuse or revocation. */
#include <inttypes.h>
#include <string.h>

#include "sandbox/entra_private.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)

static const char *time_text(struct entra_call *c, int64_t ms)
{
    char *text = arena_alloc(c->rq->arena, 32);
    sandbox_entra_time(ms, text);
    return text;
}

/* ".NET" time spans: days.hours:minutes:seconds. */
static const char *span_text(struct entra_call *c, int64_t ms)
{
    int64_t s = ms / 1000;
    return arena_printf(c->rq->arena, "%" PRId64 ".%02d:%02d:%02d", s / 86400, (int)(s / 3600 % 24), (int)(s / 60 % 60),
                        (int)(s % 60));
}

static bool check_age(struct entra_call *c, const struct grant *g)
{
    int64_t now = loop_wall_ms(c->sandbox->loop);
    int64_t last = g->used_ms > g->issued_ms ? g->used_ms : g->issued_ms;
    int64_t idle_ms = (int64_t)switches_number(c->sandbox->switches, SWITCH_REFRESH_LIFETIME) * 1000;
    int64_t valid_from = grants_valid_from(c->sandbox->grants, g->user->oid);
    if (g->issued_ms < valid_from)
        return entra_refuse(&c->refusal, 50173, time_text(c, g->issued_ms), time_text(c, valid_from), NULL);
    if (g->platform == CLIENT_SPA && now >= g->issued_ms + DAY_MS)
        return entra_refuse(&c->refusal, 700084, time_text(c, g->issued_ms), NULL, NULL);
    if (now >= last + idle_ms)
        return entra_refuse(&c->refusal, 700082, time_text(c, g->issued_ms), span_text(c, idle_ms), NULL);
    return true;
}

static bool take_scopes(struct entra_call *c, const struct grant *g, struct entra_scopes *out)
{
    const char *asked = web_params_text(&c->rq->form, "scope");
    const char *offending = "";
    entra_scopes_parse(*asked != 0 ? asked : g->scope, c->rq->arena, out);
    unsigned code = entra_scopes_check(out, ENTRA_AT_REFRESH, &offending);
    if (code != 0)
        return entra_refuse(&c->refusal, code, offending, g->user->tenant->title, NULL);
    return entra_consent_check(c, g->client, g->user, out);
}

static bool check_token(struct entra_call *c, const struct grant *g, const struct client *client)
{
    if (g == NULL)
        return entra_refuse(&c->refusal, 70000, NULL, NULL, NULL);
    if (g->client != client) {
        entra_refuse(&c->refusal, 70000, NULL, NULL, NULL);
        c->refusal.suberror = "client_mismatch";
        return false;
    }
    return check_age(c, g) && entra_user_fits(c, client, g->user) && entra_user_may(c, client, g->user);
}

json_t *entra_grant_refresh(struct entra_call *c)
{
    const char *basic_id = "", *basic_secret = "";
    const char *client_id = web_params_text(&c->rq->form, "client_id");
    const char *token = web_params_text(&c->rq->form, "refresh_token");
    if (*client_id == 0 && web_basic_auth(c->rq, &basic_id, &basic_secret))
        client_id = basic_id;
    const struct client *client = entra_client_named(c, client_id);
    if (client == NULL)
        return NULL;
    if (*token == 0) {
        entra_refuse(&c->refusal, 900144, "refresh_token", NULL, NULL);
        return NULL;
    }
    struct grant *g = grants_find(c->sandbox->grants, GRANT_REFRESH, token);
    struct entra_scopes scopes;
    bool is_public = g != NULL ? g->platform != CLIENT_WEB : client->secret == NULL;
    if (!entra_client_login(c, client, is_public) || !check_token(c, g, client) || !take_scopes(c, g, &scopes))
        return NULL;
    g->used_ms = loop_wall_ms(c->sandbox->loop);
    return entra_issue_user(c, g, &scopes);
}
