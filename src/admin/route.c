/* The table of requests: what there is, and who runs it. doc/internal-api.md says what they mean. */
#include <string.h>

#include "admin/admin_private.h"

#define API "/api/v1"

#define OBJECT_ROUTES(kind) \
    { "GET", API "/" #kind, kind##_list, false }, { "GET", API "/" #kind "/{}", kind##_get, false }, \
        { "PUT", API "/" #kind "/{}", kind##_put, false }, { "PATCH", API "/" #kind "/{}", kind##_patch, false }, \
    { \
        "DELETE", API "/" #kind "/{}", kind##_delete, false \
    }

static const struct admin_route routes[] = {
    { "GET", API "/status", status_get, false },
    { "GET", API "/roles", roles_get, false },
    { "POST", API "/reload", daemon_reload, false },
    { "GET", API "/log", log_get, false },
    OBJECT_ROUTES(providers),
    OBJECT_ROUTES(registrations),
    OBJECT_ROUTES(mailboxes),
    OBJECT_ROUTES(apps),
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

const struct admin_route *route_find(const char *method, const char *path, struct arena *arena, const char **params,
                                     bool *is_path_known)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!path_matches(routes[i].path, path, arena, params))
            continue;
        *is_path_known = true;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
    }
    return NULL;
}
