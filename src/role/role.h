/* role/role.h - what every role process has in common: control channel, peers, reload, stop, hardening.
 *
 * A role file (role/edge.c, ...) is wiring only: it fills a `struct role_hooks` and lets its room do the work. role_main()
 * runs in the forked child: names the process, drops root, hardens (non-dumpable, no-new-privileges, descriptors closed but the
 * control channel and logs), builds the loop, and calls the hooks. Where a hook is NULL nothing happens.
 *
 * Signals: roles ignore SIGTERM, SIGINT and SIGHUP (a terminal and systemd send them to every process) and obey the parent;
 * they die with it. Standard input is /dev/null, but for the vault when its master key comes from there.
 * The state directory and its spool/ and drop/ exist and belong to the role's user. A non-dumpable process can still link
 * its O_TMPFILE descriptors, its own or received, by linkat("/proc/self/fd/N", AT_SYMLINK_FOLLOW): a process always may look
 * into its own /proc/self/fd. linkat(AT_EMPTY_PATH) is not to be relied on (capability, or same credentials as the opener). */
#ifndef ROLE_ROLE_H
#define ROLE_ROLE_H

#include "conf/conf.h"
#include "loop/loop.h"
#include "msg/channel.h"
#include "msg/parent_role.h"

enum role_kind { ROLE_PARENT, ROLE_EDGE, ROLE_QUEUE, ROLE_RELAY, ROLE_VAULT, ROLE_ADMIN, ROLE_INBOX, ROLE_KINDS };

struct role; /* the framework's side */

struct role_hooks {
    enum role_kind kind;
    const char *name; /* "edge" */
    /* Before root is dropped: open what needs it (the vault its key, the admin its socket). The loop is there. Returns the
     * role's own state; NULL with a fault ends the process (and, at the daemon's start, the daemon). */
    void *(*prepare)(struct role *r, struct fault *why);
    /* The loop runs, nothing is connected yet. */
    bool (*start)(void *self, struct fault *why);
    /* Table for a channel to that peer; NULL: no such peer. Its `heard` get the pointer that `peer_up` returned as ctx. */
    const struct channel_row *(*rows)(enum role_kind peer);
    /* A channel came up (at start, and again after either side was restarted: the old one is gone by then).
     * Returns the ctx for `heard`: the state itself, or an object per peer. The channel is the framework's: lent until peer_down. */
    void *(*peer_up)(void *self, enum role_kind peer, unsigned index, struct channel *c);
    void (*peer_down)(void *self, enum role_kind peer, unsigned index, void *peer_ctx);
    /* Edge, and admin for the console; takes l->fd. A listener whose certificate or rules changed ends and comes again with a new number. */
    void (*listener)(void *self, const struct parent_listener *l);
    void (*listener_end)(void *self, unsigned number);   /* stop accepting; its sessions go on */
    void (*reload)(void *self, const struct conf *conf); /* role_conf() is already the new one; the old one is gone */
    void (*parent_answer)(void *self, uint64_t tag, const char *json); /* admin */
    /* Finish what is under way, then call role_stopped(); after 20 s the parent kills. */
    void (*stop)(void *self);
};

struct loop *role_loop(struct role *r);
const struct conf *role_conf(struct role *r); /* lent until the next reload */
unsigned role_index(const struct role *r);
unsigned role_edges(const struct conf *conf); /* how many there are */
void role_ready(struct role *r);   /* working, or will be once wired; the parent tells systemd when all are */
void role_stopped(struct role *r); /* ends the process with 0 at the end of the turn */
/* Admin: ask the parent; the answer comes to parent_answer. */
void role_ask_parent(struct role *r, uint64_t tag, const char *json);
/* This role can't go on: logs an error with the fix and exits 1; the parent restarts it with back-off. */
_Noreturn void role_die(struct role *r, const struct fault *why);

extern const struct role_hooks edge_hooks, queue_hooks, relay_hooks, vault_hooks, admin_hooks, inbox_hooks;

/* `postern serve`: runs until stopped; returns the exit status. */
int role_serve(const char *conf_path);
/* In the child. Never returns. */
_Noreturn void role_main(const struct role_hooks *hooks, unsigned index, int control_fd, const struct conf *conf);

#endif
