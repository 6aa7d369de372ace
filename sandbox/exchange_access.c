/* Who may use which mailbox: the token (reference 3.6, 5.6), the two app-only models (4.4, 4.5), and SMTP AUTH itself (4.2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sandbox/exchange_private.h"

static const char disabled_tenant[] =
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
    "Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.";
static const char disabled_mailbox[] =
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
    "Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.";

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool has_word(const char *words, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = strcasestr(words, word); at != NULL; at = strcasestr(at + 1, word)) {
        if ((at == words || at[-1] == ' ') && (at[size] == 0 || at[size] == ' '))
            return true;
    }
    return false;
}

static bool has_role(const json_t *claims, const char *role)
{
    size_t i;
    json_t *at;
    json_array_foreach(json_object_get(claims, "roles"), i, at)
    {
        if (json_is_string(at) && strcmp(json_string_value(at), role) == 0)
            return true;
    }
    return false;
}

static bool is_exchange_audience(const char *audience)
{
    static const char *const accepted[] = { "https://outlook.office.com", "https://outlook.office365.com",
                                            "https://ps.outlook.com", "00000002-0000-0ff1-ce00-000000000000" };
    size_t size = strlen(audience);
    if (size > 0 && audience[size - 1] == '/')
        size--;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        if (strlen(accepted[i]) == size && strncasecmp(accepted[i], audience, size) == 0)
            return true;
    }
    return false;
}

static bool is_within_its_time(struct exchange_server *x, const json_t *claims)
{
    int64_t now_s = loop_wall_ms(x->sandbox->loop) / 1000;
    return now_s < json_integer_value(json_object_get(claims, "exp")) &&
           now_s >= json_integer_value(json_object_get(claims, "nbf"));
}

/* The claims, if the token is one of ours; a new reference. */
static json_t *open_token(struct exchange_server *x, struct bytes token)
{
    json_t *claims = entra_keyring_open(x->sandbox->keyring, token);
    if (claims != NULL)
        return claims;
    char *text = mem_strndup(token.data, token.size);
    claims = json_incref(grants_opaque_find(x->sandbox->grants, text));
    free(text);
    return claims;
}

/* A switch's word for one pair, such as "shop@…:invoices@…". */
static const char *pair_switch(struct exchange_server *x, enum switch_id id, const char *left, const char *right)
{
    char key[700];
    snprintf(key, sizeof key, "%s:%s", left, right);
    return switches_keyed(x->sandbox->switches, id, key);
}

static bool is_seeded(const char *const *names, const char *address)
{
    for (size_t i = 0; i < TENANT_NAMES_MAX && names[i] != NULL; i++) {
        if (tenant_address_equal(names[i], address))
            return true;
    }
    return false;
}

bool exchange_may_send_as(struct exchange_server *x, const struct exchange_identity *who, const char *address)
{
    if (user_is_alias(who->mailbox, address))
        return true;
    const char *trustee = who->signed_in != NULL ? who->signed_in->address : who->client->client_id;
    const char *set = pair_switch(x, SWITCH_SEND_AS, trustee, address);
    if (strcmp(set, "seeded") != 0)
        return strcmp(set, "on") == 0;
    return is_seeded(who->signed_in != NULL ? who->signed_in->send_as : who->client->mailboxes, address);
}

/* 5.6: one's own mailbox, or a shared one that one has SendAs on. */
static bool may_user_enter(struct exchange_server *x, const struct user *user, const struct user *mailbox)
{
    if (user == mailbox)
        return true;
    struct exchange_identity as_user = { .mailbox = user, .signed_in = user };
    return mailbox->is_shared && switches_is(x->sandbox->switches, SWITCH_SMTP_SHARED_USER, "accept") &&
           exchange_may_send_as(x, &as_user, mailbox->address);
}

static bool admit_user(struct exchange_server *x, const json_t *claims, struct exchange_identity *who)
{
    bool is_google = x->kind == EXCHANGE_GOOGLE;
    const struct user *user = user_find(text_of(claims, "upn"));
    const char *scope = is_google ? "https://mail.google.com/" : "SMTP.Send";
    if (user == NULL || !has_word(text_of(claims, "scp"), scope) || !may_user_enter(x, user, who->mailbox))
        return false;
    who->signed_in = user;
    return true;
}

/* 4.4: the Entra role makes Exchange look at service principal and mailbox permission. */
static bool admit_with_role(struct exchange_server *x, const char *oid, struct exchange_identity *who)
{
    const char *set = pair_switch(x, SWITCH_MAILBOX_PERMISSION, who->client->client_id, who->mailbox->address);
    if (strcmp(oid, who->client->object_id) != 0 || strcmp(set, "refused-at-login") == 0)
        return false;
    bool is_granted = strcmp(set, "granted") == 0 ||
                      (strcmp(set, "seeded") == 0 && who->client->model == CLIENT_MAILBOX_PERMISSION &&
                       is_seeded(who->client->mailboxes, who->mailbox->address));
    who->lacks_mailbox_permission = !is_granted;
    return true;
}

/* 4.5: without the role, an RBAC assignment whose scope has the mailbox in it. */
static bool admit_by_rbac(struct exchange_server *x, struct exchange_identity *who)
{
    const char *set = pair_switch(x, SWITCH_RBAC, who->client->client_id, who->mailbox->address);
    return strcmp(set, "in-scope") == 0 || (strcmp(set, "seeded") == 0 && who->client->model == CLIENT_RBAC &&
                                            is_seeded(who->client->mailboxes, who->mailbox->address));
}

static bool admit_app(struct exchange_server *x, const json_t *claims, struct exchange_identity *who)
{
    who->client = client_find(text_of(claims, "appid"));
    if (who->client == NULL)
        return false;
    const char *principal = switches_keyed(x->sandbox->switches, SWITCH_SERVICE_PRINCIPAL, who->client->client_id);
    if (strcmp(principal, "registered") != 0)
        return false;
    return has_role(claims, "SMTP.SendAsApp") ? admit_with_role(x, text_of(claims, "oid"), who) : admit_by_rbac(x, who);
}

static bool admit_claims(struct exchange_server *x, const json_t *claims, struct exchange_identity *who)
{
    bool is_google = x->kind == EXCHANGE_GOOGLE;
    if (claims == NULL || who->mailbox == NULL || !is_within_its_time(x, claims))
        return false;
    if (!is_google && !is_exchange_audience(text_of(claims, "aud")))
        return false;
    if (strcmp(text_of(claims, "tid"), who->mailbox->tenant->id) != 0)
        return false;
    return strcmp(text_of(claims, "idtyp"), "app") == 0 ? admit_app(x, claims, who) : admit_user(x, claims, who);
}

const char *exchange_smtp_auth_refusal(struct exchange_server *x, const struct user *mailbox)
{
    if (x->kind == EXCHANGE_GOOGLE)
        return NULL;
    struct switches *w = x->sandbox->switches;
    const char *own = switches_keyed(w, SWITCH_SMTP_AUTH_MAILBOX, mailbox->address);
    if (strcmp(own, "on") == 0)
        return NULL;
    if (strcmp(own, "off") == 0)
        return disabled_mailbox;
    bool is_on = strcmp(switches_keyed(w, SWITCH_SMTP_AUTH_TENANT, mailbox->tenant->domain), "on") == 0;
    if (is_on)
        return NULL;
    /* Personal accounts have no tenant that anybody could switch. */
    return mailbox->tenant->kind == TENANT_PERSONAL ? disabled_mailbox : disabled_tenant;
}

/* What the stored message tells of the token; never the token. */
static json_t *token_facts(const json_t *claims)
{
    static const char *const told[] = { "aud", "appid", "oid", "tid", "scp", "roles", "upn", "exp", "appidacr" };
    json_t *facts = json_object();
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (json_object_get(claims, told[i]) != NULL)
            json_object_set(facts, told[i], json_object_get(claims, told[i]));
    }
    return facts;
}

const char *exchange_admit(struct exchange_server *x, const char *user, struct bytes token,
                           struct exchange_identity *who)
{
    memset(who, 0, sizeof *who);
    who->mailbox = user_find(user);
    if (who->mailbox != NULL && !tenant_address_equal(who->mailbox->address, user))
        who->mailbox = NULL; /* an alias is no sign-in name */
    if (who->mailbox != NULL && (who->mailbox->tenant == &tenant_google) != (x->kind == EXCHANGE_GOOGLE))
        who->mailbox = NULL;
    const char *off = who->mailbox != NULL ? exchange_smtp_auth_refusal(x, who->mailbox) : NULL;
    if (off != NULL && switches_is(x->sandbox->switches, SWITCH_SMTP_AUTH_ORDER, "switch-first"))
        return off;
    json_t *claims = open_token(x, token);
    bool is_admitted = admit_claims(x, claims, who);
    if (is_admitted)
        who->facts = token_facts(claims);
    json_decref(claims);
    return is_admitted ? off : EXCHANGE_REFUSED;
}
