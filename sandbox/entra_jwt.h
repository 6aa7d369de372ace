/* sandbox/entra_jwt.h - the signing keys of the sandbox and the tokens made with them; and the check of client assertions.
 *
 * Signatures are made and checked with OpenSSL itself, on purpose not with the JOSE library that the gateway uses. */
#ifndef SANDBOX_ENTRA_JWT_H
#define SANDBOX_ENTRA_JWT_H

#include <jansson.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/fault.h"

struct entra_keyring;

/* With the key of DIR/signing.pem, which signed last; made where there is none that is good. */
struct entra_keyring *entra_keyring_new(const char *dir, struct fault *why);
void entra_keyring_free(struct entra_keyring *k); /* takes NULL */
/* A new key signs from now on. `keep`: the older ones stay in the key set and verify on. */
bool entra_keyring_roll(struct entra_keyring *k, bool keep, struct fault *why);
json_t *entra_keyring_jwks(const struct entra_keyring *k, const char *issuer); /* given */
/* RS256, compact. Fails only when the token would pass `out`'s limit. */
bool entra_keyring_sign(const struct entra_keyring *k, const json_t *claims, struct buf *out);
/* The claims of a token that one of our keys signed; NULL for every other. Given. */
json_t *entra_keyring_open(const struct entra_keyring *k, struct bytes token);

#define JWT_SIGNATURE_MAX 1024

struct entra_jwt {
    json_t *header, *claims;
    struct bytes signed_part; /* lent: a view into the token */
    uint8_t signature[JWT_SIGNATURE_MAX];
    size_t signature_size;
};

/* Splits without verifying; false (and nothing to free) if it is not a JWT. */
bool entra_jwt_split(struct bytes token, struct entra_jwt *out);
void entra_jwt_fini(struct entra_jwt *j);
/* `alg` "RS256" or "PS256" (RSASSA-PSS, MGF1 with SHA-256, salt of 32 bytes). */
bool entra_jwt_verify(const struct entra_jwt *j, EVP_PKEY *key, const char *alg);
/* base64url of the SHA-1 (or SHA-256) of the DER form. `out` holds 64 bytes. */
void entra_thumbprint(X509 *certificate, bool is_sha256, char *out);

#endif
