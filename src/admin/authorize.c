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

void mailbox_authorize(struct request *r)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    json_object_set_new(body, "address", json_string(r->params[0]));
    request_ask(r, ADMIN_PEER_VAULT, "authorize.start", json_incref(body));
    request_then(r, respond_first);
}

/* The redirected address carries the code, so it travels as a secret. */
void authorizations_finish(struct request *r)
{
    json_t *body = request_json(r);
    if (!body)
        return;
    const char *redirected = json_string_value(json_object_get(body, "redirected"));
    if (!redirected) {
        respond_problem(r, 400, "No address", "the body needs the redirected address as text \"redirected\"");
        return;
    }
    request_ask_secret(r, ADMIN_PEER_VAULT, "authorize.finish", json_pack("{s:s}", "id", r->params[0]),
                       bytes_of(redirected));
    request_then(r, respond_first);
}

void authorizations_wait(struct request *r)
{
    request_ask_long(r, ADMIN_PEER_VAULT, "authorize.wait", json_pack("{s:s}", "id", r->params[0]));
    request_then(r, respond_first);
}
