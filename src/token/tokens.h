/* token/tokens.h - what to sign in with for a mailbox, renewed in time, whoever asks.
 *
 * Promises:
 *   - A token is renewed when less than `refresh_before` is left (or half its life, for short ones); the one that is still good is
 *     served meanwhile. However many ask, one request is under way per grant.
 *   - A rotated refresh token is sealed and synced before its access token is handed out. If that write fails, the old refresh token
 *     stays, the answer is FAULT_LOCAL, and the next ask tries again.
 *   - Only an OAuth error that says so makes a mailbox need a person; then it is tried once a minute at most. An outage, however it
 *     looks, never costs a grant: asks are answered FAULT_RETRY from the back-off, without another request.
 *   - A token that a server refused (`refused` = its serial) is renewed once a minute at most; else the same serial comes back.
 *
 * Log events: token.renewed, token.failed, grant.stored, grant.needs-person, grant.ok, secret.expiring. */
#ifndef TOKEN_TOKENS_H
#define TOKEN_TOKENS_H

#include <jansson.h>

#include "http/http.h"
#include "object/directory.h"
#include "vault/vault.h"

struct tokens;

struct tokens_settings {
    int64_t refresh_before_ms;
    int64_t keep_alive_ms; /* an idle grant is renewed at least this often */
    uint32_t timeout_s;    /* of each request */
};

/* A mailbox's mail must wait for a person (why is not NULL), or no longer. Said at each change, and for all by tokens_report(). */
typedef void tokens_state_fn(void *ctx, const char *mailbox, bool needs_person, const struct fault *why);

struct tokens_parts { /* all lent for life */
    struct loop *loop;
    struct http *http;
    struct vault *vault;
    struct directory *directory;
    tokens_state_fn *state;
    void *ctx;
};

/* Reads every stored grant; damaged ones are logged and count as missing. NULL with a fault if the vault can't be listed. */
struct tokens *tokens_new(const struct tokens_parts *parts, const struct tokens_settings *settings, struct fault *why);
void tokens_free(struct tokens *t); /* takes NULL; free the http first. Askers are dropped without an answer */
void tokens_set(struct tokens *t, const struct tokens_settings *settings);

struct token_reply {
    bool is_ok;
    enum object_sasl sasl;
    const char *user;
    struct bytes secret;
    uint64_t serial;
    int64_t expires_ms; /* wall clock; 0: never */
    struct fault why;   /* when not ok */
};
/* The reply is lent for the call. Runs exactly once per ask, maybe inside tokens_ask(). */
typedef void token_done_fn(void *ctx, uint64_t tag, const struct token_reply *reply);

struct token_want {
    const char *mailbox;
    uint32_t protocol; /* one of enum object_protocol */
    uint64_t refused;  /* serial of a token that a server just refused; 0: none */
    bool
        is_fresh; /* where the token in hand is due for renewal, the new one is waited for; the old one if that fails */
};
void tokens_ask(struct tokens *t, const struct token_want *want, token_done_fn *done, void *ctx, uint64_t tag);
void tokens_forget_asker(struct tokens *t, const void *ctx); /* its asks are dropped */

/* Somebody's sign-in was good, and what came behind it says that the mailbox can't be read all the same; NULL: it can. Shown with the
 * grant until then; holds no mail. */
void tokens_trouble(struct tokens *t, const char *mailbox, uint32_t protocol, const struct fault *why);

/* An object of the directory has changed or gone: tokens that depend on it are dropped, refusals forgotten. */
void tokens_object_changed(struct tokens *t, enum object_kind kind, const char *key);
void tokens_report(struct tokens *t); /* all objects have come */
/* A secret was stored or replaced for this registration: what it made fail is tried anew. */
void tokens_secret_changed(struct tokens *t, const char *registration);
void tokens_password_changed(struct tokens *t, const char *mailbox);
bool tokens_forget(struct tokens *t, const char *mailbox, struct fault *why); /* grant and password */

/* {"state","user","since","access_expires","refresh_used","last_error","scopes","findings"}; given. */
json_t *tokens_grant_json(struct tokens *t, const char *mailbox);

/* jansson from here on wipes what it frees: for a process that parses secrets as JSON. Before anything uses it. */
void tokens_wipe_json(void);

#endif
