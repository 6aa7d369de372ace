#include "token/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define WELL_KNOWN ".well-known/openid-configuration"

struct look_up {
    struct arena *life;
    struct endpoints found;
    const char *asked_issuer;
    bool is_tenant_named; /* by a domain, or "common": the document knows the issuer's real spelling */
    bool is_token_given;  /* by the provider's own data */
    enum endpoint_need need;
    endpoints_done_fn *done;
    void *ctx;
};

static const char *fill_tenant(struct arena *life, const char *text, const char *tenant)
{
    const char *hole = strstr(text, "{tenant}");
    if (!hole)
        return arena_strdup(life, text);
    return arena_printf(life, "%.*s%s%s", (int)(hole - text), text, tenant, hole + strlen("{tenant}"));
}

static bool is_guid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static bool has_same_host(const char *a, const char *b)
{
    const char *host = strstr(a, "://");
    size_t size = host ? (size_t)(host - a) + 3 : 0;
    size += host ? strcspn(a + size, "/") : 0;
    return size > 0 && strncmp(a, b, size) == 0 && (b[size] == '/' || b[size] == '\0');
}

static const char *text_in(const json_t *document, const char *key)
{
    const char *text = json_string_value(json_object_get(document, key));
    return text ? text : "";
}

static void take(struct look_up *l, const char **endpoint, const json_t *document, const char *key)
{
    if ((*endpoint)[0] == '\0')
        *endpoint = arena_strdup(l->life, text_in(document, key));
}

static bool check(const struct look_up *l, struct fault *why)
{
    const char *const all[] = { l->found.authorize, l->found.token, l->found.device, l->found.jwks };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i][0] != '\0' && !http_url_is_safe(all[i]))
            return fault_set(why, FAULT_CONFIG, "provider.discovery", "the endpoint %s is not an https address",
                             all[i]);
    }
    if (l->found.token[0] == '\0')
        return fault_set(why, FAULT_CONFIG, "provider.discovery",
                         "the provider names no token endpoint, and no issuer");
    return true;
}

static void finish(struct look_up *l, const struct fault *refused)
{
    struct fault why = { 0 };
    if (!refused && !check(l, &why))
        refused = &why;
    l->done(l->ctx, refused ? NULL : &l->found, refused);
    arena_free(l->life);
}

static bool take_document(struct look_up *l, const json_t *document, struct fault *why)
{
    const char *issuer = text_in(document, "issuer");
    bool is_right = text_equal(issuer, l->asked_issuer) ||
                    (l->is_tenant_named && has_same_host(l->asked_issuer, issuer));
    if (!is_right)
        return fault_set(why, FAULT_CONFIG, "provider.discovery", "the description of %s speaks for %.200s",
                         l->asked_issuer, issuer[0] ? issuer : "nobody");
    l->found.issuer = arena_strdup(l->life, issuer);
    take(l, &l->found.authorize, document, "authorization_endpoint");
    take(l, &l->found.token, document, "token_endpoint");
    take(l, &l->found.jwks, document, "jwks_uri");
    /* A provider that names its token endpoint but none for devices means that it has none for mail. */
    if (!l->is_token_given)
        take(l, &l->found.device, document, "device_authorization_endpoint");
    return true;
}

static void on_document(void *ctx, const json_t *document, const struct fault *refused)
{
    struct look_up *l = ctx;
    struct fault why = { 0 };
    if (!refused && !take_document(l, document, &why))
        refused = &why;
    finish(l, refused);
}

static bool needs_document(const struct look_up *l)
{
    if (l->asked_issuer[0] == '\0')
        return false;
    if (l->found.token[0] == '\0' || l->found.authorize[0] == '\0')
        return true;
    return l->need == ENDPOINT_SIGN_IN && (l->is_tenant_named || l->found.jwks[0] == '\0');
}

void endpoints_get(struct documents *d, const struct provider *p, const char *tenant, struct bytes ca_pem,
                   enum endpoint_need need, endpoints_done_fn *done, void *ctx)
{
    struct arena *life = arena_new();
    struct look_up *l = arena_alloc(life, sizeof *l);
    const char *issuer = fill_tenant(life, p->issuer, tenant);
    *l = (struct look_up){
        .life = life,
        .found = { fill_tenant(life, p->authorize, tenant), fill_tenant(life, p->token, tenant),
                   fill_tenant(life, p->device, tenant), fill_tenant(life, p->jwks, tenant), issuer },
        .asked_issuer = issuer,
        .is_tenant_named = strstr(p->issuer, "{tenant}") && !is_guid(tenant),
        .is_token_given = p->token[0] != '\0',
        .need = need,
        .done = done,
        .ctx = ctx,
    };
    if (needs_document(l)) {
        const char *slash = issuer[0] && issuer[strlen(issuer) - 1] == '/' ? "" : "/";
        documents_get(d, arena_printf(life, "%s%s%s", issuer, slash, WELL_KNOWN), ca_pem, false, on_document, l);
    } else {
        finish(l, NULL);
    }
}
