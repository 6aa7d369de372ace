/* admin/admin.h - the API over HTTP: turns requests into verbs for the roles that own the matter, and answers into responses.
 *
 * The requests, their verbs and their JSON are listed in doc/internal-api.md. No object, mail or secret is kept here: a
 * secret that was typed passes through to the vault and is wiped. Who can open the Unix socket has every right;
 * at the console's address people and programs show who they are (admin_private.h, "principal"). */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "conf/conf.h"
#include "loop/loop.h"
#include "msg/admin_msg.h"
#include "msg/channel.h"
#include "msg/edge_queue.h"
#include "msg/parent_role.h"

struct admin;

enum admin_peer {
    ADMIN_PEER_QUEUE,
    ADMIN_PEER_VAULT,
    ADMIN_PEER_RELAY,
    ADMIN_PEER_INBOX,
    ADMIN_PEER_PARENT,
    ADMIN_PEERS
};

/* Asks the parent; the answer comes back through admin_parent_answered() with the same tag. */
typedef void admin_ask_parent_fn(void *ctx, uint64_t tag, const char *json);

/* Opens the Unix socket at `path` (a stale one is replaced; a live one is a fault), readable and writable for the owner and
 * `group` ("" : the owner alone). Needs the rights of the daemon's start. -1 with a fault. */
int admin_socket_open(const char *path, const char *group, struct fault *why);

/* Serves the API on `listen_fd` (taken). `conf` is lent until the next admin_set_conf(). NULL with a fault. */
struct admin *admin_new(struct loop *l, int listen_fd, const struct conf *conf, admin_ask_parent_fn *ask_parent,
                        void *ctx, struct fault *why);
void admin_free(struct admin *a); /* open requests are dropped; takes NULL */
/* The console's socket and certificate, from the parent; takes l->fd. One whose certificate changed ends, and comes again. */
void admin_console(struct admin *a, const struct parent_listener *l);
void admin_console_end(struct admin *a, uint32_t number); /* what it was asked is still answered */
void admin_set_conf(struct admin *a, const struct conf *conf);

/* The channel of that role; NULL: it went away, and everything asked of it is answered 503. Lent. */
void admin_set_peer(struct admin *a, enum admin_peer peer, struct channel *c);
void admin_heard_answer(struct admin *a, const struct admin_answer *m); /* takes m->fd */
void admin_heard_progress(struct admin *a, const struct admin_progress *m);
void admin_heard_submit_done(struct admin *a, const struct submit_done *m);
void admin_heard_object(struct admin *a, const struct directory_object *m);
void admin_parent_answered(struct admin *a, uint64_t tag, const char *json);

#endif
