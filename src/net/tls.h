/* net/tls.h - TLS contexts: what we present, whom we trust. OpenSSL hides behind it; TLS 1.2 is the floor. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/bytes.h"
#include "base/fault.h"

struct tls_context;

/* What a server showed, for people to read. */
struct tls_certificate {
    char subject[256], issuer[256]; /* "O = Example, CN = smtp.example.org" */
    int64_t expires_ms;             /* since 1970 UTC */
};

/* PEM chain and PEM key; checks that they belong together. Faults say which file part is wrong and why. */
struct tls_context *tls_server_new(struct bytes certificate_pem, struct bytes key_pem, struct fault *why);
/* Verifies chain and host name always. `ca_pem` empty: the system's store. Remembers the last session with each peer, so that the
 * next handshake is short. */
struct tls_context *tls_client_new(struct bytes ca_pem, struct fault *why);
/* Counted, because live connections keep their context when a reload replaces it. */
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_free(struct tls_context *c); /* gives one reference back; takes NULL */

#endif
