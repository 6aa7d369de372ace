/* Operators' passwords and programs' keys; and that somebody can still get in. The queue role keeps the objects, the vault what they
 * show themselves with. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/secret.h"
#include "base/text.h"

/* ---- shown with what the vault knows ---- */

static bool has_password(const struct ask *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list->json, "items"), i, item)
    {
        if (text_equal_nocase(json_string_value(json_object_get(item, "name")), name))
            return json_is_true(json_object_get(item, "has_password"));
    }
    return false;
}

static void add_password_fact(const struct ask *list, json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    if (list->status == 200 && name)
        json_object_set_new(object, "has_password", json_boolean(has_password(list, name)));
}

/* While the vault is away the rest is still worth showing. */
static void shown_with_passwords(struct request *r)
{
    size_t i;
    json_t *item, *items;
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    items = json_object_get(r->asks[0].json, "items");
    json_array_foreach(items, i, item) add_password_fact(&r->asks[1], item);
    if (!items)
        add_password_fact(&r->asks[1], r->asks[0].json);
    respond_object(r);
}

void operators_list(struct request *r)
{
    object_list_ask(r, "operator");
    request_ask(r, ADMIN_PEER_VAULT, "operator.list", NULL);
    request_then(r, shown_with_passwords);
}

void operators_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "operator", "key", r->params[0]));
    request_ask(r, ADMIN_PEER_VAULT, "operator.list", NULL);
    request_then(r, shown_with_passwords);
}

/* ---- changed, with an administrator left ---- */

static json_t *operators_with_password(const struct ask *list)
{
    json_t *names = json_array();
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list->json, "items"), i, item)
    {
        if (json_is_true(json_object_get(item, "has_password")))
            json_array_append(names, json_object_get(item, "name"));
    }
    return names;
}

static void go_on(struct request *r)
{
    request_fn *change = r->known;
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    r->keepers = operators_with_password(&r->asks[0]);
    asks_forget(r);
    change(r);
}

/* Who is on the machine itself can always get back in; over the console nobody may lock everybody out. */
static void change_operator(struct request *r, request_fn *change)
{
    if (r->principal->kind == PRINCIPAL_LOCAL) {
        change(r);
        return;
    }
    r->known = change;
    request_ask(r, ADMIN_PEER_VAULT, "operator.list", NULL);
    request_then(r, go_on);
}

void operators_put(struct request *r)
{
    change_operator(r, operator_object_put);
}

void operators_patch(struct request *r)
{
    change_operator(r, operator_object_patch);
}

void operators_delete(struct request *r)
{
    change_operator(r, operator_object_delete);
}

/* ---- passwords ---- */

/* Whoever else is signed in with the old one is so no more. */
static void password_set(struct request *r)
{
    if (respond_unless_ok(r, &r->asks[0])) {
        sessions_end_of(r->admin->sessions, r->params[0], r->session);
        respond_first(r);
    }
}

static void set_password(struct request *r)
{
    asks_forget(r);
    request_ask_secret(r, ADMIN_PEER_VAULT, "operator.password", json_pack("{s:s}", "name", r->params[0]), r->taken);
    wipe_taken(r->taken);
    r->taken = BYTES_NONE;
    request_then(r, password_set);
}

static void own_password_checked(struct request *r)
{
    if (respond_unless_checked(r, &r->asks[0], "console.password", "the present password is wrong"))
        set_password(r);
}

static void operator_found(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    bool is_own = r->principal->kind == PRINCIPAL_OPERATOR && text_equal_nocase(r->principal->name, r->params[0]);
    if (!is_own) {
        set_password(r);
        return;
    }
    asks_forget(r);
    struct bytes current = take_secret(r, r->json, "current");
    request_ask_secret(r, ADMIN_PEER_VAULT, "operator.check",
                       json_pack("{s:s, s:s}", "name", r->principal->name, "host", r->host), current);
    wipe_taken(current);
    request_then(r, own_password_checked);
}

/* One's own with the present one: a browser that somebody walked away from is not enough to take the account over. An operator may
 * do no more than that. */
void operators_password(struct request *r)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    bool is_own = r->principal->kind == PRINCIPAL_OPERATOR && text_equal_nocase(r->principal->name, r->params[0]);
    if (!is_own && !(r->principal->rights & RIGHT_ADMIN)) {
        respond_finding(r, 403, "console.right", "%s lacks the right 'admin'", r->principal->name);
        return;
    }
    r->taken = take_secret(r, body, "password");
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "operator", "key", r->params[0]));
    request_then(r, operator_found);
}

/* ---- keys ---- */

static void key_made(struct request *r)
{
    if (r->asks[0].status < 400)
        people_secret_changed(r->admin, PRINCIPAL_KEY, r->params[0]);
    respond_secret_once(r, "key");
}

static void key_found(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    asks_forget(r);
    request_ask(r, ADMIN_PEER_VAULT, "key.new", json_pack("{s:s}", "name", r->params[0]));
    request_then(r, key_made);
}

void keys_secret(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "key", "key", r->params[0]));
    request_then(r, key_found);
}
