/* net/listen.h - open listening sockets, and accept from them on a loop. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "loop/loop.h"
#include "net/addr.h"

/* Opens, binds and listens (non-blocking, close-on-exec). -1 with a fault that names the address. */
int net_listen_open(const struct net_addr *wanted, int backlog, struct fault *why);

struct listener;
typedef void listener_accepted_fn(void *ctx, int fd /* taken */, const struct net_addr *peer);
/* `fd` is taken. Several processes may accept from the same socket. Out of descriptors: logs once a minute, pauses 100 ms. */
struct listener *listener_new(struct loop *l, int fd, listener_accepted_fn *fn, void *ctx);
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
void listener_free(struct listener *l); /* closes; takes NULL */

#endif
