/* The table of requests: what there is, and who runs it. doc/internal-api.md says what they mean. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/raw_link.h"

#define API "/api/v1"

#define OBJECT_ROUTES(kind, handlers) \
    { "GET", API "/" #kind, handlers##_list, false }, { "GET", API "/" #kind "/{}", handlers##_get, false }, \
        { "PUT", API "/" #kind "/{}", handlers##_put, false }, \
        { "PATCH", API "/" #kind "/{}", handlers##_patch, false }, \
    { \
        "DELETE", API "/" #kind "/{}", handlers##_delete, false \
    }

static const struct admin_route routes[] = {
    { "GET", API "/status", status_get, false },
    { "GET", API "/roles", roles_get, false },
    { "POST", API "/reload", daemon_reload, false },
    { "GET", API "/log", log_get, false },
    { "GET", API "/fields", fields_get, false },
    { "GET", API "/config", config_get, false },
    { "GET", API "/findings/{}", finding_get, false },
    OBJECT_ROUTES(providers, providers),
    OBJECT_ROUTES(registrations, registrations),
    OBJECT_ROUTES(mailboxes, mailboxes),
    OBJECT_ROUTES(apps, apps),
    OBJECT_ROUTES(endpoints, api_endpoints),
    { "PUT", API "/registrations/{}/secret", registration_secret, false },
    { "POST", API "/registrations/{}/certificate", registration_certificate, false },
    { "PUT", API "/mailboxes/{}/password", mailbox_password, false },
    { "GET", API "/mailboxes/{}/grant", mailbox_grant, false },
    { "POST", API "/mailboxes/{}/authorize", mailbox_authorize, false },
    { "POST", API "/mailboxes/{}/test", mailbox_test, false },
    { "POST", API "/mailboxes/{}/pause", mailbox_pause, false },
    { "POST", API "/mailboxes/{}/resume", mailbox_resume, false },
    { "POST", API "/authorizations/{}/finish", authorizations_finish, false },
    { "GET", API "/authorizations/{}/wait", authorizations_wait, false },
    { "POST", API "/apps/{}/password", app_password, false },
    { "POST", API "/endpoints/{}/key", endpoint_key, false },
    { "POST", API "/endpoints/{}/test", endpoint_test, false },
    { "POST", API "/endpoints/{}/pause", endpoint_pause, false },
    { "POST", API "/endpoints/{}/resume", endpoint_resume, false },
    { "GET", API "/inbound", inbound_list, false },
    { "POST", API "/inbound/retry", inbound_retry, false },
    { "POST", API "/inbound/remove", inbound_remove, false },
    { "GET", API "/inbound/{}", inbound_get, false },
    { "GET", API "/inbound/{}/content", inbound_content, false },
    { "GET", API "/mailboxes/{}/inbox", mailbox_inbox_list, false },
    { "GET", API "/mailboxes/{}/inbox/{}", mailbox_inbox_get, false },
    { "GET", API "/mailboxes/{}/inbox/{}/attachments/{}", mailbox_inbox_attachment, false },
    { "GET", API "/queue/stats", queue_stats, false },
    { "POST", API "/messages", messages_submit, true },
    { "GET", API "/messages", messages_list, false },
    { "POST", API "/messages/retry", messages_retry, false },
    { "POST", API "/messages/hold", messages_hold, false },
    { "POST", API "/messages/release", messages_release, false },
    { "POST", API "/messages/remove", messages_remove, false },
    { "GET", API "/messages/{}", messages_get, false },
    { "GET", API "/messages/{}/content", messages_content, false },
    { "POST", API "/vault/rekey", daemon_rekey, false },
    { NULL },
};

/* Who comes to the console's address has no right but the one that a link carries. */
static const struct admin_route console_routes[] = {
    { "GET", RAW_LINK_PATH "{}", raw_link_get, false },
    { NULL },
};

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

const struct admin_route *route_find(enum door_kind door, const char *method, const char *path, struct arena *arena,
                                     const char **params, bool *is_path_known)
{
    for (const struct admin_route *at = door == DOOR_API ? routes : console_routes; at->method; at++) {
        if (!path_matches(at->path, path, arena, params))
            continue;
        *is_path_known = true;
        if (strcmp(at->method, method) == 0)
            return at;
    }
    return NULL;
}
