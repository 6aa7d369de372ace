/* The token endpoint: the checks every request passes, and the table of grants. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/entra_private.h"

struct token_grant {
    const char *name;
    const char *label; /* for counters */
    entra_grant_fn *run;
};

static const struct token_grant token_grants[] = {
    { "authorization_code", "token.code", entra_grant_code },
    { "refresh_token", "token.refresh", entra_grant_refresh },
    { "urn:ietf:params:oauth:grant-type:device_code", "token.device", entra_grant_device },
    { "client_credentials", "token.app", entra_grant_app },
    { "password", "token.password", entra_grant_password },
};

static const struct token_grant *find_grant(const char *name)
{
    for (size_t i = 0; i < sizeof token_grants / sizeof *token_grants; i++) {
        if (strcmp(token_grants[i].name, name) == 0)
            return &token_grants[i];
    }
    return NULL;
}

/* token.error: every request is refused with one code of the table. */
static bool is_forced_to_fail(struct entra_call *c)
{
    struct switches *s = c->sandbox->switches;
    if (switches_is(s, SWITCH_TOKEN_ERROR, "none"))
        return false;
    unsigned code = (unsigned)strtoul(switches_take(s, SWITCH_TOKEN_ERROR), NULL, 10);
    entra_refuse(&c->refusal, code, "a", "b", "c");
    const char *claims = switches_text(s, SWITCH_TOKEN_CLAIMS);
    if (strcmp(claims, "none") != 0)
        c->refusal.claims = claims;
    return true;
}

static bool check_request(struct entra_call *c)
{
    const struct web_params *form = &c->rq->form;
    static const char *const once[] = { "grant_type", "client_id", "code", "refresh_token", "client_secret", "scope" };
    if (form->is_malformed)
        return entra_refuse(&c->refusal, 9002313, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        if (web_params_times(form, once[i]) > 1)
            return entra_refuse(&c->refusal, 9002313, NULL, NULL, NULL);
    }
    if (web_params_get(form, "resource") != NULL)
        return entra_refuse(&c->refusal, 901002, NULL, NULL, NULL);
    if (*web_params_text(form, "grant_type") == 0)
        return entra_refuse(&c->refusal, 900144, "grant_type", NULL, NULL);
    return true;
}

static void note_request(struct entra_call *c, const char *client_id)
{
    const struct web_params *form = &c->rq->form;
    json_object_set_new(c->note, "kind", json_string("token"));
    json_object_set_new(c->note, "tenant", json_string(c->authority));
    json_object_set_new(c->note, "grant", json_string(web_params_text(form, "grant_type")));
    json_object_set_new(c->note, "client", json_string(client_id));
    json_object_set_new(c->note, "scope", json_string(web_params_text(form, "scope")));
    json_t *fields = json_array(); /* names only: most values are secrets */
    for (size_t i = 0; i < form->count; i++)
        json_array_append_new(fields, json_string(form->items[i].name));
    json_object_set_new(c->note, "fields", fields);
}

void entra_token(struct entra_call *c)
{
    const char *client_id = web_params_text(&c->rq->form, "client_id");
    note_request(c, client_id);
    json_t *body = NULL;
    const struct token_grant *grant = find_grant(web_params_text(&c->rq->form, "grant_type"));
    if (grant != NULL)
        activity_count(c->sandbox->activity, grant->label, client_id);
    if (!is_forced_to_fail(c) && check_request(c)) {
        if (grant != NULL)
            body = grant->run(c);
        else
            entra_refuse(&c->refusal, 70003, web_params_text(&c->rq->form, "grant_type"), NULL, NULL);
    }
    if (body != NULL)
        web_reply_json(c->re, 200, body);
    else
        entra_reply_refusal(c);
    activity_count(c->sandbox->activity, body != NULL ? "token.issued" : "token.refused", client_id);
}

json_t *entra_grant_password(struct entra_call *c)
{
    if (strcmp(c->authority, "common") == 0 || c->tenant == &tenant_consumers)
        entra_refuse(&c->refusal, 9001023, NULL, NULL, NULL);
    else /* Microsoft advises against this grant; here every account wants a second factor */
        entra_refuse(&c->refusal, 50076, "00000002-0000-0ff1-ce00-000000000000", NULL, NULL);
    return NULL;
}
