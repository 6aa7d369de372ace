/* role/roles.c - the table of roles, and `postern serve`. */
#include "role/parent.h"

extern const struct role_hooks edge_hooks __attribute__((weak));
extern const struct role_hooks queue_hooks __attribute__((weak));
extern const struct role_hooks relay_hooks __attribute__((weak));
extern const struct role_hooks vault_hooks __attribute__((weak));
extern const struct role_hooks admin_hooks __attribute__((weak));

static const struct role_hooks *const roles[ROLE_KINDS] = {
    [ROLE_EDGE] = &edge_hooks,   [ROLE_QUEUE] = &queue_hooks, [ROLE_RELAY] = &relay_hooks,
    [ROLE_VAULT] = &vault_hooks, [ROLE_ADMIN] = &admin_hooks,
};

int role_serve(const char *conf_path)
{
    return parent_run(conf_path, roles);
}
