/* The doorkeeper: who asks, what for, and whether they may, by the header fields alone. Strangers learn nothing about what there
 * is: to them everything but the pages needs a sign-in, whether it exists or not. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

#define API "/api/"

static const struct {
    enum right right;
    const char *name;
} names[] = {
    { RIGHT_SEND, "send" },       { RIGHT_INBOX, "inbox" },     { RIGHT_READ, "read" },
    { RIGHT_CONTENT, "content" }, { RIGHT_OPERATE, "operate" }, { RIGHT_ADMIN, "admin" },
};

json_t *rights_json(uint32_t rights)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (rights & names[i].right)
            json_array_append_new(list, json_string(names[i].name));
    return list;
}

static void refuse_stranger(struct request *r)
{
    /* Bearer, because a browser would meet Basic with a window of its own. */
    request_add_header(r, "WWW-Authenticate", "Bearer realm=\"postern\"");
    respond_finding(r, 401, "console.sign-in", "this needs a sign-in, a key or an app's password");
}

static void refuse_right(struct request *r, uint32_t wanted)
{
    const char *all = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (wanted & names[i].right)
            all = arena_printf(r->arena, "%s%s%s", all, *all ? " or " : "", names[i].name);
    respond_finding(r, 403, "console.right", "%s lacks the right '%s'", r->principal->name, all);
}

static bool keeps_to_mailboxes(struct request *r, const struct admin_route *route)
{
    if (r->principal->mailboxes_count == 0 || route->scope == SCOPE_SELF)
        return true;
    return route->scope == SCOPE_MAILBOX && principal_may_touch(r->principal, r->params[0]);
}

static bool is_monitor(struct request *r, const struct admin_route *route)
{
    return route->run == metrics_get && !r->is_passed_on_unnamed &&
           guard_host_is_in(&r->admin->conf->console.metrics_from, r->host);
}

static bool may(struct request *r, const struct admin_route *route)
{
    if (route->rights == RIGHT_NONE || is_monitor(r, route))
        return true;
    if (r->principal->kind == PRINCIPAL_NOBODY)
        refuse_stranger(r);
    else if (!(r->principal->rights & route->rights))
        refuse_right(r, route->rights);
    else if (!keeps_to_mailboxes(r, route))
        respond_finding(r, 403, "console.mailbox", "%s is limited to other mailboxes", r->principal->name);
    else
        return true;
    return false;
}

static const struct admin_route page_route = { "GET", "", page_get, RIGHT_NONE, SCOPE_SELF, false };

static bool asks_for_page(const struct request *r)
{
    return (text_equal(r->method, "GET") || text_equal(r->method, "HEAD")) && page_is_path(r->path);
}

/* Shows a password or a link instead of a session. */
static bool is_sign_in(const struct admin_route *route)
{
    return route->run == session_post || route->run == setup_post;
}

static void admit(struct request *r, const struct admin_route *route)
{
    const char *length = request_header(r, "Content-Length"), *coding = request_header(r, "Content-Encoding");
    uint64_t size = 0;
    if (r->principal->kind == PRINCIPAL_NOBODY)
        r->body.limit = STRANGER_BODY_LIMIT;
    else if (route->run == apply_post)
        r->body.limit = APPLY_BODY_LIMIT;
    uint64_t most = route->streams_body ? submission_body_limit(r->admin->conf) : r->body.limit;
    if (length && text_to_u64(length, UINT64_MAX, &size) && size > most)
        respond_finding(r, 413, "api.too-large", "the body has %llu octets, and %llu are taken here",
                        (unsigned long long)size, (unsigned long long)most);
    else if (!text_is_empty(coding) && !text_equal_nocase(coding, "identity"))
        respond_finding(r, 415, "api.media-type", "Content-Encoding: %.40s is not taken; send the body as it is",
                        coding);
    else
        r->route = route;
}

/* With what it does take (RFC 9110, 15.5.6). */
static void refuse_method(struct request *r)
{
    const char *params[ADMIN_PARAMS], *all = "";
    for (size_t i = 0; i < route_count(); i++) {
        const char *method = route_at(i)->method;
        bool is_known = false;
        if (strstr(all, method) || route_find(method, r->path, r->arena, params, &is_known) == NULL)
            continue;
        all = arena_printf(r->arena, "%s%s%s", all, *all ? ", " : "", method);
    }
    request_add_header(r, "Allow", strstr(all, "GET") ? arena_printf(r->arena, "%s, HEAD", all) : all);
    respond_finding(r, 405, "api.method", "%s takes %s, but not %s", r->path, all, r->method);
}

static void judge(struct request *r)
{
    bool is_path_known = false;
    const struct admin_route *route = route_find(r->method, r->path, r->arena, r->params, &is_path_known);
    if (!route && asks_for_page(r))
        route = &page_route;
    if (r->principal->kind != PRINCIPAL_NOBODY)
        visitor_is_known(r->visitor);
    if (route && may(r, route) && (is_sign_in(route) || guard_knows_page(r)) &&
        (route == &page_route || contract_takes_address(r, route)))
        admit(r, route);
    else if (route)
        return;
    else if (r->principal->kind == PRINCIPAL_NOBODY && strncmp(r->path, API, strlen(API)) == 0)
        refuse_stranger(r);
    else if (is_path_known)
        refuse_method(r);
    else
        respond_finding(r, 404, "api.unknown", "there is nothing at %s", r->path);
    admin_http_wake(r);
}

void request_admit(struct request *r)
{
    if (guard_lets_in(r))
        principal_find(r, judge);
}
