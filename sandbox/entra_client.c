/* Who calls the token endpoint: is there such a registration, may it be used here, and does it prove itself? */
#include <string.h>

#include "sandbox/entra_private.h"

bool entra_client_is_in_authority(struct entra_call *c, const struct client *client)
{
    if (client->audience == CLIENT_ONE_TENANT) {
        if (c->tenant == NULL) /* common, organizations */
            return entra_refuse(&c->refusal, 50194, client->client_id, client->title, NULL);
        if (c->tenant != client->tenant)
            return entra_refuse(&c->refusal, 700016, client->client_id, c->tenant->title, NULL);
    }
    if (client->audience == CLIENT_WORK && c->tenant != NULL && c->tenant->kind == TENANT_PERSONAL)
        return entra_refuse(&c->refusal, 90130, client->client_id, client->title, NULL);
    return true;
}

const struct client *entra_client_named(struct entra_call *c, const char *client_id)
{
    const char *where = c->tenant != NULL ? c->tenant->title : "Microsoft Accounts";
    if (*client_id == 0) {
        entra_refuse(&c->refusal, 900144, "client_id", NULL, NULL);
        return NULL;
    }
    const struct client *client = client_find(client_id);
    const char *state = client != NULL ? switches_keyed(c->sandbox->switches, SWITCH_CLIENT_STATE, client->client_id)
                                       : "missing";
    if (client == NULL || client->audience == CLIENT_GOOGLE || strcmp(state, "missing") == 0) {
        entra_refuse(&c->refusal, 700016, client_id, where, NULL);
        return NULL;
    }
    if (strcmp(state, "disabled") == 0) {
        entra_refuse(&c->refusal, 7000112, client->client_id, client->title, NULL);
        return NULL;
    }
    return entra_client_is_in_authority(c, client) ? client : NULL;
}

static bool check_secret(struct entra_call *c, const struct client *client, const char *secret)
{
    const char *state = switches_keyed(c->sandbox->switches, SWITCH_CLIENT_SECRET, client->client_id);
    if (client->secret == NULL || strcmp(client->secret, secret) != 0 || strcmp(state, "changed") == 0)
        return entra_refuse(&c->refusal, 7000215, client->client_id, NULL, NULL);
    if (strcmp(state, "expired") == 0)
        return entra_refuse(&c->refusal, 7000222, client->client_id, NULL, NULL);
    return true;
}

bool entra_client_login(struct entra_call *c, const struct client *client, bool is_public)
{
    const char *basic_user = NULL, *basic_secret = NULL;
    bool is_basic = web_basic_auth(c->rq, &basic_user, &basic_secret);
    const char *secret = web_params_get(&c->rq->form, "client_secret");
    const char *assertion = web_params_get(&c->rq->form, "client_assertion");
    if ((secret != NULL) + (assertion != NULL) + is_basic > 1)
        return entra_refuse(&c->refusal, 90023, "Only one client credential may be presented.", NULL, NULL);
    bool is_presented = secret != NULL || assertion != NULL || is_basic;
    if (is_public && is_presented)
        return entra_refuse(&c->refusal, 700025, NULL, NULL, NULL);
    if (is_public)
        return true;
    if (!is_presented)
        return entra_refuse(&c->refusal, 7000218, NULL, NULL, NULL);
    if (assertion == NULL)
        return check_secret(c, client, secret != NULL ? secret : basic_secret);
    const char *type = web_params_text(&c->rq->form, "client_assertion_type");
    if (*type == 0)
        return entra_refuse(&c->refusal, 900144, "client_assertion_type", NULL, NULL);
    if (strcmp(type, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") != 0)
        return entra_refuse(&c->refusal, 90100, "client_assertion_type", NULL, NULL);
    return entra_assertion_check(c, client, assertion);
}
