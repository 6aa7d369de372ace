/* Secrets on their way in, and app passwords on their single way out. JSON text that held one is wiped with its buffer. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/secret.h"

struct bytes take_secret(struct request *r, json_t *body, const char *name)
{
    json_t *member = json_object_get(body, name);
    if (!json_is_string(member))
        return BYTES_NONE;
    size_t size = json_string_length(member);
    char *copy = arena_strndup(r->arena, json_string_value(member), size);
    secret_wipe((char *)(uintptr_t)json_string_value(member), size);
    json_object_del(body, name);
    return (struct bytes){ (const uint8_t *)copy, size };
}

void wipe_taken(struct bytes secret)
{
    if (secret.size)
        secret_wipe((void *)(uintptr_t)secret.data, secret.size);
}

/* A secret without its owner would lie in the vault for nobody: who keeps the objects is asked first. */
static void ask_for_owner(struct request *r, const char *kind, request_fn *then)
{
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", kind, "key", r->params[0]));
    request_then(r, then);
}

static void ask_with_secret(struct request *r, const char *verb, const char *key, request_fn *then)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    asks_forget(r);
    request_ask_secret(r, ADMIN_PEER_VAULT, verb, json_pack("{s:s}", key, r->params[0]), r->taken);
    wipe_taken(r->taken);
    r->taken = BYTES_NONE;
    request_then(r, then);
}

static bool take_from_body(struct request *r, const char *member)
{
    json_t *body = request_json(r);
    if (body)
        r->taken = take_secret(r, body, member);
    return body != NULL;
}

static void keep_secret(struct request *r)
{
    ask_with_secret(r, "registration.secret", "name", respond_first);
}

void registration_secret(struct request *r)
{
    if (take_from_body(r, "secret"))
        ask_for_owner(r, "registration", keep_secret);
}

static void keep_password(struct request *r)
{
    ask_with_secret(r, "mailbox.password", "address", respond_first);
}

void mailbox_password(struct request *r)
{
    if (take_from_body(r, "password"))
        ask_for_owner(r, "mailbox", keep_password);
}

void daemon_rekey(struct request *r)
{
    if (!take_from_body(r, "key"))
        return;
    request_ask_secret(r, ADMIN_PEER_VAULT, "vault.rekey", NULL, r->taken);
    wipe_taken(r->taken);
    r->taken = BYTES_NONE;
    request_then(r, respond_first);
}

/* The vault keeps the key; the public part becomes part of the registration, where everybody may read it. */
static void certificate_into_registration(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    json_t *in = json_pack("{s:s, s:s, s:o}", "kind", "registration", "key", r->params[0], "changes",
                           json_deep_copy(r->asks[0].json));
    json_object_set_new(json_object_get(in, "changes"), "credential", json_string("certificate"));
    asks_forget(r);
    request_ask(r, ADMIN_PEER_QUEUE, "object.patch", in);
    request_then(r, respond_object);
}

static void keep_certificate(struct request *r)
{
    ask_with_secret(r, "registration.certificate", "name", certificate_into_registration);
}

void registration_certificate(struct request *r)
{
    if (take_from_body(r, "pem"))
        ask_for_owner(r, "registration", keep_certificate);
}

void mailbox_grant(struct request *r)
{
    request_ask(r, ADMIN_PEER_VAULT, "grant.get", json_pack("{s:s}", "address", r->params[0]));
    request_then(r, respond_first);
}

void respond_secret_once(struct request *r, const char *member)
{
    struct ask *k = &r->asks[0];
    if (!respond_unless_ok(r, k))
        return;
    struct bytes secret = secret_bytes(k->secret);
    json_object_set_new(k->json, member, json_stringn((const char *)secret.data, secret.size));
    respond_first(r);
}

static void password_once(struct request *r)
{
    if (r->asks[0].status < 400)
        people_secret_changed(r->admin, PRINCIPAL_APP, r->params[0]);
    respond_secret_once(r, "password");
}

static void make_password(struct request *r)
{
    ask_with_secret(r, "app.password", "name", password_once);
}

void app_password(struct request *r)
{
    ask_for_owner(r, "app", make_password);
}
