/* sandbox/imapd.h - IMAP4rev1 as Exchange Online does it (reference 5.4, 6.4), and as Google does on ports of its own.
 *
 * Its own server and parsers on purpose: the gateway's IMAP engines are tried against it, so they must not share a mistake. */
#ifndef SANDBOX_IMAPD_H
#define SANDBOX_IMAPD_H

#include <jansson.h>

#include "base/fault.h"

struct sandbox;
struct imapd_server;

enum imapd_kind { IMAPD_MICROSOFT, IMAPD_GOOGLE };

/* Both descriptors (listening sockets) are taken: TLS from the start, and plain with STARTTLS (-1: none);
 * `sandbox` is lent. */
struct imapd_server *imapd_server_new(struct sandbox *sandbox, enum imapd_kind which, int tls_fd, int plain_fd,
                                      struct fault *why);
void imapd_server_free(struct imapd_server *x); /* takes NULL */
/* imap.inject: "STEP[:WORD]=REPLY" or "off"; `uses` 0: until it is changed. */
bool imapd_server_inject(struct imapd_server *x, const char *text, uint64_t uses, struct fault *why);
void imapd_server_reset(struct imapd_server *x);         /* forgets injections */
json_t *imapd_server_json(const struct imapd_server *x); /* {sessions, injections}; given */

#endif
