/* token/certificate.h - the key pair of a registration: made or taken here, and never shown.
 *
 * Entra takes RSA keys of 2048 bits and more, and needs only the certificate. */
#ifndef TOKEN_CERTIFICATE_H
#define TOKEN_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/secret.h"

#define CERTIFICATE_DAYS 730
#define CERTIFICATE_BITS 3072

struct certificate {
    struct secret *pem; /* private key, then certificate: what the vault keeps */
    char *public_pem;
    char sha256[65];  /* of the DER form, lower-case hexadecimal */
    char sha1[41];    /* the same in upper case, as Entra shows it beside what was uploaded */
    char expires[32]; /* RFC 3339 */
};

/* A new key with a self-signed certificate from `now_ms` on. Takes some tenths of a second. */
struct certificate *certificate_make(const char *subject, int bits, int64_t now_ms, struct fault *why);
/* PEM with one private key without passphrase and its certificate, in any order. */
struct certificate *certificate_take(struct bytes pem, int64_t now_ms, struct fault *why);
void certificate_free(struct certificate *c); /* takes NULL */

/* From what the vault kept; given. */
bool certificate_load(struct bytes pem, EVP_PKEY **key, X509 **x509, struct fault *why);

#endif
