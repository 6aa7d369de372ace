/* sandbox/tenant.h - who and what lives in the sandbox: tenants, users, app registrations, and the resources of Entra.
 *
 * All of it is constant data (seed.c); what changes while the sandbox runs is in the switches and in the grants. */
#ifndef SANDBOX_TENANT_H
#define SANDBOX_TENANT_H

#include <stdbool.h>
#include <stddef.h>

#define TENANT_NAMES_MAX 6

enum tenant_kind { TENANT_WORK, TENANT_PERSONAL };

struct tenant {
    const char *id; /* GUID */
    const char *domain, *title;
    enum tenant_kind kind;
};

struct user {
    const struct tenant *tenant;
    const char *address, *name, *oid;
    const char *aliases[TENANT_NAMES_MAX];     /* up to the first NULL, here and below */
    const char *send_as[TENANT_NAMES_MAX];     /* others' addresses */
    const char *full_access[TENANT_NAMES_MAX]; /* mailboxes of others that may be read */
    bool is_shared;                            /* a shared mailbox: nobody signs in to it */
    const char *password;                      /* for AUTH LOGIN where smtp.login allows it */
};

enum client_platform { CLIENT_WEB, CLIENT_NATIVE, CLIENT_SPA };
enum client_audience { CLIENT_ONE_TENANT, CLIENT_WORK, CLIENT_EVERYONE, CLIENT_GOOGLE };
/* How an app-only client is allowed into mailboxes (reference 4.4, 4.5). */
enum client_model { CLIENT_DELEGATED, CLIENT_MAILBOX_PERMISSION, CLIENT_RBAC };

struct client_redirect {
    enum client_platform platform;
    const char *uri;
};

struct client {
    const char *name, *title, *client_id;
    const struct tenant *tenant; /* where it is registered */
    enum client_audience audience;
    const char *app_object_id; /* of "App registrations": the wrong one for New-ServicePrincipal */
    const char *object_id;     /* of "Enterprise applications": `oid` of its tokens */
    const char *secret, *secret_id;
    bool allows_public_flows;
    struct client_redirect redirects[TENANT_NAMES_MAX];
    const char *declared[TENANT_NAMES_MAX]; /* delegated permissions, as scopes: what .default asks for */
    const char *roles[TENANT_NAMES_MAX];    /* application permissions at Exchange Online */
    enum client_model model;
    const char *mailboxes[TENANT_NAMES_MAX]; /* FullAccess and SendAs, or within the RBAC scope */
};

extern const struct tenant tenant_contoso, tenant_fabrikam, tenant_consumers, tenant_google;
extern const struct tenant *const tenants[];
extern const struct user users[];
extern const struct client clients[];
extern const size_t tenants_count, users_count, clients_count;

const struct tenant *tenant_find(const char *id_or_domain);
const struct user *user_find(const char *address); /* by primary address or alias */
const struct client *client_find(const char *client_id);
bool user_is_alias(const struct user *u, const char *address); /* its own address, or one of its aliases */
bool tenant_address_equal(const char *a, const char *b);

#endif
