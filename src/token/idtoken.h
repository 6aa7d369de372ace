/* token/idtoken.h - who signed in: an id_token believed only after every check (OpenID Connect Core 3.1.3.7).
 *
 * RS256 only, by an RSA key of 2048 to 8192 bits in the provider's JWKS; issuer (with {tenantid} replaced by the token's tid), audience, nonce and times with
 * five minutes of skew. */
#ifndef TOKEN_IDTOKEN_H
#define TOKEN_IDTOKEN_H

#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

struct idtoken_expected {
    const char *issuer; /* may hold the literal text {tenantid} */
    const char *client_id;
    const char *nonce; /* NULL: none was sent (device code) */
    int64_t now_s;
};

struct idtoken_claims { /* texts are "" when absent, and live in the arena */
    const char *preferred_username, *upn, *email, *unique_name;
    const char *tid, *oid;
    const char **groups; /* ids; in the arena */
    size_t groups_count;
    bool has_more_groups; /* so many that the token names none and says where to ask (reference: groups overage) */
};

/* Fault "grant.id-token". `is_key_unknown` tells that the JWKS has no such kid: worth one fresh JWKS and a second try. */
bool idtoken_verify(struct bytes text, const json_t *jwks, const struct idtoken_expected *expected, struct arena *arena,
                    struct idtoken_claims *claims, bool *is_key_unknown, struct fault *why);
/* The first name that there is, for people; "" if none. */
const char *idtoken_user(const struct idtoken_claims *c);
/* Is one of the names this address? */
bool idtoken_is_user(const struct idtoken_claims *c, const char *address);

#endif
