/* sandbox/pop3d.h - POP3 as Exchange Online does it (reference 5.5, 6.5), and as Google does on a port of its own.
 *
 * A server of its own, as imapd.h is. It shows INBOX as it was at sign-in; what is deleted goes at QUIT. */
#ifndef SANDBOX_POP3D_H
#define SANDBOX_POP3D_H

#include <jansson.h>

#include "base/fault.h"

struct sandbox;
struct pop3d_server;

enum pop3d_kind { POP3D_MICROSOFT, POP3D_GOOGLE };

/* Both descriptors (listening sockets) are taken: TLS from the start, and plain with STLS (-1: none); `sandbox` is lent. */
struct pop3d_server *pop3d_server_new(struct sandbox *sandbox, enum pop3d_kind which, int tls_fd, int plain_fd,
                                      struct fault *why);
void pop3d_server_free(struct pop3d_server *x); /* takes NULL */
/* pop3.inject: "STEP[:WORD]=REPLY" or "off"; `uses` 0: until it is changed. */
bool pop3d_server_inject(struct pop3d_server *x, const char *text, uint64_t uses, struct fault *why);
void pop3d_server_reset(struct pop3d_server *x);         /* forgets injections */
json_t *pop3d_server_json(const struct pop3d_server *x); /* {sessions, injections}; given */

#endif
