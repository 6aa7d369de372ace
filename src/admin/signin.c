/* Signing in to the console with a name and a password, signing out, and who is signed in. */
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

#define NAME_MOST 254
#define PASSWORD_MOST 1024

/* ---- who is signed in ---- */

static json_t *stranger_json(struct request *r, bool is_set_up)
{
    return json_pack("{s:b, s:b, s:b, s:s}", "signed_in", 0, "setup", (int)!is_set_up, "entra",
                     (int)people_offer_entra(r->admin), "version", POSTERN_VERSION);
}

static const char *kind_name(enum principal_kind kind)
{
    static const char *const names[] = { "nobody", "local", "operator", "key", "app" };
    return names[kind];
}

static void session_end_text(const struct admin *a, const struct session *s, char out[40])
{
    const struct session_limits limits = session_limits_of(a);
    clock_iso(loop_wall_ms(a->loop) + s->opened_ms + limits.whole_ms - loop_now_ms(a->loop), out, 40);
}

json_t *session_json(struct request *r, const struct principal *p, const struct session *s)
{
    char ends[40];
    json_t *json = json_pack("{s:b, s:s, s:s, s:s, s:o, s:s}", "signed_in", 1, "kind", kind_name(p->kind), "name",
                             p->name, "role", p->rights & RIGHT_ADMIN ? "administrator" : "operator", "rights",
                             rights_json(p->rights), "version", POSTERN_VERSION);
    if (!s)
        return json;
    session_end_text(r->admin, s, ends);
    json_object_set_new(json, "csrf", json_string(s->csrf));
    json_object_set_new(json, "ends", json_string(ends));
    return json;
}

bool setup_any_has_password(const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i,
                       item) if (json_is_true(json_object_get(item, "has_password"))) return true;
    return false;
}

/* With the vault away nobody is told that there is nothing set up. */
static void operators_listed(struct request *r)
{
    struct ask *k = &r->asks[0];
    respond_json(r, 200, stranger_json(r, k->status != 200 || setup_any_has_password(k->json)));
}

void session_get(struct request *r)
{
    if (r->principal->kind != PRINCIPAL_NOBODY) {
        respond_json(r, 200, session_json(r, r->principal, r->session));
        return;
    }
    request_ask(r, ADMIN_PEER_VAULT, "operator.list", NULL);
    request_then(r, operators_listed);
}

/* ---- signing in and out ---- */

static void set_cookie(struct request *r, const char *id, const char *more)
{
    request_add_header(r, "Set-Cookie",
                       arena_printf(r->arena, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", session_cookie_name(r),
                                    id, r->is_secure ? "; Secure" : "", more));
}

const struct session *session_open_for(struct request *r, const char *name, struct principal *p)
{
    char id[SESSION_ID_SIZE];
    if (!people_operator(r->admin, r->arena, name, p))
        return NULL;
    /* Whoever signs in anew leaves the session that the browser had. */
    if (r->session)
        sessions_end(r->admin->sessions, r->session);
    const struct session *s = sessions_open(r->admin->sessions, p->name, loop_now_ms(r->admin->loop), id);
    set_cookie(r, id, "");
    secret_wipe(id, sizeof id);
    log_info("console.signed-in", LOG_TEXT("name", p->name), LOG_TEXT("host", r->host));
    audit_signed(r, "sign-in", p->name);
    return s;
}

bool session_begin(struct request *r, const char *name, unsigned status)
{
    struct principal p = { .host = r->host };
    const struct session *s = session_open_for(r, name, &p);
    if (s)
        respond_json(r, status, session_json(r, &p, s));
    else
        respond_finding(r, 401, "console.password", "the name or the password is wrong");
    return s != NULL;
}

static void password_checked(struct request *r)
{
    struct ask *k = &r->asks[0];
    const char *name = json_string_value(json_object_get(k->json, "name"));
    if (!respond_unless_checked(r, k, "console.password", "the name or the password is wrong")) {
        if (r->status != 503) {
            log_warn("console.refused", LOG_TEXT("host", r->host), LOG_UNSIGNED("status", r->status));
            audit_refused(r, "operator", json_string_value(json_object_get(r->json, "name")));
        }
    } else {
        session_begin(r, name ? arena_strdup(r->arena, name) : "", 200);
    }
}

bool take_name_and_password(struct request *r, const char **name, struct bytes *password)
{
    json_t *body = request_json(r);
    if (!body)
        return false;
    const char *text = json_string_value(json_object_get(body, "name"));
    *password = take_secret(r, body, "password");
    *name = text ? text : "";
    if (!**name || strlen(*name) > NAME_MOST || !text_is_line(*name) || password->size == 0 ||
        password->size > PASSWORD_MOST) {
        wipe_taken(*password);
        respond_finding(r, 422, "api.field", "name is one line, and name and password are not longer than any is");
        return false;
    }
    return true;
}

void session_post(struct request *r)
{
    const char *name;
    struct bytes password;
    if (!take_name_and_password(r, &name, &password))
        return;
    request_ask_secret(r, ADMIN_PEER_VAULT, "operator.check", json_pack("{s:s, s:s}", "name", name, "host", r->host),
                       password);
    wipe_taken(password);
    request_then(r, password_checked);
}

void session_delete(struct request *r)
{
    if (r->session) {
        log_info("console.signed-out", LOG_TEXT("name", r->session->name), LOG_TEXT("host", r->host));
        audit_signed(r, "sign-out", r->session->name);
        sessions_end(r->admin->sessions, r->session);
        r->session = NULL;
    }
    set_cookie(r, "", "; Max-Age=0");
    respond_empty(r, 204);
}

/* ---- the end of sessions ---- */

/* What a session still watches ends with it. */
static void on_ended(void *ctx, const struct session *s)
{
    struct admin *a = ctx;
    LIST_EACH (node, &a->requests) {
        struct request *r = LIST_OF(node, struct request, node);
        if (r->session != s)
            continue;
        r->session = NULL;
        people_cut_off(r);
    }
}

static void on_sweep(void *ctx)
{
    struct admin *a = ctx;
    const struct session_limits limits = session_limits_of(a);
    sessions_sweep(a->sessions, &limits, loop_now_ms(a->loop));
    people_look_again(a); /* keys end by the day */
    loop_timer_start(&a->sweep, SESSIONS_SWEEP_MS);
}

void sign_in_start(struct admin *a)
{
    a->sessions = sessions_new(on_ended, a);
    loop_timer_init(&a->sweep, a->loop, on_sweep, a);
    loop_timer_start(&a->sweep, SESSIONS_SWEEP_MS);
}

void sign_in_stop(struct admin *a)
{
    loop_timer_stop(&a->sweep);
    sessions_free(a->sessions);
    json_decref(a->entra_groups);
}
