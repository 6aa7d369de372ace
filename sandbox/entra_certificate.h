/* sandbox/entra_certificate.h - the certificates that were uploaded to registrations. */
#ifndef SANDBOX_ENTRA_CERTIFICATE_H
#define SANDBOX_ENTRA_CERTIFICATE_H

#include <jansson.h>
#include <openssl/x509.h>

#include "base/fault.h"

struct entra_certificates;

struct entra_certificates *entra_certificates_new(void);
void entra_certificates_free(struct entra_certificates *c); /* takes NULL */

bool entra_certificates_add(struct entra_certificates *c, const char *client_id, const char *pem, struct fault *why);
void entra_certificates_forget(struct entra_certificates *c, const char *client_id); /* NULL: all */
/* By `x5t` (SHA-1) or `x5t#S256`, with or without padding; lent, or NULL. */
X509 *entra_certificates_find(const struct entra_certificates *c, const char *client_id, const char *thumbprint,
                              bool is_sha256);
/* The SHA-256 thumbprints of a client; given. */
json_t *entra_certificates_json(const struct entra_certificates *c, const char *client_id);

#endif
