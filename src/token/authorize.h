/* token/authorize.h - a person signs in for a mailbox: authorization code with PKCE, or device code (RFC 6749, 7636, 8628, 8252).
 *
 * A sign-in that was started lives in memory only, under a random id, for 15 minutes (a device code as long as its server says); at
 * most 64 at a time, one per mailbox: a new start ends the mailbox's old one. Nothing is stored unless every check holds: state,
 * id_token, the signed-in user, the permission, a refresh token. A mailbox with the app grant needs nobody: its "sign-in" is one
 * token, fetched to see that everything is set up. */
#ifndef TOKEN_AUTHORIZE_H
#define TOKEN_AUTHORIZE_H

#include "token/tokens.h"

struct authorize_start {
    const char *address;
    const char
        *method; /* "localhost", "paste", "console", "nativeclient" or "device"; "" : as the mailbox's grant says */
    const char
        *redirect_uri; /* "" : Microsoft's own page with nativeclient; else the registration's, or http://localhost/ */
};

/* `result` is lent, NULL when refused; then `why` says so. `address` is the mailbox's, "" if that is unknown. Runs once per call, maybe inside it; not after authorize_cancel().
 *   start:         {"id","url","code"?,"expires_in","message"?,"redirect_uri"?}
 *   finish, wait:  {"address","user","scopes"}; of a device, who is told first has "is_news" true beside it */
typedef void authorize_done_fn(void *ctx, uint64_t tag, const char *address, const json_t *result,
                               const struct fault *why);

void authorize_begin(struct tokens *t, const struct authorize_start *start, authorize_done_fn *done, void *ctx,
                     uint64_t tag);
/* `url` is the whole address that the browser was sent to, with code and state or with an error. One of another sign-in, or none at
 * all, is refused and changes nothing: paste again. */
void authorize_finish(struct tokens *t, const char *id, struct bytes url, authorize_done_fn *done, void *ctx,
                      uint64_t tag);
/* The same for the sign-in that the address itself names by its state: where the browser comes back, nobody knows an id. */
void authorize_land(struct tokens *t, struct bytes url, authorize_done_fn *done, void *ctx, uint64_t tag);
/* `address`, if not "": only if the sign-in is that mailbox's. */
void authorize_wait(struct tokens *t, const char *id, const char *address, authorize_done_fn *done, void *ctx,
                    uint64_t tag);
void authorize_cancel(struct tokens *t, const void *ctx, uint64_t tag); /* the asker went away; the sign-in goes on */
void authorize_forget_asker(struct tokens *t, const void *ctx);

#endif
