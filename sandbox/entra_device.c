/* The device code flow (reference 2.6): codes, polls, and the page where a person decides. */
#include <string.h>

#include "base/secret.h"
#include "sandbox/entra_private.h"

/* Nine characters that can't be mistaken for one another. */
static void make_user_code(char out[10])
{
    static const char alphabet[] = "BCDFGHJKLMNPQRSTVWXZ23456789";
    uint8_t random[9];
    secret_random(random, sizeof random);
    for (size_t i = 0; i < 9; i++)
        out[i] = alphabet[random[i] % (sizeof alphabet - 1)];
    out[9] = 0;
}

static bool take_scopes(struct entra_call *c, const char *scope, struct entra_scopes *out)
{
    const char *offending = "";
    if (*scope == 0)
        return entra_refuse(&c->refusal, 900144, "scope", NULL, NULL);
    entra_scopes_parse(scope, c->rq->arena, out);
    unsigned code = entra_scopes_check(out, ENTRA_AT_DEVICE, &offending);
    const char *where = c->tenant != NULL ? c->tenant->title : c->authority;
    return code == 0 || entra_refuse(&c->refusal, code, code == 28000 ? scope : offending, where, NULL);
}

static void decide_automatically(struct entra_call *c, struct grant *g)
{
    const char *how = switches_text(c->sandbox->switches, SWITCH_AUTO_DEVICE);
    const struct user *user = user_find(switches_text(c->sandbox->switches, SWITCH_AUTO_USER));
    if (strcmp(how, "decline") == 0)
        g->is_declined = true;
    if (strcmp(how, "approve") != 0 || user == NULL || !entra_user_fits(c, g->client, user))
        return;
    struct entra_scopes scopes;
    entra_scopes_parse(g->scope, c->rq->arena, &scopes);
    entra_consent_give(c, g->client, user->oid, &scopes);
    g->user = user;
}

void entra_devicecode(struct entra_call *c)
{
    const char *scope = web_params_text(&c->rq->form, "scope");
    const struct client *client = entra_client_named(c, web_params_text(&c->rq->form, "client_id"));
    struct entra_scopes scopes;
    if (client == NULL || !take_scopes(c, scope, &scopes)) {
        entra_reply_refusal(c);
        return;
    }
    char user_code[10];
    make_user_code(user_code);
    struct grant like = { .kind = GRANT_DEVICE,
                          .client = client,
                          .authority = c->authority,
                          .scope = scope,
                          .user_code = user_code,
                          .platform = CLIENT_NATIVE,
                          .issued_ms = loop_wall_ms(c->sandbox->loop) };
    struct grant *g = grants_add(c->sandbox->grants, &like, "EAQ", 180);
    decide_automatically(c, g);
    char *uri = arena_printf(c->rq->arena, "%s/common/oauth2/deviceauth", c->sandbox->https_url);
    char *message = arena_printf(c->rq->arena,
                                 "To sign in, use a web browser to open the page %s and enter the code %s to "
                                 "authenticate.",
                                 uri, user_code);
    uint64_t life = switches_number(c->sandbox->switches, SWITCH_DEVICE_LIFETIME);
    uint64_t interval = switches_number(c->sandbox->switches, SWITCH_DEVICE_INTERVAL);
    activity_count(c->sandbox->activity, "devicecode", client->client_id);
    web_reply_json(c->re, 200,
                   json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "user_code", user_code, "device_code", g->key,
                             "verification_uri", uri, "expires_in", (json_int_t)life, "interval", (json_int_t)interval,
                             "message", message));
}

static bool is_expired(struct entra_call *c, const struct grant *g)
{
    int64_t life_ms = (int64_t)switches_number(c->sandbox->switches, SWITCH_DEVICE_LIFETIME) * 1000;
    return loop_wall_ms(c->sandbox->loop) >= g->issued_ms + life_ms;
}

static bool polls_too_fast(struct entra_call *c, struct grant *g)
{
    int64_t now = loop_wall_ms(c->sandbox->loop);
    int64_t interval_ms = (int64_t)switches_number(c->sandbox->switches, SWITCH_DEVICE_INTERVAL) * 1000;
    /* Half a second of grace: the client's clock starts when it hears our answer. */
    bool is_early = g->polled_ms > 0 && now < g->polled_ms + interval_ms - 500;
    g->polled_ms = now;
    return is_early && switches_is(c->sandbox->switches, SWITCH_DEVICE_SLOW_DOWN, "on");
}

static bool check_poll(struct entra_call *c, struct grant *g, const struct client *client)
{
    if (g == NULL || g->client != client || g->is_used)
        return entra_refuse(&c->refusal, 70018, NULL, NULL, NULL);
    if (is_expired(c, g))
        return entra_refuse(&c->refusal, 70020, NULL, NULL, NULL);
    if (g->is_declined) {
        entra_refuse(&c->refusal, 65004, NULL, NULL, NULL);
        c->refusal.error = "authorization_declined";
        return false;
    }
    if (polls_too_fast(c, g)) {
        entra_refuse(&c->refusal, 70016, NULL, NULL, NULL);
        c->refusal.error = "slow_down";
        return false;
    }
    if (g->user == NULL)
        return entra_refuse(&c->refusal, 70016, NULL, NULL, NULL);
    return entra_user_may(c, client, g->user);
}

json_t *entra_grant_device(struct entra_call *c)
{
    const struct web_params *form = &c->rq->form;
    const struct client *client = entra_client_named(c, web_params_text(form, "client_id"));
    if (client == NULL)
        return NULL;
    if (*web_params_text(form, "device_code") == 0) {
        entra_refuse(&c->refusal, 900144, "device_code", NULL, NULL);
        return NULL;
    }
    /* "Allow public client flows" decides here, and only now, not at /devicecode (1.8). */
    if (!entra_client_login(c, client, client->allows_public_flows))
        return NULL;
    struct grant *g = grants_find(c->sandbox->grants, GRANT_DEVICE, web_params_text(form, "device_code"));
    struct entra_scopes scopes;
    if (!check_poll(c, g, client))
        return NULL;
    entra_scopes_parse(g->scope, c->rq->arena, &scopes);
    if (!entra_consent_check(c, client, g->user, &scopes))
        return NULL;
    g->is_used = true;
    return entra_issue_user(c, g, &scopes);
}

static void finish_page(struct entra_call *c, const struct grant *g, const char *title, const char *message)
{
    struct entra_page page = {
        .title = title, .message = message, .client = g != NULL ? g->client : NULL, .is_final = true
    };
    entra_page(c, 200, &page);
}

static void ask_page(struct entra_call *c, const struct grant *g, const char *user_code, const char *message)
{
    struct entra_page page = {
        .title = "Enter the code", .message = message, .user_code = user_code, .action = "/common/oauth2/deviceauth"
    };
    if (g != NULL) {
        page.title = "Sign in on a device";
        page.client = g->client;
        page.scope = g->scope;
        page.tenant = strcmp(g->authority, "consumers") == 0 ? &tenant_consumers : tenant_find(g->authority);
    }
    entra_page(c, message != NULL ? 400 : 200, &page);
}

void entra_deviceauth(struct entra_call *c)
{
    const char *user_code = entra_param(c, "user_code");
    const char *pressed = web_params_text(&c->rq->form, "answer");
    struct grant *g = *user_code != 0 ? grants_find_user_code(c->sandbox->grants, user_code) : NULL;
    if (*user_code == 0 || g == NULL || is_expired(c, g) || g->user != NULL || g->is_declined) {
        ask_page(c, NULL, "", *user_code == 0 ? NULL : "That code is not known, has expired, or was used already.");
        return;
    }
    const struct user *user = entra_picked_user(c);
    if (strcmp(pressed, "decline") == 0) {
        g->is_declined = true;
        finish_page(c, g, "Declined", "The device was not signed in. You can close this window.");
    } else if (strcmp(pressed, "accept") != 0 || user == NULL) {
        ask_page(c, g, g->user_code, strcmp(pressed, "accept") == 0 ? "Choose who signs in." : NULL);
    } else if (!entra_user_fits(c, g->client, user) || !entra_user_may(c, g->client, user)) {
        entra_error_page(c);
    } else {
        struct entra_scopes scopes;
        entra_scopes_parse(g->scope, c->rq->arena, &scopes);
        entra_consent_give(c, g->client, user->oid, &scopes);
        g->user = user;
        finish_page(c, g, "Signed in", "The device is signed in. You can close this window.");
    }
}
