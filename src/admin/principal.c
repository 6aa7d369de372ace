/* Who asks. On the Unix socket the kernel says it; elsewhere a session's cookie, a key, or an app's name and password do. The vault
 * says whether a key or password is right; what its owner may do stands in the objects, as of now. */
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/admin_private.h"
#include "admin/authorization.h"
#include "base/log.h"
#include "base/text.h"

static void local_user(struct request *r, struct principal *out)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    int fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *out = (struct principal){ .kind = PRINCIPAL_LOCAL, .name = "local", .rights = RIGHTS_ALL };
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return;
    const struct passwd *user = getpwuid(peer.uid);
    out->name = user ? arena_strdup(r->arena, user->pw_name) : arena_printf(r->arena, "uid %u", (unsigned)peer.uid);
}

bool principal_may_touch(const struct principal *p, const char *mailbox)
{
    for (size_t i = 0; i < p->mailboxes_count; i++)
        if (text_equal_nocase(p->mailboxes[i], mailbox))
            return true;
    return p->mailboxes_count == 0;
}

const char *session_cookie_name(const struct request *r)
{
    return r->is_secure ? "__Host-postern" : "postern";
}

struct session_limits session_limits_of(const struct admin *a)
{
    return (struct session_limits){ (int64_t)a->conf->console.session_idle_s * 1000,
                                    (int64_t)a->conf->console.session_s * 1000 };
}

/* What a page asks by itself, with nobody at the keyboard, says so, and is no use of the session. */
static const struct session *session_of(struct request *r, const char *id)
{
    const struct session_limits limits = session_limits_of(r->admin);
    int64_t now_ms = loop_now_ms(r->admin->loop);
    return request_header(r, "X-Postern-Watching") ? sessions_peek(r->admin->sessions, id, &limits, now_ms)
                                                   : sessions_find(r->admin->sessions, id, &limits, now_ms);
}

/* An operator that was removed or switched off meanwhile is signed out by that. */
static void by_cookie(struct request *r, struct principal *p)
{
    const char *id = MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, session_cookie_name(r));
    const struct session *s = id ? session_of(r, id) : NULL;
    if (s && people_operator(r->admin, r->arena, s->name, p))
        r->session = s;
    else if (s)
        sessions_end(r->admin->sessions, s);
}

/* ---- by the vault ---- */

static const char *text_in(const struct ask *k, const char *name)
{
    const char *text = json_string_value(json_object_get(k->json, name));
    return text ? text : "";
}

static bool by_app(struct request *r, const struct ask *k, struct principal *out)
{
    const struct app *app = directory_app(r->admin->directory, text_in(k, "app"));
    if (!app)
        return false;
    *out = (struct principal){ .kind = PRINCIPAL_APP,
                               .name = arena_strdup(r->arena, app->name),
                               .rights = RIGHT_SEND | RIGHT_INBOX };
    out->mailboxes = arena_array(r->arena, app->mailboxes_count, sizeof *out->mailboxes);
    out->mailboxes_count = app->mailboxes_count;
    for (size_t i = 0; i < app->mailboxes_count; i++)
        out->mailboxes[i] = arena_strdup(r->arena, app->mailboxes[i]);
    return true;
}

bool respond_unless_checked(struct request *r, struct ask *k, const char *id, const char *what)
{
    json_int_t wait = json_integer_value(json_object_get(k->json, "retry_after"));
    char seconds[24];
    if (k->status == 200)
        return true;
    if (k->status == 429) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)(wait > 0 ? wait : 60));
        request_add_header(r, "Retry-After", seconds);
        respond_finding(r, 429, "console.throttled", "too many wrong tries; the next is looked at in %s s", seconds);
    } else if (k->status == 401 || k->status == 403) {
        respond_finding(r, 401, id, "%s", what);
    } else {
        respond_finding(r, 503, "role.away", "the vault can't say now who this is; try again in a few seconds");
    }
    return false;
}

static void refuse(struct request *r, bool is_key)
{
    request_add_header(r, "WWW-Authenticate", "Bearer realm=\"postern\"");
    if (is_key)
        respond_finding(r, 401, "console.key", "the key is not one that is in force");
    else
        respond_finding(r, 401, "app.password", "the name or the password is wrong");
}

static void vault_answered(struct request *r)
{
    struct ask *k = &r->asks[0];
    bool is_key = r->is_key_checked;
    struct principal p = { .kind = PRINCIPAL_NOBODY };
    if (k->status == 401 || k->status == 403) {
        refuse(r, is_key);
    } else if (respond_unless_checked(r, k, "", "")) {
        if (is_key ? people_key(r->admin, r->arena, text_in(k, "name"), &p) : by_app(r, k, &p)) {
            p.host = r->principal->host;
            *(struct principal *)(uintptr_t)r->principal = p;
        } else {
            refuse(r, is_key);
        }
    }
    if (r->response) {
        log_warn("api.refused", LOG_TEXT("host", r->host), LOG_TEXT("how", is_key ? "key" : "app"),
                 LOG_UNSIGNED("status", r->status));
        if (is_key && r->status != 503)
            audit_refused(r, "key", text_in(k, "name"));
        return;
    }
    request_fn *known = r->known;
    asks_forget(r);
    known(r);
}

static void ask_vault(struct request *r, const char *verb, json_t *in, struct bytes secret)
{
    request_ask_secret(r, ADMIN_PEER_VAULT, verb, in, secret);
    request_then(r, vault_answered);
}

static void by_authorization(struct request *r, const char *field)
{
    struct authorization a;
    bool is_read = authorization_parse(field, &a);
    r->is_key_checked = a.kind == AUTHORIZATION_KEY;
    if (!is_read)
        refuse(r, r->is_key_checked);
    else if (r->is_key_checked)
        ask_vault(r, "key.check", json_pack("{s:s}", "host", r->host), a.secret);
    else
        ask_vault(r, "app.check", json_pack("{s:s, s:s}", "user", a.user, "host", r->host), a.secret);
    authorization_wipe(&a);
}

void principal_find(struct request *r, request_fn *known)
{
    struct principal *p = arena_alloc(r->arena, sizeof *p);
    const char *authorization = r->door->kind == DOOR_API ? NULL : request_header(r, "Authorization");
    *p = (struct principal){ .kind = PRINCIPAL_NOBODY, .name = "" };
    if (r->door->kind == DOOR_API)
        local_user(r, p);
    else if (!authorization)
        by_cookie(r, p);
    p->host = r->host;
    r->principal = p;
    r->known = known;
    if (authorization)
        by_authorization(r, authorization);
    else
        known(r);
}
