/* token/tokens_private.h - shared by the files of this room that keep grants. */
#ifndef TOKEN_TOKENS_PRIVATE_H
#define TOKEN_TOKENS_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "token/answer.h"
#include "token/endpoint.h"
#include "token/form.h"
#include "token/tokens.h"

#define ACCESS_MAX 4                              /* permissions per grant: one per protocol */
#define WAITERS_MAX 8192                          /* per grant */
#define REFRESH_IDLE_MS (90 * 24 * 3600 * 1000LL) /* Microsoft's life of an unused refresh token */
#define PERSON_PAUSE_MS 60000                     /* between attempts after a refusal that needs a person */

struct tokens {
    struct tokens_parts parts;
    struct tokens_settings settings;
    struct documents *documents;
    struct map *grants;    /* "m:address" or "r:registration" -> struct grant */
    struct map *passwords; /* addresses that have one stored */
    struct map *said;      /* address -> struct said: what tokens_state_fn was last told */
    struct map *warned;    /* expiry warnings given -> days (expiry.c) */
    struct map *troubles;  /* address -> struct trouble */
    struct map *ca;        /* provider's ca-file -> PEM text (subject.c) */
    struct list authorizations;
    struct list visits; /* oidc.c */
    struct loop_timer hourly;
    bool is_settled; /* all objects have come once */
    uint64_t serial;
};

/* An access token for one permission, and those who wait for it. */
struct access {
    char *permission;
    struct secret *token; /* NULL: none */
    uint64_t serial;
    int64_t renew_ms, end_ms; /* steady clock: renew after the one, serve until the other */
    int64_t expires_wall_ms;
    int64_t forced_ms;     /* when a refused token was last renewed; 0: never */
    struct fault problem;  /* that this permission alone is refused for; FAULT_NONE: it is not */
    int64_t not_before_ms; /* steady clock; of the next try then */
    bool is_wanted;        /* in the line for the grant's next flight */
    struct list waiters;
    size_t waiters_count;
};

struct waiter {
    struct list node;
    char *user;
    enum object_sasl sasl;
    bool takes_old; /* if the renewal fails */
    token_done_fn *done;
    void *ctx;
    uint64_t tag;
};

/* What a sign-in left behind. With the app grant, which nobody signs in for, one per registration. */
struct grant {
    struct tokens *home;
    char *name; /* mailbox address, or registration */
    bool is_app;
    struct secret *refresh;    /* NULL: nobody has signed in (or the app grant) */
    struct secret *unsaved;    /* a newer one that could not be stored yet; never used before it is */
    char *user, *scopes;       /* who signed in, and what was granted; "" unknown */
    int64_t since_ms, used_ms; /* wall clock: signed in, last renewed */
    int64_t stored_used_ms;    /* `used` as it stands in the vault */
    bool needs_person;
    struct fault problem; /* the last failure; FAULT_NONE after a success */
    int64_t problem_ms;
    struct access access[ACCESS_MAX];
    size_t access_count;
    struct access *flying;              /* the one request under way is for this; NULL: none */
    uint64_t sign_ins, flight_sign_ins; /* a flight from before a new sign-in must not overwrite it */
    uint64_t changes, flight_changes;   /* of settings: the token of a flight from before one is not used */
    unsigned failures;
    int64_t not_before_ms; /* steady clock */
};

/* subject.c: what the directory says about a grant. */
struct subject {
    const struct mailbox *mailbox; /* NULL for a registration's own */
    const struct registration *registration;
    const struct provider *provider;
    struct bytes ca_pem;
};
bool subject_of_mailbox(struct tokens *t, const struct mailbox *m, struct subject *out, struct fault *why);
/* Of nobody's mailbox. */
bool subject_of_registration(struct tokens *t, const char *name, struct subject *out, struct fault *why);
bool subject_of_grant(struct grant *g, struct subject *out, struct fault *why);
/* Client id, and secret or assertion for `audience`. */
bool subject_sign_form(struct tokens *t, const struct subject *s, const char *audience, struct form *form,
                       struct fault *why);
void subject_forget_files(struct tokens *t);

/* grant.c */
bool grants_load(struct tokens *t, struct fault *why);
struct grant *grant_of(struct tokens *t, const struct mailbox *m); /* made if missing; NULL for basic and none */
struct grant *grant_find(struct tokens *t, bool is_app, const char *name);
void grant_free(struct grant *g);
/* Seals the grant with this refresh token and the present time as last use. */
bool grant_save(struct grant *g, const struct secret *refresh, struct fault *why);
void grant_drop_access(struct grant *g);  /* settings have changed: tokens go, and the memory of refusals */
void grant_drop_sign_in(struct grant *g); /* another one takes its place, or none: answers under way are nobody's */
bool grant_save_rotated(struct grant *g, struct fault *why); /* `unsaved` becomes the refresh token once it is stored */
/* The permission that the grant is kept alive by; "" if the provider has none. */
const char *grant_home(const struct grant *g, const struct subject *s);
bool grant_may_be_mended(const struct grant *g); /* it waits for a change of settings, not for a person to sign in */
struct access *grant_access(struct grant *g, const char *permission); /* made if missing */
/* A sign-in is complete: durable first, then in force. */
bool grant_store(struct tokens *t, const struct mailbox *m, const char *permission, const char *user, struct answer *a,
                 struct fault *why);
void access_take(struct grant *g, struct access *a, struct answer *from);
bool access_is_good(const struct grant *g, const struct access *a);

/* flight.c */
void flight_want(struct grant *g, struct access *a);
void flight_answer_waiters(struct grant *g, struct access *a, const struct fault *why); /* NULL: with the token */

/* state.c */
bool mailbox_needs_person(struct tokens *t, const struct mailbox *m, struct fault *why);
void state_changed(struct tokens *t, const struct mailbox *m);
void state_changed_of_grant(struct grant *g);
void state_forget(struct tokens *t, const char *address);

/* trouble.c */
struct trouble {
    uint32_t protocol;
    struct fault why;
    int64_t since_ms; /* wall clock */
};
const struct trouble *trouble_of(const struct tokens *t, const struct mailbox *m); /* NULL: none; lent */
void trouble_forget(struct tokens *t, const char *address);

/* expiry.c */
void expiry_check(struct tokens *t);

/* authorize.c */
void authorizations_free(struct tokens *t);

/* oidc.c */
void oidc_free(struct tokens *t);
bool authorization_is_pending(struct tokens *t, const char *address);

#endif
