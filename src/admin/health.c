/* What a supervisor or a load balancer asks, without a sign-in: is this process there, and would mail be taken? They learn no more. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

void health_live(struct request *r)
{
    respond_json(r, 200, json_pack("{s:s}", "status", "live"));
}

/* The first role that does not run; NULL: all do. */
static const char *missing_role(const json_t *roles)
{
    size_t i;
    const json_t *role;
    json_array_foreach(roles, i, role)
    {
        const char *name = json_string_value(json_object_get(role, "role"));
        if (!text_equal(json_string_value(json_object_get(role, "state")), "running"))
            return name ? name : "a";
    }
    return NULL;
}

static void judge_readiness(struct request *r)
{
    const struct ask *roles = &r->asks[0], *stats = &r->asks[1];
    const char *missing = missing_role(json_object_get(roles->json, "roles"));
    if (roles->status != 200 || missing)
        respond_finding(r, 503, "role.away", "the %s role does not run", missing ? missing : "parent");
    else if (stats->status != 200)
        respond_finding(r, 503, "role.away", "the queue role does not answer");
    else if (!json_is_true(json_object_get(stats->json, "is_open")))
        respond_finding(r, 503, "queue.closed", "no mail is taken in");
    else
        respond_json(r, 200, json_pack("{s:s}", "status", "ready"));
}

void health_ready(struct request *r)
{
    request_ask(r, ADMIN_PEER_PARENT, "", json_pack("{s:s}", "verb", "roles"));
    request_ask(r, ADMIN_PEER_QUEUE, "queue.stats", NULL);
    request_then(r, judge_readiness);
}
