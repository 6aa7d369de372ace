/* The table of requests: what there is, and who runs it. doc/internal-api.md says what they mean. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/raw_link.h"

#define API "/api/v1"

#define OBJECT_ROUTES(kind, handlers) \
    { "GET", API "/" #kind, handlers##_list, RIGHT_READ, SCOPE_ALL, false }, \
        { "GET", API "/" #kind "/{}", handlers##_get, RIGHT_READ, SCOPE_ALL, false }, \
        { "PUT", API "/" #kind "/{}", handlers##_put, RIGHT_ADMIN, SCOPE_ALL, false }, \
        { "PATCH", API "/" #kind "/{}", handlers##_patch, RIGHT_ADMIN, SCOPE_ALL, false }, \
    { \
        "DELETE", API "/" #kind "/{}", handlers##_delete, RIGHT_ADMIN, SCOPE_ALL, false \
    }

/* clang-format off */
static const struct admin_route routes[] = {
    /* method, path,                              run,                        who has any of,  of which mailboxes, streams */
    { "GET",  API "/status",                      status_get,                 RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/overview",                    overview_get,               RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/export",                      export_get,                 RIGHT_READ,      SCOPE_ALL,     false },
    { "POST", API "/apply",                       apply_post,                 RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "GET",  API "/roles",                       roles_get,                  RIGHT_READ,      SCOPE_ALL,     false },
    { "POST", API "/reload",                      daemon_reload,              RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "GET",  API "/log",                         log_get,                    RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/events",                      events_get,                 RIGHT_READ,      SCOPE_SELF,    false },
    { "GET",  API "/openapi.json",                openapi_get,                RIGHT_NONE,      SCOPE_SELF,    false },
    { "GET",  API "/fields",                      fields_get,                 RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/config",                      config_get,                 RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/listeners",                   listeners_get,              RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/findings",                    findings_get,               RIGHT_READ,      SCOPE_SELF,    false },
    { "GET",  API "/findings/{}",                 finding_get,                RIGHT_READ,      SCOPE_ALL,     false },
    OBJECT_ROUTES(providers, providers),
    OBJECT_ROUTES(registrations, registrations),
    OBJECT_ROUTES(mailboxes, mailboxes),
    OBJECT_ROUTES(apps, apps),
    OBJECT_ROUTES(endpoints, api_endpoints),
    OBJECT_ROUTES(operators, operators),
    OBJECT_ROUTES(keys, keys),
    { "PUT",  API "/registrations/{}/secret",     registration_secret,        RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "POST", API "/registrations/{}/certificate", registration_certificate,  RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "PUT",  API "/mailboxes/{}/password",       mailbox_password,           RIGHT_ADMIN,     SCOPE_MAILBOX, false },
    { "GET",  API "/mailboxes/{}/grant",          mailbox_grant,              RIGHT_READ,      SCOPE_MAILBOX, false },
    { "POST", API "/mailboxes/{}/authorize",      mailbox_authorize,          RIGHT_ADMIN,     SCOPE_MAILBOX, false },
    { "POST", API "/mailboxes/{}/test",           mailbox_test,               RIGHT_OPERATE,   SCOPE_MAILBOX, false },
    { "POST", API "/mailboxes/{}/pause",          mailbox_pause,              RIGHT_OPERATE,   SCOPE_MAILBOX, false },
    { "POST", API "/mailboxes/{}/resume",         mailbox_resume,             RIGHT_OPERATE,   SCOPE_MAILBOX, false },
    { "POST", API "/mailboxes/{}/owner-link",     mailbox_owner_link,         RIGHT_ADMIN,     SCOPE_MAILBOX, false },
    { "POST", API "/owner/look",                  owner_look,                 RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/owner/start",                 owner_start,                RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/owner/wait",                  owner_wait,                 RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/authorizations/land",         authorizations_land,        RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/authorizations/{}/finish",    authorizations_finish,      RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "GET",  API "/authorizations/{}/wait",      authorizations_wait,        RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "POST", API "/apps/{}/password",            app_password,               RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "POST", API "/endpoints/{}/key",            endpoint_key,               RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "POST", API "/endpoints/{}/test",           endpoint_test,              RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "POST", API "/endpoints/{}/pause",          endpoint_pause,             RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "POST", API "/endpoints/{}/resume",         endpoint_resume,            RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "GET",  API "/inbound",                     inbound_list,               RIGHT_READ,      SCOPE_ALL,     false },
    { "POST", API "/inbound/retry",               inbound_retry,              RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "POST", API "/inbound/remove",              inbound_remove,             RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "GET",  API "/inbound/{}",                  inbound_get,                RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  API "/inbound/{}/content",          inbound_content,            RIGHT_CONTENT,   SCOPE_ALL,     false },
    { "GET",  API "/mailboxes/{}/inbox",          mailbox_inbox_list,         RIGHT_INBOX,     SCOPE_MAILBOX, false },
    { "GET",  API "/mailboxes/{}/inbox/{}",       mailbox_inbox_get,          RIGHT_INBOX,     SCOPE_MAILBOX, false },
    { "GET",  API "/mailboxes/{}/inbox/{}/attachments/{}", mailbox_inbox_attachment, RIGHT_INBOX, SCOPE_MAILBOX, false },
    { "GET",  API "/queue/stats",                 queue_stats,                RIGHT_READ,      SCOPE_ALL,     false },
    { "POST", API "/messages",                    messages_submit,            RIGHT_SEND,      SCOPE_SELF,    true },
    { "GET",  API "/messages",                    messages_list,              RIGHT_READ | RIGHT_SEND, SCOPE_SELF,    false },
    { "POST", API "/messages/retry",              messages_retry,             RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "POST", API "/messages/hold",               messages_hold,              RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "POST", API "/messages/release",            messages_release,           RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "POST", API "/messages/remove",             messages_remove,            RIGHT_OPERATE,   SCOPE_ALL,     false },
    { "GET",  API "/messages/{}",                 messages_get,               RIGHT_READ | RIGHT_SEND, SCOPE_SELF,    false },
    { "GET",  API "/messages/{}/content",         messages_content,           RIGHT_CONTENT,   SCOPE_SELF,    false },
    { "PUT",  API "/operators/{}/password",       operators_password,         RIGHT_READ | RIGHT_ADMIN, SCOPE_ALL,    false },
    { "POST", API "/keys/{}/secret",              keys_secret,                RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "GET",  API "/audit",                       audit_list,                 RIGHT_READ,      SCOPE_ALL,     false },
    { "POST", API "/vault/rekey",                 daemon_rekey,               RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "GET",  API "/session",                     session_get,                RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/session",                     session_post,               RIGHT_NONE,      SCOPE_SELF,    false },
    { "DELETE", API "/session",                   session_delete,             RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/setup",                       setup_post,                 RIGHT_NONE,      SCOPE_SELF,    false },
    { "POST", API "/setup/link",                  setup_link_post,            RIGHT_ADMIN,     SCOPE_ALL,     false },
    { "GET",  "/metrics",                         metrics_get,                RIGHT_READ,      SCOPE_ALL,     false },
    { "GET",  "/health/live",                     health_live,                RIGHT_NONE,      SCOPE_SELF,    false },
    { "GET",  "/health/ready",                    health_ready,               RIGHT_NONE,      SCOPE_SELF,    false },
    { "GET",  "/signin/entra",                    entra_start,                RIGHT_NONE,      SCOPE_SELF,    false },
    { "GET",  "/signin/entra/callback",           entra_callback,             RIGHT_NONE,      SCOPE_SELF,    false },
    /* Whoever has the link has the right. */
    { "GET",  RAW_LINK_PATH "{}",                 raw_link_get,               RIGHT_NONE,      SCOPE_SELF,    false },
    { NULL },
};
/* clang-format on */

/* "{}" takes one segment that is not empty; its text goes to the next parameter. */
static bool path_matches(const char *pattern, const char *path, struct arena *arena, const char **params)
{
    size_t count = 0;
    while (*pattern && *path) {
        if (strncmp(pattern, "{}", 2) == 0) {
            size_t size = strcspn(path, "/");
            if (size == 0 || count == ADMIN_PARAMS)
                return false;
            params[count++] = arena_strndup(arena, path, size);
            pattern += 2;
            path += size;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == '\0' && *path == '\0';
}

size_t route_count(void)
{
    return sizeof routes / sizeof *routes - 1;
}

const struct admin_route *route_at(size_t number)
{
    return &routes[number];
}

size_t route_number(const struct admin_route *route)
{
    return (size_t)(route - routes);
}

const struct admin_route *route_find(const char *method, const char *path, struct arena *arena, const char **params,
                                     bool *is_path_known)
{
    /* The server leaves the body of an answer to HEAD away by itself. */
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (const struct admin_route *at = routes; at->method; at++) {
        if (!path_matches(at->path, path, arena, params))
            continue;
        *is_path_known = true;
        if (strcmp(at->method, wanted) == 0)
            return at;
    }
    return NULL;
}
