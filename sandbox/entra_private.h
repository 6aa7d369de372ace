/* sandbox/entra_private.h - one request to Entra on its way through the endpoints. */
#ifndef SANDBOX_ENTRA_PRIVATE_H
#define SANDBOX_ENTRA_PRIVATE_H

#include "sandbox/entra.h"
#include "sandbox/entra_error.h"
#include "sandbox/entra_rules.h"
#include "sandbox/sandbox_private.h"

#define ENTRA_AUTHORITY_SIZE 80

struct entra_call {
    struct sandbox *sandbox;
    const struct web_request *rq;
    struct web_reply *re;
    char authority[ENTRA_AUTHORITY_SIZE]; /* the tenant segment of the path, in lower case */
    const struct tenant *tenant;          /* NULL for common, organizations and consumers' first leg */
    struct entra_refusal refusal;
    json_t *note; /* for the activity log */
};

typedef void entra_endpoint_fn(struct entra_call *c);
entra_endpoint_fn entra_authorize, entra_token, entra_devicecode, entra_deviceauth, entra_discovery, entra_keys,
    entra_logout, entra_adminconsent, entra_instance, google_discovery, google_authorize, google_token, google_keys,
    google_revoke;

/* The parameter of a form or, for GET, of the query; "" if it is not there. */
const char *entra_param(const struct entra_call *c, const char *name);

/* Answers c->refusal as JSON, with status 400 or 401. */
void entra_reply_refusal(struct entra_call *c);
/* The noise that goes with every answer: cache headers, cookies, request ids. */
void entra_reply_headers(struct entra_call *c);

/* entra_client.c: who calls. Both refuse into c->refusal. */
const struct client *entra_client_named(struct entra_call *c, const char *client_id);
/* Looks at client_secret, client_assertion and Basic. A public client must send none of them. */
bool entra_client_login(struct entra_call *c, const struct client *client, bool is_public);
bool entra_client_is_in_authority(struct entra_call *c, const struct client *client);
/* entra_assertion.c */
bool entra_assertion_check(struct entra_call *c, const struct client *client, const char *assertion);

/* entra_user.c: may this user sign in, here, with this client? */
bool entra_user_may(struct entra_call *c, const struct client *client, const struct user *user);
bool entra_user_fits(struct entra_call *c, const struct client *client, const struct user *user);

/* entra_consent.c. The owner is a user's oid, or a tenant for an administrator's consent. */
const char *entra_consent_tenant(const struct entra_call *c, const struct tenant *tenant);
void entra_consent_give(struct entra_call *c, const struct client *client, const char *owner,
                        const struct entra_scopes *s);
bool entra_consent_check(struct entra_call *c, const struct client *client, const struct user *user,
                         const struct entra_scopes *s);
/* Names consented at that resource, with blanks between; the arena's. */
const char *entra_consent_names(struct entra_call *c, const struct client *client, const struct user *user,
                                const struct entra_resource *resource, const char *prefix);

/* entra_issue.c: the success body of a user's grant. `g` is what was redeemed. */
json_t *entra_issue_user(struct entra_call *c, const struct grant *g, const struct entra_scopes *s);
json_t *entra_issue_app(struct entra_call *c, const struct client *client, const struct entra_scope *s);
/* entra_id_token.c; given */
char *entra_id_token(struct entra_call *c, const struct grant *g, const char *issuer, const char *audience);
/* "Pairwise": `sub` is another one for every client. `out` holds 64 bytes. */
void entra_subject(const struct client *client, const char *oid, char *out);
int64_t entra_token_lifetime_s(struct sandbox *sb);
/* entra_grant_*.c: rows of the token endpoint; the success body, or NULL with a refusal. */
typedef json_t *entra_grant_fn(struct entra_call *c);
entra_grant_fn entra_grant_code, entra_grant_refresh, entra_grant_device, entra_grant_app, entra_grant_password;

/* entra_page.c: pages of the sign-in. */
struct entra_page {
    const char *title, *message;    /* message may be NULL */
    const char *action;             /* where the form posts to */
    const struct web_params *carry; /* request parameters that travel as hidden fields, or NULL */
    const struct client *client;
    const struct tenant *tenant; /* whose users; NULL: all of Entra's */
    const struct user *chosen;
    const char *scope; /* what is asked for */
    const char *redirect_uri;
    const char *user_code; /* device page: "" asks for it; NULL: not a device page */
    bool is_final;         /* nothing to press */
};
void entra_page(struct entra_call *c, int status, const struct entra_page *page);
void entra_error_page(struct entra_call *c);
/* A page that posts fields to the redirect URI (response_mode=form_post). `fields` is urlencoded. */
void entra_form_post_page(struct entra_call *c, const char *redirect_uri, const struct web_params *fields);

/* /oauth2/v2.0/authorize for a user who pressed a button, or for nobody yet. */
const struct user *entra_picked_user(struct entra_call *c);

#endif
