/* Providers, registrations, mailboxes, apps, endpoints, operators, keys: the queue role keeps them, the vault adds what it knows of their sign-in. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/map.h"
#include "base/text.h"

static json_t *key_json(const char *kind, const char *key)
{
    return json_pack("{s:s, s:s}", "kind", kind, "key", key);
}

void object_list_ask(struct request *r, const char *kind)
{
    const char *limit = request_query(r, "limit"), *cursor = request_query(r, "cursor");
    request_ask(r, ADMIN_PEER_QUEUE, "object.list",
                json_pack("{s:s, s:s*, s:s*}", "kind", kind, "limit", limit, "cursor", cursor));
}

static void object_list(struct request *r, const char *kind)
{
    object_list_ask(r, kind);
    request_then(r, respond_first);
}

static void object_get(struct request *r, const char *kind)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", key_json(kind, r->params[0]));
    request_then(r, respond_object_unless_known);
}

/* With what the queue role must mind beside. */
static json_t *change_json(struct request *r, const char *kind)
{
    json_t *in = key_json(kind, r->params[0]);
    if (r->keepers)
        json_object_set(in, "administrators_with_password", r->keepers);
    return in;
}

static void object_put(struct request *r, const char *kind)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    if (r->body.size == 0) { /* what was lost on its way must not make an object of nothing but defaults */
        respond_finding(r, 400, "api.json", "the body is missing: the %s as one JSON object", kind);
        return;
    }
    json_t *in = change_json(r, kind);
    json_object_set(in, "object", body);
    json_object_set_new(in, "is_new", json_boolean(text_equal(request_header(r, "If-None-Match"), "*")));
    etag_take(r, in);
    request_ask(r, ADMIN_PEER_QUEUE, "object.put", in);
    request_then(r, respond_object);
}

static void object_patch(struct request *r, const char *kind)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    json_t *in = change_json(r, kind);
    json_object_set(in, "changes", body);
    etag_take(r, in);
    request_ask(r, ADMIN_PEER_QUEUE, "object.patch", in);
    request_then(r, respond_object);
}

/* What the vault holds under the object's name goes last: an orphan there is harmless, a missing secret is not. */
static void forget_then_answer(struct request *r)
{
    static const struct {
        request_fn *of;
        const char *verb, *key;
    } forgets[] = {
        { registrations_delete, "registration.forget", "name" },
        { mailboxes_delete, "mailbox.forget", "address" },
        { apps_delete, "app.forget", "name" },
        { api_endpoints_delete, "endpoint.forget", "name" },
        { operators_delete, "operator.forget", "name" },
        { keys_delete, "key.forget", "name" },
    };
    if (r->asks[0].status >= 400) {
        respond_object(r);
        return;
    }
    for (size_t i = 0; i < sizeof forgets / sizeof *forgets; i++) {
        if (r->route->run != forgets[i].of)
            continue;
        request_ask(r, ADMIN_PEER_VAULT, forgets[i].verb, json_pack("{s:s}", forgets[i].key, r->params[0]));
        request_then(r, respond_first);
        return;
    }
    respond_first(r);
}

static void object_delete(struct request *r, const char *kind)
{
    json_t *in = change_json(r, kind);
    etag_take(r, in);
    request_ask(r, ADMIN_PEER_QUEUE, "object.remove", in);
    request_then(r, forget_then_answer);
}

#define OBJECT_HANDLERS(kinds, kind) \
    void kinds##_put(struct request *r) \
    { \
        object_put(r, kind); \
    } \
    void kinds##_patch(struct request *r) \
    { \
        object_patch(r, kind); \
    } \
    void kinds##_delete(struct request *r) \
    { \
        object_delete(r, kind); \
    }
#define OBJECT_READERS(kinds, kind) \
    void kinds##_list(struct request *r) \
    { \
        object_list(r, kind); \
    } \
    void kinds##_get(struct request *r) \
    { \
        object_get(r, kind); \
    }

OBJECT_HANDLERS(providers, "provider")
OBJECT_READERS(providers, "provider")
OBJECT_HANDLERS(registrations, "registration")
OBJECT_READERS(registrations, "registration")
OBJECT_HANDLERS(apps, "app")
OBJECT_READERS(apps, "app")
OBJECT_HANDLERS(keys, "key")
OBJECT_READERS(keys, "key")
OBJECT_HANDLERS(operator_object, "operator")
OBJECT_HANDLERS(mailboxes, "mailbox")
OBJECT_HANDLERS(api_endpoints, "endpoint")

/* A mailbox is shown with what the vault knows of its grant. While the vault is away the rest is still worth showing. */
static void mailbox_with_grant(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    if (r->asks[1].status == 200)
        json_object_set(r->asks[0].json, "grant_state", r->asks[1].json);
    respond_object(r);
}

void mailboxes_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", key_json("mailbox", r->params[0]));
    request_ask(r, ADMIN_PEER_VAULT, "grant.get", json_pack("{s:s}", "address", r->params[0]));
    request_then(r, mailbox_with_grant);
}

static void join_grants(struct request *r, json_t *mailboxes)
{
    struct map *grants = ask_index(&r->asks[1], "items", "address");
    size_t i;
    json_t *mailbox;
    json_array_foreach(mailboxes, i, mailbox)
    {
        json_t *grant = ask_index_get(r, grants, json_string_value(json_object_get(mailbox, "address")));
        if (grant)
            json_object_set(mailbox, "grant_state", grant);
    }
    map_free(grants);
}

static void mailboxes_with_grants(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    if (r->asks[1].status == 200)
        join_grants(r, json_object_get(r->asks[0].json, "items"));
    respond_first(r);
}

void mailboxes_list(struct request *r)
{
    object_list_ask(r, "mailbox");
    request_ask(r, ADMIN_PEER_VAULT, "grant.list", NULL);
    request_then(r, mailboxes_with_grants);
}
