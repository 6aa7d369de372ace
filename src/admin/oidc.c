/* Signing in to the console with Entra: the browser is sent there and comes back with a code, the vault says who it is, and an operator's
 * object or the settings say whether that one may come in. A cookie ties the way back to the browser that was sent; it is Lax, as the
 * way back begins on another site. */
#include <string.h>

#include "admin/admin_private.h"
#include "admin/oidc_page.h"
#include "admin/way_back.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "doctor/finding.h"

#define PATH "/signin/entra"
#define COOKIE_LIFE_S 900
#define GROUPS_KEPT 4096

/* ---- who may ---- */

static bool is_listed(const struct conf_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_equal_nocase(list->items[i], text))
            return true;
    return false;
}

static bool is_any_listed(const struct conf_list *list, const char *user, const json_t *groups)
{
    size_t i;
    const json_t *group;
    if (is_listed(list, user))
        return true;
    json_array_foreach(groups, i, group)
    {
        if (is_listed(list, json_string_value(group)))
            return true;
    }
    return false;
}

static bool names_groups(const struct conf_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strchr(list->items[i], '@'))
            return true;
    return false;
}

bool entra_is_for_anybody(const struct admin *a)
{
    const char *name = a->conf->console.entra_registration;
    const struct registration *r = text_is_empty(name) ? NULL : directory_registration(a->directory, name);
    const struct provider *p = r ? directory_provider(a->directory, r->provider) : NULL;
    return r && (object_tenant_is_anybody(r->tenant) || (p && object_issuer_is_anybody(p->issuer)));
}

/* Once for each time that it becomes so: nobody would look for the reason in the registration. */
void entra_tell(struct admin *a)
{
    struct fault why;
    bool is_shut = entra_is_for_anybody(a);
    fault_set(&why, FAULT_CONFIG, "entra.anybody", "nobody is let in through the registration %s",
              a->conf->console.entra_registration);
    if (is_shut && !a->is_entra_shut)
        log_error("console.entra-shut", LOG_FAULT(&why));
    a->is_entra_shut = is_shut;
}

static const char *lowered(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    return copy;
}

bool entra_role(const struct admin *a, struct arena *life, const char *user, enum operator_role *role)
{
    const struct conf *conf = a->conf;
    const json_t *groups = json_object_get(a->entra_groups, lowered(life, user));
    if (text_is_empty(conf->console.entra_registration) || entra_is_for_anybody(a))
        return false;
    if (is_any_listed(&conf->console.entra_administrators, user, groups))
        *role = OPERATOR_ADMINISTRATOR;
    else if (is_any_listed(&conf->console.entra_operators, user, groups))
        *role = OPERATOR_OPERATOR;
    else
        return false;
    return true;
}

/* ---- the way there ---- */

static void set_cookie(struct request *r, const char *value, int life_s)
{
    request_add_header(r, "Set-Cookie",
                       arena_printf(r->arena, "postern-entra=%s; Path=" PATH "; HttpOnly; SameSite=Lax; Max-Age=%d%s",
                                    value, life_s, r->is_secure ? "; Secure" : ""));
}

static void refuse_page(struct request *r, unsigned status, const json_t *problem)
{
    set_cookie(r, "", 0);
    oidc_page_refused(r, status, problem);
}

static void refuse(struct request *r, unsigned status, const char *id, const char *seen)
{
    struct fault why;
    fault_set(&why, FAULT_REJECT, id, "%s", seen);
    json_t *problem = json_pack("{s:s, s:[o]}", "detail", why.text, "findings", finding_json_of_fault(&why, NULL));
    log_warn("console.refused", LOG_TEXT("host", r->host), LOG_FAULT(&why));
    refuse_page(r, status, problem);
    json_decref(problem);
}

static void started(struct request *r)
{
    struct ask *k = &r->asks[0];
    const char *id = json_string_value(json_object_get(k->json, "id"));
    const char *url = json_string_value(json_object_get(k->json, "url"));
    if (k->status != 200 || !id || !url) {
        refuse_page(r, k->status >= 400 ? k->status : 503, k->json);
        return;
    }
    set_cookie(r, way_back_pack(r->arena, id, way_back_path(request_query(r, "back"))), COOKIE_LIFE_S);
    request_add_header(r, "Location", url);
    respond_empty(r, 302);
}

void entra_start(struct request *r)
{
    const struct conf *conf = r->admin->conf;
    if (entra_is_for_anybody(r->admin)) {
        refuse(
            r, 403, "entra.anybody",
            arena_printf(r->arena, "nobody is let in through the registration %s", conf->console.entra_registration));
        return;
    }
    if (text_is_empty(conf->console.entra_registration)) {
        refuse(r, 404, "entra.not-set-up", "console.entra-registration is not set");
        return;
    }
    char *root = conf_console_url(conf, r->admin->bound);
    request_ask(r, ADMIN_PEER_VAULT, "oidc.start",
                json_pack("{s:s, s:o}", "registration", conf->console.entra_registration, "redirect_uri",
                          json_sprintf("%s" PATH "/callback", root)));
    free(root);
    request_then(r, started);
}

/* ---- the way back ---- */

static void remember_groups(struct admin *a, const char *user, json_t *groups)
{
    if (!a->entra_groups)
        a->entra_groups = json_object();
    if (json_object_size(a->entra_groups) >= GROUPS_KEPT)
        json_object_clear(a->entra_groups); /* who is signed in by a group does it again */
    json_object_set(a->entra_groups, user, groups);
}

static const char *cookie(struct request *r)
{
    const char *value = MHD_lookup_connection_value(r->connection, MHD_COOKIE_KIND, "postern-entra");
    return value ? value : "";
}

static void sign_in(struct request *r, const char *user, const json_t *answer)
{
    const struct conf *conf = r->admin->conf;
    const struct console_operator *o = directory_operator_by_entra(r->admin->directory, user);
    enum operator_role role;
    struct principal p = { .host = r->host };
    if (!o && !entra_role(r->admin, r->arena, user, &role)) {
        bool lacks_groups = json_is_true(json_object_get(answer, "has_more_groups")) &&
                            (names_groups(&conf->console.entra_administrators) ||
                             names_groups(&conf->console.entra_operators));
        refuse(r, 403, lacks_groups ? "entra.groups-overage" : "entra.not-listed",
               arena_printf(r->arena, "%s signed in at Entra", user));
        audit_refused(r, "operator", "");
        return;
    }
    if (!session_open_for(r, o ? o->name : user, &p)) {
        refuse(r, 403, "entra.not-listed",
               arena_printf(r->arena, "%s signed in at Entra, and is switched off here", user));
        audit_refused(r, "operator", o ? o->name : "");
        return;
    }
    const char *back;
    way_back_unpack(r->arena, cookie(r), &back);
    set_cookie(r, "", 0);
    oidc_page_go_on(r, back);
}

static void finished(struct request *r)
{
    struct ask *k = &r->asks[0];
    const char *name = json_string_value(json_object_get(k->json, "user"));
    if (k->status != 200 || !name) {
        log_warn("console.refused", LOG_TEXT("host", r->host), LOG_UNSIGNED("status", k->status));
        refuse_page(r, k->status >= 400 ? k->status : 503, k->json);
        audit_refused(r, "operator", "");
        return;
    }
    const char *user = lowered(r->arena, name);
    remember_groups(r->admin, user, json_object_get(k->json, "groups"));
    sign_in(r, user, k->json);
}

struct query {
    struct request *request;
    const char *text;
};

/* The server has decoded it; the vault wants it as it came. */
static enum MHD_Result gather(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct query *q = ctx;
    struct arena *arena = q->request->arena;
    static const char hex[] = "0123456789ABCDEF";
    char *encoded = arena_alloc(arena, value ? 3 * strlen(value) + 1 : 1), *out = encoded;
    if (!text_equal(name, "code") && !text_equal(name, "state") && !text_equal(name, "error") &&
        !text_equal(name, "error_description"))
        return MHD_YES;
    for (const char *at = value ? value : ""; *at; at++) {
        bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                        strchr("-._~", *at);
        if (is_plain) {
            *out++ = *at;
        } else {
            *out++ = '%';
            *out++ = hex[(unsigned char)*at >> 4];
            *out++ = hex[*at & 15];
        }
    }
    *out = '\0';
    q->text = arena_printf(arena, "%s%c%s=%s", q->text, strchr(q->text, '?') ? '&' : '?', name, encoded);
    return MHD_YES;
}

void entra_callback(struct request *r)
{
    struct query q = { r, "https://console.invalid" PATH "/callback" };
    const char *back, *id = way_back_unpack(r->arena, cookie(r), &back);
    if (!*id) {
        refuse(r, 400, "grant.expired", "this browser has begun no sign-in, or did so too long ago");
        return;
    }
    MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, gather, &q);
    request_ask_secret(r, ADMIN_PEER_VAULT, "oidc.finish", json_pack("{s:s}", "id", id), bytes_of(q.text));
    request_then(r, finished);
}
