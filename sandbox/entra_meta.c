/* Discovery, keys, and the other endpoints around a sign-in (reference 1.4, 1.5, 1.10, 1.11). */
#include <string.h>

#include "sandbox/entra_private.h"

/* A domain in the path works, but what is returned carries the GUID; common keeps the text "{tenantid}". */
static const char *issuer_tenant(const struct entra_call *c)
{
    return c->tenant != NULL ? c->tenant->id : "{tenantid}";
}

static void set_url(struct entra_call *c, json_t *document, const char *key, const char *path)
{
    const char *segment = c->tenant != NULL && strcmp(c->authority, "consumers") != 0 ? c->tenant->id : c->authority;
    json_object_set_new(document, key, json_sprintf("%s/%s%s", c->sandbox->https_url, segment, path));
}

void entra_discovery(struct entra_call *c)
{
    json_t *d = json_pack("{s:[s,s,s], s:[s,s,s], s:[s], s:[s], s:[s,s,s,s], s:[s,s,s,s]}",
                          "token_endpoint_auth_methods_supported", "client_secret_post", "private_key_jwt",
                          "client_secret_basic", "response_modes_supported", "query", "fragment", "form_post",
                          "subject_types_supported", "pairwise", "id_token_signing_alg_values_supported", "RS256",
                          "response_types_supported", "code", "id_token", "code id_token", "id_token token",
                          "scopes_supported", "openid", "profile", "email", "offline_access");
    set_url(c, d, "token_endpoint", "/oauth2/v2.0/token");
    set_url(c, d, "jwks_uri", "/discovery/v2.0/keys");
    set_url(c, d, "authorization_endpoint", "/oauth2/v2.0/authorize");
    set_url(c, d, "device_authorization_endpoint", "/oauth2/v2.0/devicecode");
    set_url(c, d, "end_session_endpoint", "/oauth2/v2.0/logout");
    set_url(c, d, "kerberos_endpoint", "/kerberos");
    json_object_set_new(d, "issuer", json_sprintf("%s/%s/v2.0", c->sandbox->https_url, issuer_tenant(c)));
    json_t *more = json_pack(
        "{s:s, s:b, s:b, s:[s,s,s,s,s,s,s,s,s,s,s,s,s], s:s?, s:s, s:s, s:s, s:s}", "userinfo_endpoint",
        "https://graph.microsoft.com/oidc/userinfo", "request_uri_parameter_supported", false, "http_logout_supported",
        true, "claims_supported", "sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "auth_time", "acr", "nonce",
        "preferred_username", "name", "tid", "email", "tenant_region_scope", c->tenant != NULL ? "EU" : NULL,
        "cloud_instance_name", "microsoftonline.com", "cloud_graph_host_name", "graph.windows.net", "msgraph_host",
        "graph.microsoft.com", "rbac_url", "https://pas.windows.net");
    json_object_update(d, more);
    json_decref(more);
    activity_count(c->sandbox->activity, "discovery", NULL);
    web_reply_json(c->re, 200, d);
}

void entra_keys(struct entra_call *c)
{
    char *issuer = arena_printf(c->rq->arena, "%s/%s/v2.0", c->sandbox->https_url, issuer_tenant(c));
    activity_count(c->sandbox->activity, "keys", NULL);
    web_reply_json(c->re, 200, entra_keyring_jwks(c->sandbox->keyring, issuer));
}

void entra_instance(struct entra_call *c)
{
    char *url = arena_printf(c->rq->arena, "%s/%s/v2.0/.well-known/openid-configuration", c->sandbox->https_url,
                             c->authority);
    const char *host = c->sandbox->https_url + strlen("https://");
    web_reply_json(c->re, 200,
                   json_pack("{s:s, s:s, s:[{s:s, s:s, s:[s]}]}", "tenant_discovery_endpoint", url, "api-version",
                             "1.1", "metadata", "preferred_network", host, "preferred_cache", host, "aliases", host));
}

static bool is_anybodys_redirect(const char *uri)
{
    for (size_t i = 0; i < clients_count; i++) {
        if (entra_redirect_find(&clients[i], uri) != NULL)
            return true;
    }
    return false;
}

/* Does not revoke anything, as at Entra. */
void entra_logout(struct entra_call *c)
{
    const char *back = entra_param(c, "post_logout_redirect_uri");
    const char *state = entra_param(c, "state");
    if (*back != 0 && is_anybodys_redirect(back)) {
        struct buf url;
        buf_init(&url, 16 * 1024);
        buf_add_str(&url, back);
        if (*state != 0) {
            buf_add_str(&url, strchr(back, '?') != NULL ? "&" : "?");
            web_params_add(&url, "state", state);
        }
        web_reply_redirect(c->re, c->rq, buf_str(&url));
        buf_fini(&url);
        return;
    }
    struct entra_page page = { .title = "You signed out",
                               .message = "It's a good idea to close all browser windows.",
                               .is_final = true };
    entra_page(c, 200, &page);
}

static void consent_redirect(struct entra_call *c, const char *redirect_uri, const char *error, const char *text)
{
    const char *state = entra_param(c, "state");
    const char *scope = entra_param(c, "scope");
    struct buf url;
    buf_init(&url, 64 * 1024);
    buf_addf(&url, "%s%s", redirect_uri, strchr(redirect_uri, '?') != NULL ? "&" : "?");
    if (error != NULL) {
        web_params_add(&url, "error", error);
        buf_add_byte(&url, '&');
        web_params_add(&url, "error_description", text);
    } else {
        buf_addf(&url, "admin_consent=True&tenant=%s", c->tenant->id);
    }
    if (*state != 0) {
        buf_add_byte(&url, '&');
        web_params_add(&url, "state", state);
    }
    if (error == NULL && *scope != 0) {
        buf_add_byte(&url, '&');
        web_params_add(&url, "scope", scope);
    }
    web_reply_redirect(c->re, c->rq, buf_str(&url));
    buf_fini(&url);
}

static void ask_admin(struct entra_call *c, const struct client *client, const char *scope, const char *redirect_uri)
{
    struct entra_page page = { .title = "Consent for the organization",
                               .client = client,
                               .tenant = c->tenant,
                               .scope = scope,
                               .redirect_uri = redirect_uri,
                               .carry = &c->rq->query,
                               .action = arena_printf(c->rq->arena, "%s", c->rq->path) };
    entra_page(c, 200, &page);
}

/* v2 takes `scope`; v1 consents to what the registration declares. */
void entra_adminconsent(struct entra_call *c)
{
    bool is_v2 = strstr(c->rq->path, "/v2.0/") != NULL;
    const char *redirect_uri = entra_param(c, "redirect_uri");
    const char *scope = is_v2 ? entra_param(c, "scope") : "https://outlook.office.com/.default";
    const char *pressed = web_params_text(&c->rq->form, "answer");
    const struct client *client = entra_client_named(c, entra_param(c, "client_id"));
    bool is_automatic = switches_is(c->sandbox->switches, SWITCH_AUTO_CONSENT, "on");
    const char *offending = "";
    struct entra_scopes scopes;
    entra_scopes_parse(scope, c->rq->arena, &scopes);
    if (client != NULL && entra_redirect_find(client, redirect_uri) == NULL)
        entra_refuse(&c->refusal, 50011, redirect_uri, client->client_id, NULL);
    else if (client != NULL && c->tenant == NULL)
        entra_refuse(&c->refusal, 50059, NULL, NULL, NULL);
    else if (client != NULL && *scope == 0)
        entra_refuse(&c->refusal, 900144, "scope", NULL, NULL);
    else if (client != NULL && entra_scopes_check(&scopes, ENTRA_AT_AUTHORIZE, &offending) != 0)
        entra_refuse(&c->refusal, 70011, offending, NULL, NULL);
    if (c->refusal.row != NULL) {
        entra_error_page(c);
    } else if (strcmp(pressed, "decline") == 0) {
        consent_redirect(c, redirect_uri, is_v2 ? "consent_required" : "permission_denied",
                         "AADSTS65004: User declined to consent to access the app.");
    } else if (strcmp(pressed, "accept") == 0 || is_automatic) {
        entra_consent_give(c, client, entra_consent_tenant(c, c->tenant), &scopes);
        consent_redirect(c, redirect_uri, NULL, NULL);
    } else {
        ask_admin(c, client, scope, redirect_uri);
    }
}
