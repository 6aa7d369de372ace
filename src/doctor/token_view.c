/* doctor/token_view.c - the payload of a JWT, as far as it helps a person (reference: claims of Exchange tokens). */
#include "doctor/token_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

enum { PAYLOAD_LIMIT = 16384, SKEW_S = 300 };

#define EXCHANGE_APP "00000002-0000-0ff1-ce00-000000000000"
#define GRAPH_APP "00000003-0000-0000-c000-000000000000"

static void copy_text(const json_t *claims, const char *name, char *out, size_t size)
{
    const char *value = json_string_value(json_object_get(claims, name));
    if (value && *out == '\0')
        text_sanitize(bytes_of(value), out, size);
}

static void copy_list(const json_t *list, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < json_array_size(list) && used + 1 < size; i++) {
        const char *value = json_string_value(json_array_get(list, i));
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "", value ? value : "");
    }
}

static void read_claims(const json_t *claims, struct token_view *out)
{
    const json_t *roles = json_object_get(claims, "roles");

    out->is_readable = true;
    copy_text(claims, "aud", out->audience, sizeof out->audience);
    copy_text(claims, "scp", out->scopes, sizeof out->scopes);
    copy_list(roles, out->roles, sizeof out->roles);
    copy_text(claims, "tid", out->tenant, sizeof out->tenant);
    copy_text(claims, "oid", out->object_id, sizeof out->object_id);
    copy_text(claims, "appid", out->app_id, sizeof out->app_id);
    copy_text(claims, "azp", out->app_id, sizeof out->app_id);
    copy_text(claims, "upn", out->user, sizeof out->user);
    copy_text(claims, "preferred_username", out->user, sizeof out->user);
    copy_text(claims, "unique_name", out->user, sizeof out->user);
    out->not_before_s = json_integer_value(json_object_get(claims, "nbf"));
    out->expires_s = json_integer_value(json_object_get(claims, "exp"));
    /* An application's token has no scp; its subject is the service principal itself. */
    const char *type = json_string_value(json_object_get(claims, "idtyp"));
    const char *subject = json_string_value(json_object_get(claims, "sub"));
    out->is_app = *out->scopes == '\0' && (text_equal(type, "app") || roles || text_equal(subject, out->object_id));
}

void token_view_read(struct bytes token, struct token_view *out)
{
    uint8_t payload[PAYLOAD_LIMIT];
    size_t size = 0;

    memset(out, 0, sizeof *out);
    size_t first = bytes_find(token, BYTES_LIT("."));
    if (first == SIZE_MAX)
        return;
    struct bytes rest = bytes_slice(token, first + 1, token.size);
    size_t second = bytes_find(rest, BYTES_LIT("."));
    if (second != SIZE_MAX && base64url_decode(bytes_slice(rest, 0, second), payload, sizeof payload, &size)) {
        json_t *claims = json_loadb((const char *)payload, size, 0, NULL);
        if (json_is_object(claims))
            read_claims(claims, out);
        json_decref(claims);
    }
    secret_wipe(payload, size);
}

static bool is_for_graph(const char *audience)
{
    return strcmp(audience, GRAPH_APP) == 0 || strstr(audience, "graph.microsoft") ||
           strstr(audience, "microsoftgraph");
}

static bool is_for_exchange(const char *audience)
{
    return strcmp(audience, EXCHANGE_APP) == 0 || strstr(audience, "outlook.office") ||
           strstr(audience, "ps.outlook.com") || strstr(audience, "partner.outlook.cn");
}

static bool has_word(const char *words, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = strcasestr(words, word); at; at = strcasestr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[size] == '\0' || at[size] == ' '))
            return true;
    return false;
}

/* A tenant may also be set by one of its domains, or not at all: only two ids can be compared. */
static bool is_id(const char *tenant)
{
    return strlen(tenant) == 36 && strspn(tenant, "0123456789abcdefABCDEF-") == 36;
}

/* What a token must carry, and the finding if it does not. */
static const struct need {
    const char *protocol, *scope, *no_scope, *role, *no_role;
} needs[] = {
    { "smtp", "SMTP.Send", "token.scope", "SMTP.SendAsApp", "token.roles" },
    { "imap", "IMAP.AccessAsUser.All", "token.scope-imap", "IMAP.AccessAsApp", "token.roles-imap" },
    { "pop3", "POP.AccessAsUser.All", "token.scope-pop3", "POP.AccessAsApp", "token.roles-pop3" },
};

static const char *missing_permission(const struct token_view *v, const char *protocol)
{
    const struct need *need = needs;

    for (size_t i = 1; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].protocol, protocol) == 0)
            need = &needs[i];
    if (v->is_app)
        return has_word(v->roles, need->role) ? NULL : need->no_role;
    return has_word(v->scopes, need->scope) ? NULL : need->no_scope;
}

const char *token_view_finding(const struct token_view *v, const char *protocol, const char *tenant, int64_t wall_ms)
{
    int64_t now_s = wall_ms / 1000;

    if (!v->is_readable)
        return NULL;
    if (is_for_graph(v->audience))
        return "token.audience";
    if (!is_for_exchange(v->audience))
        return NULL;
    if ((v->expires_s && v->expires_s <= now_s) || v->not_before_s > now_s + SKEW_S)
        return "token.expired";
    if (is_id(tenant) && *v->tenant != '\0' && !text_equal_nocase(tenant, v->tenant))
        return "token.tenant";
    const char *missing = missing_permission(v, protocol);
    if (missing)
        return missing;
    return v->is_app ? "token.service-principal" : NULL;
}

void token_view_text(const struct token_view *v, char *out, size_t size)
{
    char until[32] = "";

    if (!v->is_readable) {
        snprintf(out, size, "an opaque token, which says nothing of itself");
        return;
    }
    if (v->expires_s)
        clock_iso(v->expires_s * 1000, until, sizeof until);
    snprintf(out, size, "audience %s, %s \"%s\"%s%s, tenant %s, object id %s%s%s", v->audience,
             v->is_app ? "roles" : "scopes", v->is_app ? v->roles : v->scopes, *v->user ? ", user " : "", v->user,
             v->tenant, v->object_id, *until ? ", until " : "", until);
}
