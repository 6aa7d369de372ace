/* The token (reference 3.6, 5.6) and the two app-only models (4.4, 4.5). */
#include "sandbox/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/text.h"
#include "sandbox/sandbox_private.h"

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

static bool is_within_its_time(struct sandbox *sb, const json_t *claims)
{
    int64_t now_s = loop_wall_ms(sb->loop) / 1000;
    return now_s < json_integer_value(json_object_get(claims, "exp")) &&
           now_s >= json_integer_value(json_object_get(claims, "nbf"));
}

/* The claims, if the token is one of ours; a new reference. */
static json_t *open_token(struct sandbox *sb, struct bytes token)
{
    json_t *claims = entra_keyring_open(sb->keyring, token);
    if (claims != NULL)
        return claims;
    char *text = mem_strndup(token.data, token.size);
    claims = json_incref(grants_opaque_find(sb->grants, text));
    free(text);
    return claims;
}

/* A switch's word for one pair, such as "shop@…:invoices@…". */
static const char *pair_switch(struct sandbox *sb, enum switch_id id, const char *left, const char *right)
{
    char key[700];
    snprintf(key, sizeof key, "%s:%s", left, right);
    return switches_keyed(sb->switches, id, key);
}

static bool is_seeded(const char *const *names, const char *address)
{
    for (size_t i = 0; i < TENANT_NAMES_MAX && names[i] != NULL; i++) {
        if (tenant_address_equal(names[i], address))
            return true;
    }
    return false;
}

bool access_may_send_as(struct sandbox *sb, const struct access_identity *who, const char *address)
{
    if (user_is_alias(who->mailbox, address))
        return true;
    const char *trustee = who->signed_in != NULL ? who->signed_in->address : who->client->client_id;
    const char *set = pair_switch(sb, SWITCH_SEND_AS, trustee, address);
    if (strcmp(set, "seeded") != 0)
        return strcmp(set, "on") == 0;
    return is_seeded(who->signed_in != NULL ? who->signed_in->send_as : who->client->mailboxes, address);
}

/* SMTP: one's own mailbox, or a shared one that one has SendAs on. */
static bool may_user_send(struct sandbox *sb, const struct user *user, const struct user *mailbox)
{
    if (user == mailbox)
        return true;
    struct access_identity as_user = { .mailbox = user, .signed_in = user };
    return mailbox->is_shared && switches_is(sb->switches, SWITCH_SMTP_SHARED_USER, "accept") &&
           access_may_send_as(sb, &as_user, mailbox->address);
}

/* 5.6: IMAP and POP3 take a shared mailbox's address; without FullAccess the token is good but nothing is connected. */
static bool may_user_read(struct sandbox *sb, const struct user *user, struct access_identity *who)
{
    if (user == who->mailbox)
        return true;
    const char *set = pair_switch(sb, SWITCH_MAILBOX_PERMISSION, user->address, who->mailbox->address);
    bool is_granted = strcmp(set, "granted") == 0 ||
                      (strcmp(set, "seeded") == 0 && is_seeded(user->full_access, who->mailbox->address));
    who->lacks_mailbox_permission = !is_granted;
    return is_granted || (who->mailbox->is_shared && strcmp(set, "refused-at-login") != 0);
}

static bool admit_user(const struct access_door *door, const json_t *claims, struct access_identity *who)
{
    static const char *const scopes[] = {
        [ACCESS_SMTP] = "SMTP.Send", [ACCESS_IMAP] = "IMAP.AccessAsUser.All", [ACCESS_POP3] = "POP.AccessAsUser.All"
    };
    const struct user *user = user_find(text_of(claims, "upn"));
    const char *scope = door->is_google ? "https://mail.google.com/" : scopes[door->protocol];
    if (user == NULL || who->mailbox == NULL || !has_word(text_of(claims, "scp"), scope))
        return false;
    who->signed_in = user;
    return door->protocol == ACCESS_SMTP ? may_user_send(door->sandbox, user, who->mailbox)
                                         : may_user_read(door->sandbox, user, who);
}

/* 4.4: the Entra role makes Exchange look at service principal and mailbox permission. */
static bool admit_with_role(struct sandbox *sb, const char *oid, struct access_identity *who)
{
    const char *address = who->mailbox != NULL ? who->mailbox->address : "";
    const char *set = pair_switch(sb, SWITCH_MAILBOX_PERMISSION, who->client->client_id, address);
    if (strcmp(oid, who->client->object_id) != 0 || strcmp(set, "refused-at-login") == 0)
        return false;
    bool is_granted = strcmp(set, "granted") == 0 ||
                      (strcmp(set, "seeded") == 0 && who->client->model == CLIENT_MAILBOX_PERMISSION &&
                       is_seeded(who->client->mailboxes, address));
    who->lacks_mailbox_permission |= !is_granted;
    return true;
}

/* 4.5: without the role, an RBAC assignment whose scope has the mailbox in it; only SMTP has such a role. */
static bool admit_by_rbac(const struct access_door *door, const struct access_identity *who)
{
    if (door->protocol != ACCESS_SMTP)
        return false;
    const char *set = pair_switch(door->sandbox, SWITCH_RBAC, who->client->client_id, who->mailbox->address);
    return strcmp(set, "in-scope") == 0 || (strcmp(set, "seeded") == 0 && who->client->model == CLIENT_RBAC &&
                                            is_seeded(who->client->mailboxes, who->mailbox->address));
}

static bool admit_app(const struct access_door *door, const json_t *claims, struct access_identity *who)
{
    static const char *const roles[] = {
        [ACCESS_SMTP] = "SMTP.SendAsApp", [ACCESS_IMAP] = "IMAP.AccessAsApp", [ACCESS_POP3] = "POP.AccessAsApp"
    };
    struct sandbox *sb = door->sandbox;
    who->client = client_find(text_of(claims, "appid"));
    if (who->client == NULL)
        return false;
    const char *principal = switches_keyed(sb->switches, SWITCH_SERVICE_PRINCIPAL, who->client->client_id);
    bool is_wrong_object = strcmp(principal, "wrong-object-id") == 0;
    if (strcmp(principal, "registered") != 0 && (!is_wrong_object || door->protocol == ACCESS_SMTP))
        return false;
    who->lacks_mailbox_permission = is_wrong_object;
    if (!has_role(claims, roles[door->protocol]))
        return admit_by_rbac(door, who);
    return admit_with_role(sb, text_of(claims, "oid"), who);
}

/* An address where no mailbox is may be named by an app's token only, and not to SMTP. */
static bool is_in_tenant(const struct access_door *door, const json_t *claims, const struct access_identity *who)
{
    if (who->mailbox != NULL)
        return strcmp(text_of(claims, "tid"), who->mailbox->tenant->id) == 0;
    return door->protocol != ACCESS_SMTP && !door->is_google;
}

static bool admit_claims(const struct access_door *door, const json_t *claims, struct access_identity *who)
{
    if (claims == NULL || !is_within_its_time(door->sandbox, claims) || !is_in_tenant(door, claims, who))
        return false;
    if (!door->is_google && !is_exchange_audience(text_of(claims, "aud")))
        return false;
    bool is_app = strcmp(text_of(claims, "idtyp"), "app") == 0;
    return is_app ? admit_app(door, claims, who) : admit_user(door, claims, who);
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

bool access_admit(const struct access_door *door, const char *user, struct bytes token, struct access_identity *who)
{
    memset(who, 0, sizeof *who);
    const struct user *named = user_find(user);
    if (named != NULL && !tenant_address_equal(named->address, user))
        return false; /* an alias is no sign-in name */
    if (named != NULL && (named->tenant == &tenant_google) != door->is_google)
        return false;
    who->mailbox = named;
    json_t *claims = open_token(door->sandbox, token);
    bool is_admitted = admit_claims(door, claims, who);
    if (is_admitted) {
        who->facts = token_facts(claims);
        who->expires_ms = json_integer_value(json_object_get(claims, "exp")) * 1000;
    }
    json_decref(claims);
    return is_admitted;
}

void access_forget(struct access_identity *who)
{
    json_decref(who->facts);
    memset(who, 0, sizeof *who);
}
