/* Client credentials (reference 2.7): for a registration that acts as itself. */
#include <string.h>
#include <strings.h>

#include "sandbox/entra_private.h"

json_t *entra_grant_app(struct entra_call *c)
{
    const char *basic_id = "", *basic_secret = "";
    const char *client_id = web_params_text(&c->rq->form, "client_id");
    const char *scope = web_params_text(&c->rq->form, "scope");
    struct entra_scopes scopes;
    if (*client_id == 0 && web_basic_auth(c->rq, &basic_id, &basic_secret))
        client_id = basic_id;
    if (c->tenant == NULL || c->tenant == &tenant_consumers) {
        entra_refuse(&c->refusal, 50059, NULL, NULL, NULL);
        return NULL;
    }
    const struct client *client = entra_client_named(c, client_id);
    if (client == NULL || !entra_client_login(c, client, false))
        return NULL;
    if (*scope == 0) {
        entra_refuse(&c->refusal, 900144, "scope", NULL, NULL);
        return NULL;
    }
    entra_scopes_parse(scope, c->rq->arena, &scopes);
    if (scopes.count != 1 || strcasecmp(scopes.items[0].name, ".default") != 0 || scopes.openid || scopes.offline) {
        entra_refuse(&c->refusal, scopes.count > 1 ? 70011 : 1002012, scope, NULL, NULL);
        return NULL;
    }
    if (scopes.items[0].resource == NULL) {
        entra_refuse(&c->refusal, 500011, scopes.items[0].uri, c->tenant->title, NULL);
        return NULL;
    }
    return entra_issue_app(c, client, &scopes.items[0]);
}
