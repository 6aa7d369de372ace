/* Consent: kept per client, user and resource; an administrator's counts for a whole tenant. */
#include <string.h>
#include <strings.h>

#include "sandbox/entra_private.h"

const char *entra_consent_tenant(const struct entra_call *c, const struct tenant *tenant)
{
    return arena_printf(c->rq->arena, "tenant-%s", tenant->id);
}

static bool is_consented(const struct entra_call *c, const struct client *client, const struct user *user,
                         const struct entra_resource *resource, const char *name)
{
    const struct grants *g = c->sandbox->grants;
    return grants_has_consent(g, client->client_id, user->oid, resource->app_id, name) ||
           grants_has_consent(g, client->client_id, entra_consent_tenant(c, user->tenant), resource->app_id, name);
}

/* `.default` stands for what the registration declares for that resource. */
static void for_declared(const struct client *client, const struct entra_resource *resource, struct arena *arena,
                         void (*each)(void *ctx, const char *name), void *ctx)
{
    for (size_t i = 0; i < TENANT_NAMES_MAX && client->declared[i] != NULL; i++) {
        struct entra_scopes one;
        entra_scopes_parse(client->declared[i], arena, &one);
        if (one.count == 1 && one.items[0].resource == resource)
            each(ctx, one.items[0].name);
    }
}

struct giving {
    struct entra_call *call;
    const struct client *client;
    const char *owner;
    const struct entra_resource *resource;
};

static void give(void *ctx, const char *name)
{
    struct giving *to = ctx;
    grants_consent(to->call->sandbox->grants, to->client->client_id, to->owner, to->resource->app_id, name);
}

void entra_consent_give(struct entra_call *c, const struct client *client, const char *owner,
                        const struct entra_scopes *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct giving to = { c, client, owner, s->items[i].resource };
        if (strcasecmp(s->items[i].name, ".default") == 0)
            for_declared(client, to.resource, c->rq->arena, give, &to);
        else
            give(&to, s->items[i].name);
    }
}

bool entra_consent_check(struct entra_call *c, const struct client *client, const struct user *user,
                         const struct entra_scopes *s)
{
    for (size_t i = 0; i < s->count; i++) {
        /* The silent trap: later names count for the first resource too. */
        const struct entra_scope *at = &s->items[i];
        if (strcasecmp(at->name, ".default") == 0 || is_consented(c, client, user, at->resource, at->name))
            continue;
        return entra_refuse(&c->refusal, user->tenant->kind == TENANT_PERSONAL ? 70000 : 65001, client->client_id,
                            client->title, NULL);
    }
    return true;
}

const char *entra_consent_names(struct entra_call *c, const struct client *client, const struct user *user,
                                const struct entra_resource *resource, const char *prefix)
{
    struct buf names;
    buf_init(&names, 16 * 1024);
    for (size_t i = 0; i < sizeof resource->delegated / sizeof *resource->delegated && resource->delegated[i] != NULL;
         i++) {
        if (is_consented(c, client, user, resource, resource->delegated[i]))
            buf_addf(&names, "%s%s%s", names.size > 0 ? " " : "", prefix, resource->delegated[i]);
    }
    char *text = arena_strdup(c->rq->arena, buf_str(&names));
    buf_fini(&names);
    return text;
}
