/* edge/edge.h - sessions of strangers: what an SMTP client says becomes a message for the queue role, or is bridged to the provider; what
 * IMAP and POP3 clients say is bridged.
 *
 * Knows an app's password only while it passes to the vault role, and a mailbox's token while a bridge signs in. A session never waits for ever: what it
 * asks of vault or queue is answered, fails with that role, or runs out of time (30 s), each as a 4xx to the client. Memory per
 * session is bounded whatever arrives. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include "conf/conf.h"
#include "loop/loop.h"
#include "msg/channel.h"
#include "msg/parent_role.h"

struct edge;

/* `conf` is lent until edge_reload() or edge_free(). Fails if the spool directory can't be opened. */
struct edge *edge_new(struct loop *l, const struct conf *conf, struct fault *why);
void edge_free(struct edge *e);                            /* sessions are cut; takes NULL */
void edge_reload(struct edge *e, const struct conf *conf); /* for new sessions; those that are open keep their rules */

/* Tables for the channels; their ctx is the edge. A channel is lent until the matching _down(), which fails all that was asked. */
extern const struct channel_row edge_vault_rows[], edge_queue_rows[];
void edge_vault_up(struct edge *e, struct channel *c);
void edge_vault_down(struct edge *e);
void edge_queue_up(struct edge *e, struct channel *c);
void edge_queue_down(struct edge *e);

/* l->fd is taken. Nothing is accepted before the queue role has sent the directory for the first time. */
void edge_listen(struct edge *e, const struct parent_listener *l);
void edge_unlisten(struct edge *e, unsigned number);

typedef void edge_event_fn(void *ctx);
void edge_on_ready(struct edge *e, edge_event_fn *fn, void *ctx); /* the first directory is there */
/* Stops accepting, lets transactions end, says 421 to the rest; `stopped` once no session is left. */
void edge_stop(struct edge *e, edge_event_fn *stopped, void *ctx);

size_t edge_sessions(const struct edge *e);

#endif
