/* token/oidc.h - who is this? A person signs in at the provider, and only the id_token is looked at: authorization code with PKCE and
 * nonce (OpenID Connect Core 3.1). Nothing is stored, no token is kept.
 *
 * One that was started lives in memory under a random id for 15 minutes; at most 256 at a time, the oldest gives way. The address that
 * comes back counts only with the state of the same id, and only once. */
#ifndef TOKEN_OIDC_H
#define TOKEN_OIDC_H

#include "token/authorize.h"

/* Answers as authorize.h describes, with "" as the address: start {"id","url"}, finish {"user","oid","groups":[ids],"has_more_groups"}; the
 * last where the user is in so many that Entra names none of them. */
void oidc_begin(struct tokens *t, const char *registration, const char *redirect_uri, authorize_done_fn *done,
                void *ctx, uint64_t tag);
void oidc_finish(struct tokens *t, const char *id, struct bytes url, authorize_done_fn *done, void *ctx, uint64_t tag);
void oidc_cancel(struct tokens *t, const void *ctx, uint64_t tag);
void oidc_forget_asker(struct tokens *t, const void *ctx);

#endif
