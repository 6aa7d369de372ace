/* sandbox/exchange.h - SMTP submission as Exchange Online (and, on another port, Google) does it.
 *
 * Its own server on purpose: the gateway's SMTP engines are tried against it, so they must not share a mistake. */
#ifndef SANDBOX_EXCHANGE_H
#define SANDBOX_EXCHANGE_H

#include <jansson.h>

#include "base/fault.h"
#include "sandbox/inject.h"

struct sandbox;
struct exchange_server;

extern const struct inject_rules exchange_inject_rules;

enum exchange_kind { EXCHANGE_MICROSOFT, EXCHANGE_GOOGLE };

/* `fd` (a listening socket) is taken; `sandbox` is lent. */
struct exchange_server *exchange_server_new(struct sandbox *sandbox, enum exchange_kind kind, int fd,
                                            struct fault *why);
void exchange_server_free(struct exchange_server *x); /* takes NULL */
/* smtp.inject: "STEP[:WORD]=REPLY" or "off"; `uses` 0: until it is changed. */
bool exchange_server_inject(struct exchange_server *x, const char *text, uint64_t uses, struct fault *why);
/* Forgets injections, and what counts towards limits and throttling. */
void exchange_server_reset(struct exchange_server *x);
json_t *exchange_server_json(const struct exchange_server *x); /* {sessions, injections}; given */

#endif
