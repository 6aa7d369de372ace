/* toys.h - roles that do nothing but say what happens to them, a line each on standard output. */
#ifndef TOYS_H
#define TOYS_H

#include "role/role.h"

/* "edge0 up queue0", "edge0 heard hello from queue0", "edge0 down queue0", "edge0 listener 1 127.0.0.1:4242 none",
 * "edge0 end 1", "queue0 reload debug", "queue0 stop", "admin0 answer {...}".
 * What they do on a reload is said by the host name in the new configuration: "break-relay": the relay sends the queue what
 * it may not; "ask": the admin asks the parent for its roles. */
extern const struct role_hooks *const toys[ROLE_KINDS];
/* The same, but the vault refuses to start. */
extern const struct role_hooks *const broken_toys[ROLE_KINDS];

#endif
