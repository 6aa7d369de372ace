/* May this user sign in, here, with this client; and what did the switches do to the account? */
#include <string.h>

#include "sandbox/entra_private.h"

struct user_state {
    const char *name;
    unsigned code;
};

static const struct user_state states[] = {
    { "disabled", 50057 },
    { "deleted", 50034 },
    { "locked", 50053 },
    { "mfa", 50076 },
    { "mfa-registration", 50079 },
    { "password-expired", 50055 },
    { "sign-in-frequency", 70043 },
    { "blocked-by-policy", 53003 },
    { "device-required", 53000 },
    { "risk", 53011 },
    { "unassigned", 50105 },
};

bool entra_user_may(struct entra_call *c, const struct client *client, const struct user *user)
{
    const char *state = switches_keyed(c->sandbox->switches, SWITCH_USER_STATE, user->address);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i].name, state) != 0)
            continue;
        unsigned code = states[i].code;
        if (code == 50034)
            return entra_refuse(&c->refusal, code, user->address, user->tenant->title, NULL);
        entra_refuse(&c->refusal, code, code == 50105 ? client->client_id : "00000002-0000-0ff1-ce00-000000000000",
                     user->address, NULL);
        const char *claims = switches_text(c->sandbox->switches, SWITCH_TOKEN_CLAIMS);
        c->refusal.claims = strcmp(claims, "none") != 0 ? claims : NULL;
        return false;
    }
    if (user->is_shared) /* shared mailboxes are disabled accounts */
        return entra_refuse(&c->refusal, 50057, NULL, NULL, NULL);
    return true;
}

bool entra_user_fits(struct entra_call *c, const struct client *client, const struct user *user)
{
    bool is_personal = user->tenant->kind == TENANT_PERSONAL;
    if (is_personal && (strcmp(c->authority, "organizations") == 0 || client->audience != CLIENT_EVERYONE))
        return entra_refuse(&c->refusal, 500208, NULL, NULL, NULL);
    if (!is_personal && c->tenant == &tenant_consumers)
        return entra_refuse(&c->refusal, 500208, NULL, NULL, NULL);
    if (c->tenant != NULL && c->tenant != user->tenant)
        return entra_refuse(&c->refusal, 50020, user->address, user->tenant->domain, c->tenant->title);
    return true;
}
