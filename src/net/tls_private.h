/* net/tls_private.h - what the TLS filter needs of a context. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* filter_tls.c: OpenSSL has a new session for the context of this connection. */
int filter_tls_on_session(SSL *ssl, SSL_SESSION *session /* taken when 1 is returned */);
SSL_CTX *tls_context_ssl(struct tls_context *c); /* lent */
/* The last session with that peer, to be continued; lent, NULL: none. */
SSL_SESSION *tls_context_session(const struct tls_context *c, const char *peer);
void tls_context_remember(struct tls_context *c, const char *peer, SSL_SESSION *session /* taken */);
/* The reason of OpenSSL's last error; empties its queue. */
const char *tls_error_text(void);

#endif
