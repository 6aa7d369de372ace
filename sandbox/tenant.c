#include "sandbox/tenant.h"

#include <string.h>
#include <strings.h>

bool tenant_address_equal(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

const struct tenant *tenant_find(const char *id_or_domain)
{
    for (size_t i = 0; i < tenants_count; i++) {
        if (strcasecmp(tenants[i]->id, id_or_domain) == 0 || strcasecmp(tenants[i]->domain, id_or_domain) == 0)
            return tenants[i];
    }
    return NULL;
}

bool user_is_alias(const struct user *u, const char *address)
{
    if (tenant_address_equal(u->address, address))
        return true;
    for (size_t i = 0; i < TENANT_NAMES_MAX && u->aliases[i] != NULL; i++) {
        if (tenant_address_equal(u->aliases[i], address))
            return true;
    }
    return false;
}

const struct user *user_find(const char *address)
{
    for (size_t i = 0; i < users_count; i++) {
        if (user_is_alias(&users[i], address))
            return &users[i];
    }
    return NULL;
}

const struct client *client_find(const char *client_id)
{
    for (size_t i = 0; i < clients_count; i++) {
        if (strcasecmp(clients[i].client_id, client_id) == 0)
            return &clients[i];
    }
    return NULL;
}
