/* net/trust.h - whom the servers we dial are trusted by: one TLS context for each CA file, made when first used (the system's store is
 * slow to read) and kept. */
#ifndef NET_TRUST_H
#define NET_TRUST_H

#include "net/tls.h"

struct trust;

struct trust *trust_new(void);
void trust_free(struct trust *t); /* takes NULL */

/* `ca_file` "": the system's store. The context is lent until trust_forget(); who keeps it longer takes a reference. NULL: a file that
 * can't be read or holds no certificate, a CONFIG fault "tls.file". */
struct tls_context *trust_context(struct trust *t, const char *ca_file, struct fault *why);
/* Files are read again when next asked for: that is how a changed one is taken. */
void trust_forget(struct trust *t);

#endif
