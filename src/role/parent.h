/* role/parent.h - the parent: starts the roles, joins them, restarts, reloads and stops them. It never sees mail or tokens.
 *
 *   serve.c      from the command to the loop and back     children.c   one process per role, restarted when it dies
 *   wiring.c     who talks to whom                         doors.c      listening sockets and their certificates
 *   reload.c     a new configuration, or none              stop.c       ending in an order that loses nothing
 *   state.c      the state directory, and being alone      events.c     the event file and its rotation
 *   notify.c     what systemd wants to hear                ask.c        what the admin role asks */
#ifndef ROLE_PARENT_H
#define ROLE_PARENT_H

#include "base/secret.h"
#include "role/role.h"

enum child_state { CHILD_WAITING, CHILD_STARTING, CHILD_RUNNING, CHILD_STOPPING, CHILD_STOPPED };

struct child {
    struct parent *parent;
    const struct role_hooks *hooks;
    unsigned index;
    enum child_state state;
    pid_t pid; /* 0: none */
    struct channel *control;
    unsigned restarts;
    int64_t since_ms, since_wall_ms; /* of the state before STOPPED: when the process was forked */
    int64_t back_off_ms;
    struct loop_timer restart;
};

/* A socket that is listened on, and how. */
struct door {
    struct list node;
    enum role_kind role;       /* who accepts there: the edges; or the admin role, and then it is the console's */
    uint32_t number;           /* 0: not yet announced */
    struct conf_listener conf; /* strings are the door's own */
    unsigned twin;             /* the how-many-eth of this address: with port 0 there may be several */
    struct arena *arena;
    struct buf certificate;
    struct secret *key; /* NULL: no TLS */
    char bound[128];    /* the real address */
    int fd;
};

struct parent {
    const struct role_hooks *const *hooks; /* by kind; NULL: no such role */
    struct loop *loop;
    struct conf *conf;
    struct arena *conf_arena;

    struct child *children;
    size_t children_count;
    struct list lost; /* pairs to be joined again */
    struct loop_timer rejoin;

    struct list doors;
    uint32_t doors_counted;

    bool is_ready; /* once all roles were */
    bool is_stopping;
    unsigned stop_phase;
    int exit_status;
    struct loop_timer stop_limit;

    struct loop_signal *signals[4];
    struct loop_timer events_check, watchdog;
    int64_t watchdog_ms;
    int lock_fd, input_fd; /* input: standard input when the master key comes from there, else -1 */
};

/* Any table of roles, so that tests can bring their own. Returns the exit status. */
int parent_run(const char *conf_path, const struct role_hooks *const *hooks);

/* children.c */
void children_init(struct parent *p);
bool children_start(struct parent *p, struct fault *why);
void children_reap(struct parent *p);
void children_tell(struct parent *p, uint32_t type, const void *message); /* all that live */
bool child_is_alive(const struct child *c);
const char *child_state_name(enum child_state state);
struct child *children_find(struct parent *p, unsigned kind, unsigned index); /* NULL: none */

/* wiring.c */
void wiring_join(struct parent *p, struct child *c); /* with all others that live */
void wiring_lost(struct child *c, const struct parent_lost *m);
void wiring_fini(struct parent *p);

/* doors.c */
/* The set of doors that `conf` wants; sockets that are open already are used again. Nothing changes for anyone yet. */
bool doors_prepare(struct parent *p, const struct conf *conf, struct list *next, struct fault *why);
void doors_commit(struct parent *p, struct list *next); /* tells the roles what changed; closes what is gone */
void doors_tell(struct parent *p, struct child *c);     /* all of its own */
void doors_close(struct list *doors);
void doors_forget_keys(struct list *doors);            /* in a child */
bool doors_write(struct parent *p, struct fault *why); /* {state}/listeners.json */
void doors_log(struct parent *p);

/* reload.c */
bool reload(struct parent *p, struct buf *mistakes /* one per line */, struct fault *why);

/* stop.c */
void stop_begin(struct parent *p, const char *reason, int exit_status);
void stop_advance(struct parent *p);

/* state.c */
bool state_prepare(struct parent *p, struct fault *why);
void state_release(struct parent *p);

/* events.c */
bool events_open(struct parent *p, struct fault *why);
void events_watch(struct parent *p);

/* notify.c */
void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));
void notify_watchdog_start(struct parent *p);

/* ask.c */
void ask_heard(struct child *c, const struct parent_text *m);

#endif
