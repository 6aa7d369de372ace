/* What a successful token request is answered: access tokens (reference 3.6) and the body around them (2.2). */
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "base/text.h"
#include "sandbox/entra_private.h"

int64_t entra_token_lifetime_s(struct sandbox *sb)
{
    int64_t fixed = (int64_t)switches_number(sb->switches, SWITCH_TOKEN_LIFETIME);
    uint32_t chance;
    secret_random(&chance, sizeof chance);
    return fixed > 0 ? fixed : 3600 + chance % 1801;
}

void entra_subject(const struct client *client, const char *oid, char *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char text[256];
    int used = snprintf(text, sizeof text, "%s|%s", client->client_id, oid);
    EVP_Digest(text, (size_t)used, digest, &size, EVP_sha256(), NULL);
    base64url_encode((struct bytes){ digest, size }, out, 64);
}

static json_t *common_claims(struct entra_call *c, const struct client *client, const char *audience,
                             const struct tenant *tenant, int64_t lifetime_s)
{
    int64_t now_s = loop_wall_ms(c->sandbox->loop) / 1000;
    char id[32];
    sandbox_random_text(id, 22);
    char *issuer = arena_printf(c->rq->arena, "https://sts.windows.net/%s/", tenant->id);
    /* nbf and iat lie about five minutes back, as Entra has them. */
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "aud", audience, "iss", issuer,
                     "iat", (json_int_t)(now_s - 300), "nbf", (json_int_t)(now_s - 300), "exp",
                     (json_int_t)(now_s + lifetime_s), "tid", tenant->id, "appid", client->client_id, "app_displayname",
                     client->title, "ver", "1.0", "uti", id, "rh", "1.AAAAsandboxsandboxsandboxsandboxsandbox.",
                     "xms_tdbr", "EU");
}

/* Group ids until the token is about as long as asked for; a third is added by base64. */
static void pad_claims(struct sandbox *sb, json_t *claims)
{
    size_t wanted = switches_number(sb->switches, SWITCH_TOKEN_SIZE) * 1024;
    size_t now = json_dumpb(claims, NULL, 0, JSON_COMPACT) * 4 / 3 + 520;
    json_t *groups = json_array();
    for (; now + 52 <= wanted; now += 52) {
        char guid[37];
        sandbox_guid(guid);
        json_array_append_new(groups, json_string(guid));
    }
    if (json_array_size(groups) > 0)
        json_object_set(claims, "groups", groups);
    json_decref(groups);
}

static char *sign(struct entra_call *c, json_t *claims)
{
    struct buf token;
    buf_init(&token, 64 * 1024);
    pad_claims(c->sandbox, claims);
    bool is_signed = entra_keyring_sign(c->sandbox->keyring, claims, &token);
    char *text = is_signed ? arena_strdup(c->rq->arena, buf_str(&token)) : NULL;
    buf_fini(&token);
    json_decref(claims);
    return text;
}

/* Personal accounts get a token that nobody can read: "EwB…". */
static char *make_opaque(struct entra_call *c, json_t *claims)
{
    size_t size = switches_number(c->sandbox->switches, SWITCH_TOKEN_SIZE) * 1024;
    if (size == 0)
        size = 1300;
    char *token = arena_alloc(c->rq->arena, size + 1);
    memcpy(token, "EwB", 3);
    sandbox_random_text(token + 3, size - 3);
    grants_opaque_add(c->sandbox->grants, token, claims);
    return token;
}

static char *user_token(struct entra_call *c, const struct grant *g, const struct entra_scope *first,
                        int64_t lifetime_s)
{
    const struct user *user = g->user;
    char subject[64];
    entra_subject(g->client, user->oid, subject);
    json_t *claims = common_claims(c, g->client, first->uri, user->tenant, lifetime_s);
    json_t *more = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[s,s], s:s, s:s}", "oid", user->oid, "sub", subject,
                             "scp", entra_consent_names(c, g->client, user, first->resource, ""), "upn", user->address,
                             "unique_name", user->address, "name", user->name, "appidacr",
                             g->platform == CLIENT_WEB ? "1" : "0", "amr", "pwd", "mfa", "acr", "1", "puid",
                             "10032001DEADBEEF");
    json_object_update(claims, more);
    json_decref(more);
    return user->tenant->kind == TENANT_PERSONAL ? make_opaque(c, claims) : sign(c, claims);
}

/* The echo is stamped with the resource of this token, and has earlier consents in it (2.3). */
static const char *scope_echo(struct entra_call *c, const struct grant *g, const struct entra_scopes *s)
{
    const char *how = switches_text(c->sandbox->switches, SWITCH_SCOPE_ECHO);
    const struct entra_scope *first = &s->items[0];
    const char *uri = strcmp(how, "office365") == 0 && strcasecmp(first->uri, "https://outlook.office.com") == 0
                          ? "https://outlook.office365.com"
                          : first->uri;
    if (strcmp(how, "asked") != 0)
        return entra_consent_names(c, g->client, g->user, first->resource, arena_printf(c->rq->arena, "%s/", uri));
    struct buf echo;
    buf_init(&echo, 16 * 1024);
    for (size_t i = 0; i < s->count; i++)
        buf_addf(&echo, "%s%s/%s", i > 0 ? " " : "", first->uri, s->items[i].name);
    char *text = arena_strdup(c->rq->arena, buf_str(&echo));
    buf_fini(&echo);
    return text;
}

static json_t *body_start(struct entra_call *c, const char *token, int64_t lifetime_s)
{
    bool is_text = switches_is(c->sandbox->switches, SWITCH_NUMBERS, "strings");
    char *number = arena_printf(c->rq->arena, "%lld", (long long)lifetime_s - 1);
    json_t *body = json_pack("{s:s, s:s}", "token_type", "Bearer", "access_token", token);
    json_object_set_new(body, "expires_in", is_text ? json_string(number) : json_integer(lifetime_s - 1));
    json_object_set_new(body, "ext_expires_in", is_text ? json_string(number) : json_integer(lifetime_s - 1));
    return body;
}

static bool had_offline_access(const struct grant *g, struct arena *arena)
{
    struct entra_scopes all;
    entra_scopes_parse(g->scope, arena, &all);
    return all.offline;
}

static void add_refresh_token(struct entra_call *c, const struct grant *g, json_t *body)
{
    if (!had_offline_access(g, c->rq->arena))
        return;
    if (g->kind == GRANT_REFRESH && switches_is(c->sandbox->switches, SWITCH_REFRESH_ROTATE, "off"))
        return;
    struct grant like = *g;
    like.kind = GRANT_REFRESH;
    like.user_code = "";
    like.is_used = false;
    like.used_ms = 0;
    /* A single-page app's token keeps the day of its sign-in. */
    if (g->platform != CLIENT_SPA || g->kind != GRANT_REFRESH)
        like.issued_ms = loop_wall_ms(c->sandbox->loop);
    bool is_personal = g->user->tenant->kind == TENANT_PERSONAL;
    const struct grant *made = grants_add(c->sandbox->grants, &like, is_personal ? "M.C546_BAY.0.U.-" : "1.AXEA", 1350);
    json_object_set_new(body, "refresh_token", json_string(made->key));
}

static void add_client_info(struct entra_call *c, const struct user *user, json_t *body)
{
    if (strcmp(web_params_text(&c->rq->form, "client_info"), "1") != 0)
        return;
    char *clear = arena_printf(c->rq->arena, "{\"uid\":\"%s\",\"utid\":\"%s\"}", user->oid, user->tenant->id);
    char text[256];
    if (base64url_encode(bytes_of(clear), text, sizeof text))
        json_object_set_new(body, "client_info", json_string(text));
}

json_t *entra_issue_user(struct entra_call *c, const struct grant *g, const struct entra_scopes *s)
{
    int64_t lifetime_s = entra_token_lifetime_s(c->sandbox);
    struct entra_scopes fallback;
    if (s->count == 0) { /* only OpenID scopes: a token for Graph's userinfo */
        entra_scopes_parse("https://graph.microsoft.com/User.Read", c->rq->arena, &fallback);
        fallback.openid = s->openid;
        s = &fallback;
    }
    const char *token = user_token(c, g, &s->items[0], lifetime_s);
    json_t *body = body_start(c, token, lifetime_s);
    json_object_set_new(body, "scope", json_string(scope_echo(c, g, s)));
    add_refresh_token(c, g, body);
    if (s->openid) {
        char *issuer = arena_printf(c->rq->arena, "%s/%s/v2.0", c->sandbox->https_url, g->user->tenant->id);
        json_object_set_new(body, "id_token", json_string(entra_id_token(c, g, issuer, g->client->client_id)));
    }
    add_client_info(c, g->user, body);
    json_object_set_new(c->note, "user", json_string(g->user->address));
    return body;
}

json_t *entra_issue_app(struct entra_call *c, const struct client *client, const struct entra_scope *scope)
{
    int64_t lifetime_s = entra_token_lifetime_s(c->sandbox);
    bool has_certificate = web_params_get(&c->rq->form, "client_assertion") != NULL;
    json_t *claims = common_claims(c, client, scope->uri, c->tenant, lifetime_s);
    json_object_set_new(claims, "oid", json_string(client->object_id));
    json_object_set_new(claims, "sub", json_string(client->object_id));
    json_object_set_new(claims, "idtyp", json_string("app"));
    json_object_set_new(claims, "appidacr", json_string(has_certificate ? "2" : "1"));
    bool is_mail = strncmp(scope->resource->app_id, "00000002", 8) == 0;
    bool is_granted = strcmp(switches_keyed(c->sandbox->switches, SWITCH_CLIENT_ROLES, client->client_id), "granted") ==
                      0;
    if (is_mail && is_granted && client->roles[0] != NULL) {
        json_t *roles = json_array();
        for (size_t i = 0; i < TENANT_NAMES_MAX && client->roles[i] != NULL; i++)
            json_array_append_new(roles, json_string(client->roles[i]));
        json_object_set_new(claims, "roles", roles);
    }
    return body_start(c, sign(c, claims), lifetime_s);
}
