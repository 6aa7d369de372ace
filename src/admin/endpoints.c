/* Endpoints: the queue keeps them and counts their mail, the vault keeps their keys, the inbox role knows how their folders do. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/secret.h"
#include "base/text.h"

enum { OBJECTS, COUNTS, WATCHES, KEYS };

/* After the endpoints themselves. */
static void ask_others(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.stats", NULL);
    request_ask(r, ADMIN_PEER_INBOX, "inbox.state", NULL);
    request_ask(r, ADMIN_PEER_VAULT, "endpoint.list", NULL);
}

json_t *endpoint_line_of(const struct ask *k, const char *name)
{
    size_t i;
    json_t *item;
    if (k->status != 200)
        return NULL;
    json_array_foreach(json_object_get(k->json, "items"), i, item)
    {
        const char *other = json_string_value(json_object_get(item, "endpoint"));
        if (other && text_equal_nocase(other, name))
            return item;
    }
    return NULL;
}

/* While the inbox role or the vault is away the rest is still worth showing. */
static void join(struct request *r, json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    json_t *counts = name ? endpoint_line_of(&r->asks[COUNTS], name) : NULL;
    json_t *watch = name ? endpoint_line_of(&r->asks[WATCHES], name) : NULL;
    if (counts) {
        json_object_set(object, "waiting", json_object_get(counts, "waiting"));
        json_object_set(object, "parked", json_object_get(counts, "parked"));
    }
    if (watch)
        json_object_set(object, "watch_state", watch);
    json_t *key = name ? endpoint_line_of(&r->asks[KEYS], name) : NULL;
    if (key)
        json_object_set(object, "has_key", json_object_get(key, "has_key"));
}

static void one_joined(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[OBJECTS]))
        return;
    join(r, r->asks[OBJECTS].json);
    respond_object(r);
}

void api_endpoints_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "endpoint", "key", r->params[0]));
    ask_others(r);
    request_then(r, one_joined);
}

static void all_joined(struct request *r)
{
    size_t i;
    json_t *item;
    if (!respond_unless_ok(r, &r->asks[OBJECTS]))
        return;
    json_array_foreach(json_object_get(r->asks[OBJECTS].json, "items"), i, item) join(r, item);
    respond_first(r);
}

void api_endpoints_list(struct request *r)
{
    object_list_ask(r, "endpoint");
    ask_others(r);
    request_then(r, all_joined);
}

static void key_once(struct request *r)
{
    respond_secret_once(r, "key");
}

static void ask_for_key(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    asks_forget(r);
    struct bytes wanted = take_secret(r, request_json(r), "key");
    request_ask_secret(r, ADMIN_PEER_VAULT, "endpoint.key", json_pack("{s:s}", "name", r->params[0]), wanted);
    if (wanted.size)
        secret_wipe((void *)(uintptr_t)wanted.data, wanted.size);
    request_then(r, key_once);
}

/* A key without an endpoint would lie in the vault for nobody. */
void endpoint_key(struct request *r)
{
    if (!request_json(r))
        return;
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "endpoint", "key", r->params[0]));
    request_then(r, ask_for_key);
}

static void last_line(struct request *r)
{
    struct ask *k = &r->asks[0];
    if (k->json && k->status >= 400)
        json_object_set_new(k->json, "ok", json_false());
    char *line = k->json ? json_dumps(k->json, JSON_COMPACT) : NULL;
    stream_push(r, line ? line : "{\"ok\":false}");
    free(line);
    stream_end(r);
}

static void start_test(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    asks_forget(r);
    request_ask_long(r, ADMIN_PEER_INBOX, "endpoint.test", json_pack("{s:s}", "name", r->params[0]));
    request_then(r, last_line);
    respond_stream(r, "application/x-ndjson");
}

/* Once the steps go out there is no status any more to say that there is no such endpoint. */
void endpoint_test(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "endpoint", "key", r->params[0]));
    request_then(r, start_test);
}

static void set_paused(struct request *r, bool is_paused)
{
    json_t *in = json_pack("{s:s, s:s, s:{s:b}}", "kind", "endpoint", "key", r->params[0], "changes", "is_paused",
                           (int)is_paused);
    request_ask(r, ADMIN_PEER_QUEUE, "object.patch", in);
    request_then(r, respond_object);
}

void endpoint_pause(struct request *r)
{
    set_paused(r, true);
}

void endpoint_resume(struct request *r)
{
    set_paused(r, false);
}
