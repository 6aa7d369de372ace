/* admin/overview.h - everything at a glance, asked of every role at once: for the console's first page and for monitoring. */
#ifndef ADMIN_OVERVIEW_H
#define ADMIN_OVERVIEW_H

#include "admin/admin_private.h"

void overview_ask(struct request *r);
/* Once all have answered, or are known to be away: doc/internal-api.md, GET /overview. Given. */
json_t *overview_json(struct request *r);

#endif
