/* role/roles.c - the table of roles, and `postern serve`. */
#include "role/parent.h"

static const struct role_hooks *const roles[ROLE_KINDS] = {
    [ROLE_EDGE] = &edge_hooks,   [ROLE_QUEUE] = &queue_hooks, [ROLE_RELAY] = &relay_hooks,
    [ROLE_VAULT] = &vault_hooks, [ROLE_ADMIN] = &admin_hooks, [ROLE_INBOX] = &inbox_hooks,
};

int role_serve(const char *conf_path)
{
    return parent_run(conf_path, roles);
}
