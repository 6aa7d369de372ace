/* token/assertion.h - a client assertion: "I am this application", signed with the registration's certificate (RFC 7523).
 *
 * PS256 with x5t#S256, as Entra documents it: valid ten minutes, a fresh jti each, audience the token endpoint. */
#ifndef TOKEN_ASSERTION_H
#define TOKEN_ASSERTION_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/secret.h"

/* `pem` is private key and certificate. The compact JWT (given), or NULL with a fault. */
struct secret *assertion_make(struct bytes pem, const char *client_id, const char *audience, int64_t now_s,
                              struct fault *why);

#endif
