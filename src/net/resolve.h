/* net/resolve.h - names to addresses without blocking the loop (c-ares; /etc/hosts is honoured). An answer stands for as long as its
 * name server says, a second at least and a minute at most. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "loop/loop.h"
#include "net/addr.h"

struct resolver;
struct resolve_query;

struct resolver *resolver_new(struct loop *l);
void resolver_free(struct resolver *r); /* queries under way are cancelled without a call; takes NULL */

/* An address stands for itself, and so does the path of a Unix socket ("/..."; the port means nothing then).
 * Called once, never from inside resolve_start(). count 0: `why` says what the name server answered.
 * Addresses are lent for the call; IPv6 and IPv4 in RFC 6724 order. */
typedef void resolved_fn(void *ctx, const struct net_addr *addrs, size_t count, const struct fault *why);
struct resolve_query *resolve_start(struct resolver *r, const char *host, uint16_t port, resolved_fn *fn, void *ctx);
void resolve_cancel(struct resolve_query *q); /* takes NULL; only before its callback ran */

#endif
