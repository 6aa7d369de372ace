#include "sandbox/entra_rules.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* The parts of a URI as far as matching needs them. */
struct uri {
    struct bytes scheme, host, port, rest;
};

static bool uri_split(const char *text, struct uri *out)
{
    const char *colon = strstr(text, "://");
    if (colon == NULL)
        return false;
    const char *host = colon + 3;
    size_t authority = strcspn(host, "/?#");
    const char *port = memchr(host, ':', authority);
    size_t host_size = port != NULL ? (size_t)(port - host) : authority;
    out->scheme = (struct bytes){ (const uint8_t *)text, (size_t)(colon - text) };
    out->host = (struct bytes){ (const uint8_t *)host, host_size };
    out->port = (struct bytes){ (const uint8_t *)host + host_size, authority - host_size };
    out->rest = bytes_of(host[authority] == 0 ? "/" : host + authority);
    return true;
}

bool entra_redirect_matches(const char *registered, const char *asked)
{
    struct uri a, b;
    if (!uri_split(registered, &a) || !uri_split(asked, &b))
        return strcmp(registered, asked) == 0;
    bool is_local = bytes_equal_nocase(a.host, BYTES_LIT("localhost")) ||
                    (bytes_equal(a.host, BYTES_LIT("127.0.0.1")) && bytes_equal_nocase(a.scheme, BYTES_LIT("http")));
    return bytes_equal_nocase(a.scheme, b.scheme) && bytes_equal_nocase(a.host, b.host) &&
           (is_local || bytes_equal(a.port, b.port)) && bytes_equal(a.rest, b.rest);
}

const struct client_redirect *entra_redirect_find(const struct client *c, const char *asked)
{
    for (size_t i = 0; i < TENANT_NAMES_MAX && c->redirects[i].uri != NULL; i++) {
        if (entra_redirect_matches(c->redirects[i].uri, asked))
            return &c->redirects[i];
    }
    return NULL;
}

struct bytes entra_redirect_origin(const char *uri)
{
    const char *colon = strstr(uri, "://");
    if (colon == NULL)
        return BYTES_NONE;
    return (struct bytes){ (const uint8_t *)uri, (size_t)(colon + 3 - uri) + strcspn(colon + 3, "/?#;, \"'") };
}

bool entra_pkce_is_valid(const char *text)
{
    size_t size = strlen(text);
    if (size < 43 || size > 128)
        return false;
    for (; *text != 0; text++) {
        if (!isalnum((unsigned char)*text) && strchr("-._~", *text) == NULL)
            return false;
    }
    return true;
}

bool entra_pkce_matches(const char *method, const char *challenge, const char *verifier)
{
    if (strcmp(method, "S256") != 0)
        return strcmp(challenge, verifier) == 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char text[64];
    EVP_Digest(verifier, strlen(verifier), digest, &size, EVP_sha256(), NULL);
    base64url_encode((struct bytes){ digest, size }, text, sizeof text);
    return strcmp(text, challenge) == 0;
}

static const struct entra_resource resources[] = {
    { "00000002-0000-0ff1-ce00-000000000000",
      "Office 365 Exchange Online",
      { "https://outlook.office.com", "https://outlook.office365.com", "https://ps.outlook.com" },
      { "SMTP.Send", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "Mail.Read", "Mail.ReadWrite", "Mail.Send",
        "User.Read", "EWS.AccessAsUser.All" } },
    { "00000003-0000-0000-c000-000000000000",
      "Microsoft Graph",
      { "https://graph.microsoft.com" },
      { "SMTP.Send", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "Mail.Read", "Mail.ReadWrite", "Mail.Send",
        "User.Read", "Mail.Send.Shared", "Mail.ReadWrite.Shared" } },
};

bool entra_resource_has(const struct entra_resource *r, const char *name)
{
    if (strcasecmp(name, ".default") == 0)
        return true;
    for (size_t i = 0; i < sizeof r->delegated / sizeof *r->delegated && r->delegated[i] != NULL; i++) {
        if (strcasecmp(r->delegated[i], name) == 0)
            return true;
    }
    return false;
}

static const struct entra_resource *resource_by_uri(const char *uri)
{
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++) {
        for (size_t j = 0; j < 4 && resources[i].uris[j] != NULL; j++) {
            if (strcasecmp(resources[i].uris[j], uri) == 0)
                return &resources[i];
        }
    }
    return NULL;
}

static bool take_oidc(const char *word, struct entra_scopes *out)
{
    bool *flag = strcasecmp(word, "openid") == 0           ? &out->openid
                 : strcasecmp(word, "profile") == 0        ? &out->profile
                 : strcasecmp(word, "email") == 0          ? &out->email
                 : strcasecmp(word, "offline_access") == 0 ? &out->offline
                                                           : NULL;
    if (flag != NULL)
        *flag = true;
    return flag != NULL;
}

static void take_scope(char *word, struct arena *arena, struct entra_scopes *out)
{
    if (take_oidc(word, out))
        return;
    if (out->count == ENTRA_SCOPES_MAX) {
        out->is_too_many = true;
        return;
    }
    struct entra_scope *s = &out->items[out->count++];
    char *slash = strstr(word, "://") != NULL ? strrchr(word, '/') : NULL;
    s->uri = slash != NULL ? arena_strndup(arena, word, (size_t)(slash - word)) : "https://graph.microsoft.com";
    s->name = slash != NULL ? slash + 1 : word;
    s->resource = resource_by_uri(s->uri);
    s->is_known = s->resource != NULL && entra_resource_has(s->resource, s->name);
}

void entra_scopes_parse(const char *text, struct arena *arena, struct entra_scopes *out)
{
    memset(out, 0, sizeof *out);
    char *rest = arena_strdup(arena, text);
    for (char *word = strtok_r(rest, " \t\r\n", &rest); word != NULL; word = strtok_r(NULL, " \t\r\n", &rest))
        take_scope(word, arena, out);
}

/* The silent trap of 3.3: where the first resource knows every name, all of them count as its own. */
static bool first_knows_all(const struct entra_scopes *s)
{
    for (size_t i = 1; i < s->count; i++) {
        if (s->items[i].resource != s->items[0].resource && !entra_resource_has(s->items[0].resource, s->items[i].name))
            return false;
    }
    return true;
}

static bool is_default(const struct entra_scope *s)
{
    return strcasecmp(s->name, ".default") == 0;
}

unsigned entra_scopes_check(const struct entra_scopes *s, enum entra_scopes_use use, const char **offending)
{
    *offending = "";
    for (size_t i = 0; i < s->count; i++) {
        const struct entra_scope *at = &s->items[i];
        *offending = at->resource == NULL ? at->uri : at->name;
        if (at->resource == NULL)
            return 500011;
        if (!at->is_known)
            return 70011;
        if (is_default(at) && s->count > 1)
            return 70011;
    }
    if (s->is_too_many)
        return 70011;
    bool is_one = use == ENTRA_AT_TOKEN || use == ENTRA_AT_DEVICE;
    return is_one && s->count > 1 && !first_knows_all(s) ? 28000 : 0;
}
