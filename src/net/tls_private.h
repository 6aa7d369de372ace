/* net/tls_private.h - what the TLS filter needs of a context. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "net/tls.h"

SSL_CTX *tls_context_ssl(struct tls_context *c); /* lent */
/* The reason of OpenSSL's last error; empties its queue. */
const char *tls_error_text(void);

#endif
