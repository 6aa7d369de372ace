/* token/authorize_private.h - shared by authorize.c, authorize_code.c, authorize_device.c and authorize_check.c. */
#ifndef TOKEN_AUTHORIZE_PRIVATE_H
#define TOKEN_AUTHORIZE_PRIVATE_H

#include "token/authorize.h"
#include "token/pkce.h"
#include "token/tokens_private.h"

#define AUTHORIZE_LIFE_MS (15 * 60 * 1000LL)

struct authorization {
    struct list node;
    struct tokens *home;
    char id[PKCE_ID_SIZE];
    char *address;
    bool is_device;
    char *redirect_uri;
    char state[PKCE_WORD_SIZE], nonce[PKCE_WORD_SIZE];
    struct secret *verifier, *code; /* code: device_code, or the redirect's code while it is redeemed */
    int64_t interval_ms;            /* device: between two polls */
    int64_t ends_ms;                /* steady clock */
    struct loop_timer timer;        /* the next poll, or the end */
    struct list askers;             /* of start, finish and wait */
    bool is_busy;                   /* a request is under way: freed only after it */
    bool is_replaced;               /* a newer one was started, or the room closes: free at the next chance */
    bool has_fresh_keys;
    struct answer answer; /* tokens that are being checked */
    char *issuer, *jwks;
    json_t *result; /* decided: this, or `why` */
    bool is_told;   /* that it was */
    struct fault why;
};

struct authorize_asker {
    struct list node;
    bool is_start;
    authorize_done_fn *done;
    void *ctx;
    uint64_t tag;
};

void authorization_ask(struct authorization *z, bool is_start, authorize_done_fn *done, void *ctx, uint64_t tag);
/* Answers those who asked for the start only, or all. Exactly one of result (taken) and why. */
void authorization_started(struct authorization *z, json_t *result, const struct fault *why);
void authorization_decided(struct authorization *z, json_t *result, const struct fault *why);
/* Passing trouble: those who wait for a finish hear of it, and may try again. */
void authorization_stumbled(struct authorization *z, const struct fault *why);
/* After every request: true if it was replaced meanwhile (and is gone now). */
bool authorization_came_back(struct authorization *z);
/* Where the tokens' issuer and keys are to be found. */
void authorization_remember(struct authorization *z, const struct endpoints *e);
bool authorization_subject(struct authorization *z, struct subject *s, struct fault *why);
/* Looks the provider's endpoints up and marks the sign-in busy until `then` (whose ctx it is); one whose objects are gone is
 * decided at once. */
void authorization_find_endpoints(struct authorization *z, endpoints_done_fn *then);

/* authorize_code.c */
void code_begin(struct authorization *z);
/* The code goes into z, or a fault is set; `is_ours` once the state fits. */
bool code_read_redirect(struct authorization *z, struct bytes url, bool *is_ours, struct fault *why);
void code_redeem(struct authorization *z);
char *code_state_of(struct bytes url, struct arena *arena); /* NULL: it has none */

/* authorize_device.c */
void device_begin(struct authorization *z);
void device_poll_again(struct authorization *z);

/* authorize_check.c: z->answer holds tokens. Ends in decided or stumbled. */
void authorization_check(struct authorization *z);

#endif
