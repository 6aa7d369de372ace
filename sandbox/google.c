/* A provider that is not Microsoft: one scope, opaque tokens, no rotation (google-mail.md). */
#include <stdlib.h>
#include <string.h>

#include "sandbox/entra_private.h"

#define MAIL_SCOPE "https://mail.google.com/"

void google_discovery(struct entra_call *c)
{
    const char *base = c->sandbox->https_url;
    json_t *d = json_pack("{s:s, s:[s], s:[s], s:[s], s:[s,s,s,s], s:[s,s], s:[s,s], s:[s,s]}", "issuer",
                          arena_printf(c->rq->arena, "%s/google", base), "response_types_supported", "code",
                          "subject_types_supported", "public", "id_token_signing_alg_values_supported", "RS256",
                          "scopes_supported", "openid", "email", "profile", MAIL_SCOPE,
                          "token_endpoint_auth_methods_supported", "client_secret_post", "client_secret_basic",
                          "code_challenge_methods_supported", "plain", "S256", "grant_types_supported",
                          "authorization_code", "refresh_token");
    json_object_set_new(d, "authorization_endpoint", json_sprintf("%s/google/o/oauth2/v2/auth", base));
    json_object_set_new(d, "token_endpoint", json_sprintf("%s/google/token", base));
    json_object_set_new(d, "revocation_endpoint", json_sprintf("%s/google/revoke", base));
    json_object_set_new(d, "jwks_uri", json_sprintf("%s/google/oauth2/v3/certs", base));
    web_reply_json(c->re, 200, d);
}

void google_keys(struct entra_call *c)
{
    web_reply_json(c->re, 200, entra_keyring_jwks(c->sandbox->keyring, NULL));
}

static void refuse(struct entra_call *c, int status, const char *error, const char *text)
{
    json_object_set_new(c->note, "error", json_string(error));
    web_reply_json(c->re, status, json_pack("{s:s, s:s}", "error", error, "error_description", text));
}

static const struct client *google_client(const char *client_id)
{
    const struct client *client = client_find(client_id);
    return client != NULL && client->audience == CLIENT_GOOGLE ? client : NULL;
}

static bool has_mail_scope(const char *scope)
{
    return strstr(scope, MAIL_SCOPE) != NULL;
}

static void redirect_back(struct entra_call *c, const char *name, const char *value)
{
    const char *redirect_uri = entra_param(c, "redirect_uri");
    struct buf url;
    buf_init(&url, 64 * 1024);
    buf_addf(&url, "%s%s", redirect_uri, strchr(redirect_uri, '?') != NULL ? "&" : "?");
    web_params_add(&url, name, value);
    if (*entra_param(c, "state") != 0) {
        buf_add_byte(&url, '&');
        web_params_add(&url, "state", entra_param(c, "state"));
    }
    if (strcmp(name, "code") == 0) {
        buf_add_byte(&url, '&');
        web_params_add(&url, "scope", entra_param(c, "scope"));
    }
    web_reply_redirect(c->re, c->rq, buf_str(&url));
    buf_fini(&url);
}

static void send_code(struct entra_call *c, const struct client *client, const struct user *user)
{
    struct grant like = { .kind = GRANT_CODE,
                          .client = client,
                          .user = user,
                          .authority = "google",
                          .scope = entra_param(c, "scope"),
                          .nonce = entra_param(c, "nonce"),
                          .redirect_uri = entra_param(c, "redirect_uri"),
                          .challenge = entra_param(c, "code_challenge"),
                          .method = entra_param(c, "code_challenge_method"),
                          .issued_ms = loop_wall_ms(c->sandbox->loop) };
    /* A refresh token comes only with the first consent, or when asked for again. */
    bool is_offline = strcmp(entra_param(c, "access_type"), "offline") == 0;
    bool is_first = !grants_has_consent(c->sandbox->grants, client->client_id, user->oid, "google", "mail");
    bool is_asked_again = strcmp(entra_param(c, "prompt"), "consent") == 0;
    like.is_offline = is_offline && (is_first || is_asked_again);
    grants_consent(c->sandbox->grants, client->client_id, user->oid, "google", "mail");
    redirect_back(c, "code", grants_add(c->sandbox->grants, &like, "4/0A", 73)->key);
}

void google_authorize(struct entra_call *c)
{
    const struct client *client = google_client(entra_param(c, "client_id"));
    const char *pressed = web_params_text(&c->rq->form, "answer");
    const char *hint = entra_param(c, "login_hint");
    bool is_automatic = switches_is(c->sandbox->switches, SWITCH_AUTO_CONSENT, "on");
    const struct user *user = is_automatic ? user_find(*hint != 0 ? hint : "erin@gmail.example") : entra_picked_user(c);
    if (client == NULL || entra_redirect_find(client, entra_param(c, "redirect_uri")) == NULL) {
        struct entra_page page = { .title = "Access blocked: authorization error",
                                   .is_final = true,
                                   .message = client == NULL ? "Error 401: invalid_client"
                                                             : "Error 400: redirect_uri_mismatch" };
        entra_page(c, client == NULL ? 401 : 400, &page);
    } else if (strcmp(entra_param(c, "response_type"), "code") != 0) {
        redirect_back(c, "error", "unsupported_response_type");
    } else if (*entra_param(c, "scope") == 0) {
        redirect_back(c, "error", "invalid_scope");
    } else if (strcmp(pressed, "decline") == 0) {
        redirect_back(c, "error", "access_denied");
    } else if (user != NULL && user->tenant == &tenant_google && (is_automatic || strcmp(pressed, "accept") == 0)) {
        send_code(c, client, user);
    } else {
        struct entra_page page = { .title = "Choose an account",
                                   .client = client,
                                   .tenant = &tenant_google,
                                   .scope = entra_param(c, "scope"),
                                   .redirect_uri = entra_param(c, "redirect_uri"),
                                   .chosen = user_find(hint),
                                   .action = "/google/o/oauth2/v2/auth",
                                   .carry = strcmp(c->rq->method, "POST") == 0 ? &c->rq->form : &c->rq->query };
        entra_page(c, 200, &page);
    }
}

static void issue(struct entra_call *c, const struct grant *g, const char *refresh_token)
{
    int64_t lifetime_s = (int64_t)switches_number(c->sandbox->switches, SWITCH_TOKEN_LIFETIME);
    if (lifetime_s == 0)
        lifetime_s = 3600;
    int64_t now_s = loop_wall_ms(c->sandbox->loop) / 1000;
    char token[224] = "ya29.";
    sandbox_random_text(token + 5, 210);
    grants_opaque_add(c->sandbox->grants, token,
                      json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "aud", g->client->client_id, "upn", g->user->address,
                                "scp", has_mail_scope(g->scope) ? MAIL_SCOPE : g->scope, "tid", "google", "nbf",
                                (json_int_t)now_s, "exp", (json_int_t)now_s + lifetime_s));
    json_t *body = json_pack("{s:s, s:I, s:s, s:s, s:s*}", "access_token", token, "expires_in",
                             (json_int_t)(lifetime_s - 1), "scope", g->scope, "token_type", "Bearer", "refresh_token",
                             refresh_token);
    if (strstr(g->scope, "openid") != NULL) {
        char *issuer = arena_printf(c->rq->arena, "%s/google", c->sandbox->https_url);
        json_object_set_new(body, "id_token", json_string(entra_id_token(c, g, issuer, g->client->client_id)));
    }
    web_reply_json(c->re, 200, body);
}

static void redeem_code(struct entra_call *c, const struct client *client)
{
    const struct web_params *form = &c->rq->form;
    struct grant *g = grants_find(c->sandbox->grants, GRANT_CODE, web_params_text(form, "code"));
    int64_t life_ms = (int64_t)switches_number(c->sandbox->switches, SWITCH_CODE_LIFETIME) * 1000;
    if (g == NULL || g->client != client || g->is_used || loop_wall_ms(c->sandbox->loop) >= g->issued_ms + life_ms) {
        refuse(c, 400, "invalid_grant", "Malformed auth code.");
    } else if (strcmp(g->redirect_uri, web_params_text(form, "redirect_uri")) != 0) {
        refuse(c, 400, "redirect_uri_mismatch", "Bad Request");
    } else if (*g->challenge != 0 &&
               !entra_pkce_matches(g->method, g->challenge, web_params_text(form, "code_verifier"))) {
        refuse(c, 400, "invalid_grant", "Invalid code verifier.");
    } else {
        g->is_used = true;
        struct grant like = *g;
        like.kind = GRANT_REFRESH;
        const struct grant *kept = g->is_offline ? grants_add(c->sandbox->grants, &like, "1//0", 103) : NULL;
        issue(c, g, kept != NULL ? kept->key : NULL);
    }
}

static void refresh(struct entra_call *c, const struct client *client)
{
    struct grant *g = grants_find(c->sandbox->grants, GRANT_REFRESH, web_params_text(&c->rq->form, "refresh_token"));
    bool is_alive = g != NULL && g->client == client && !g->is_declined &&
                    g->issued_ms >= grants_valid_from(c->sandbox->grants, g->user->oid);
    if (is_alive)
        issue(c, g, NULL);
    else
        refuse(c, 400, "invalid_grant", "Token has been expired or revoked.");
}

void google_token(struct entra_call *c)
{
    const struct web_params *form = &c->rq->form;
    const char *basic_id = "", *basic_secret = "";
    web_basic_auth(c->rq, &basic_id, &basic_secret);
    const char *id = *web_params_text(form, "client_id") != 0 ? web_params_text(form, "client_id") : basic_id;
    const char *secret = *web_params_text(form, "client_secret") != 0 ? web_params_text(form, "client_secret")
                                                                      : basic_secret;
    const char *grant_type = web_params_text(form, "grant_type");
    const struct client *client = google_client(id);
    json_object_set_new(c->note, "kind", json_string("token"));
    json_object_set_new(c->note, "grant", json_string(grant_type));
    json_object_set_new(c->note, "client", json_string(id));
    activity_count(c->sandbox->activity, strcmp(grant_type, "refresh_token") == 0 ? "token.refresh" : "token.code", id);
    if (client == NULL)
        refuse(c, 401, "invalid_client", "The OAuth client was not found.");
    else if (strcmp(client->secret, secret) != 0)
        refuse(c, 401, "invalid_client", "Unauthorized");
    else if (strcmp(grant_type, "authorization_code") == 0)
        redeem_code(c, client);
    else if (strcmp(grant_type, "refresh_token") == 0)
        refresh(c, client);
    else
        refuse(c, 400, "unsupported_grant_type", "Invalid grant_type");
}

void google_revoke(struct entra_call *c)
{
    struct grant *g = grants_find(c->sandbox->grants, GRANT_REFRESH, entra_param(c, "token"));
    if (g == NULL) {
        refuse(c, 400, "invalid_token", "Token expired or revoked");
        return;
    }
    g->is_declined = true;
    web_reply_json(c->re, 200, json_object());
}
