/* Signing a mailbox in: the vault makes and checks everything, the asker carries addresses between it and a browser. */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/secret.h"
#include "base/text.h"

/* Sign-in pages take plain HTTP for the name localhost only, with any port (RFC 8252 7.3). */
char *authorize_callback_url(const struct admin *a)
{
    static const char *const loopback[] = { "http://127.0.0.1", "http://[::1]" };
    char *root = conf_console_url(a->conf, a->bound);
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++) {
        size_t size = strlen(loopback[i]);
        if (strncmp(root, loopback[i], size) == 0 && (root[size] == ':' || root[size] == '\0')) {
            char *named = mem_printf("http://localhost%s", root + size);
            free(root);
            root = named;
        }
    }
    char *url = mem_printf("%s/authorize/callback", root);
    free(root);
    return url;
}

/* Back to this console, where the page of the callback carries the address on. */
static json_t *at_console(const struct request *r, json_t *start /* given */)
{
    char *callback = authorize_callback_url(r->admin);
    json_object_set_new(start, "redirect_uri", json_string(callback));
    free(callback);
    return start;
}

void mailbox_authorize(struct request *r)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    json_object_set_new(body, "address", json_string(r->params[0]));
    if (text_equal(json_string_value(json_object_get(body, "method")), "console"))
        at_console(r, body);
    request_ask(r, ADMIN_PEER_VAULT, "authorize.start", json_incref(body));
    request_then(r, respond_first);
}

/* The mailbox is signed in; who did it stands in the audit once, however many wait. Only the vault knows which mailbox it was. */
static void authorized(struct request *r)
{
    json_t *json = r->asks[0].json;
    const char *address = json_string_value(json_object_get(json, "address"));
    r->about = address ? arena_strdup(r->arena, address) : "";
    r->is_news = json_is_true(json_object_get(json, "is_news"));
    json_object_del(json, "is_news");
    respond_first(r);
}

/* The redirected address carries the code, so it travels as a secret. */
void authorizations_finish(struct request *r)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    struct bytes redirected = take_secret(r, body, "redirected");
    request_ask_secret(r, ADMIN_PEER_VAULT, "authorize.finish", json_pack("{s:s}", "id", r->params[0]), redirected);
    wipe_taken(redirected);
    request_then(r, authorized);
}

void authorizations_wait(struct request *r)
{
    request_ask_long(r, ADMIN_PEER_VAULT, "authorize.wait", json_pack("{s:s}", "id", r->params[0]));
    request_then(r, authorized);
}

/* Nobody has to be signed in: the state in the address is known to nobody else. */
void authorizations_land(struct request *r)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    struct bytes redirected = take_secret(r, body, "redirected");
    request_ask_secret(r, ADMIN_PEER_VAULT, "authorize.land", NULL, redirected);
    wipe_taken(redirected);
    request_then(r, authorized);
}

/* ---- by the mailbox's owner, who has a link and nothing else ---- */

static void link_made(struct request *r)
{
    struct ask *k = &r->asks[0];
    if (!respond_unless_ok(r, k))
        return;
    struct bytes token = secret_bytes(k->secret);
    char *root = conf_console_url(r->admin->conf, r->admin->bound);
    char *url = mem_printf("%s/owner/%.*s", root, (int)token.size, (const char *)token.data);
    json_object_set_new(k->json, "url", json_string(url));
    secret_wipe(url, strlen(url));
    free(url);
    free(root);
    respond_first(r);
}

void mailbox_owner_link(struct request *r)
{
    if (!r->admin->console) {
        respond_finding(r, 409, "console.off",
                        "console.address is none, so there is nothing that a link could lead to");
        return;
    }
    request_ask(r, ADMIN_PEER_VAULT, "owner.link", json_pack("{s:s}", "address", r->params[0]));
    request_then(r, link_made);
}

static void look_then(struct request *r, request_fn *then)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    struct bytes token = take_secret(r, body, "token");
    request_ask_secret(r, ADMIN_PEER_VAULT, "owner.look", NULL, token);
    wipe_taken(token);
    request_then(r, then);
}

void owner_look(struct request *r)
{
    look_then(r, respond_first);
}

/* The mailbox is the link's, whatever else the body says. */
static json_t *of_link(struct request *r)
{
    json_t *address = json_incref(json_object_get(r->asks[0].json, "address"));
    asks_forget(r);
    r->about = arena_strdup(r->arena, json_string_value(address));
    return json_pack("{s:o}", "address", address);
}

static void start_looked_up(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    json_t *start = of_link(r);
    const char *method = json_string_value(json_object_get(r->json, "method"));
    bool is_device = text_equal(method, "device");
    json_object_set_new(start, "method", json_string(is_device ? "device" : "console"));
    request_ask(r, ADMIN_PEER_VAULT, "authorize.start", is_device ? start : at_console(r, start));
    request_then(r, respond_first);
}

void owner_start(struct request *r)
{
    look_then(r, start_looked_up);
}

static void wait_looked_up(struct request *r)
{
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    json_t *wait = of_link(r), *id = json_object_get(r->json, "id");
    json_object_set(wait, "id", json_is_string(id) ? id : json_object_get(wait, "address"));
    request_ask_long(r, ADMIN_PEER_VAULT, "authorize.wait", wait);
    request_then(r, authorized);
}

void owner_wait(struct request *r)
{
    look_then(r, wait_looked_up);
}
