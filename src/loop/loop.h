/* loop/loop.h - one thread, one loop: descriptors, timers, signals, children, and work at the end of a turn.
 *
 * libevent stands behind it for readiness; timers are our own, so that loop_new_virtual() is the same code with a clock
 * that a test moves, and a test build's clock file (base/clock.h) moves a whole daemon. No other room sees libevent.
 * Objects die at the end of the turn: call loop_defer() with what frees them, never free inside your own callback.
 * Everything is called from the loop's thread; callbacks may call anything here. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

struct loop;
struct loop_io;
struct loop_signal;

struct loop *loop_new(void);
/* Timers run on a clock that only loop_advance() moves. Descriptors work as ever (polled without waiting). */
struct loop *loop_new_virtual(int64_t wall_ms);
/* Takes NULL. Runs what is still deferred; every io, timer, signal and child must be gone or stopped. */
void loop_free(struct loop *l);

void loop_run(struct loop *l);  /* until loop_stop(); log_flush() after every turn */
void loop_stop(struct loop *l); /* the running turn is finished */
/* One turn; waits at most max_wait_ms (0: not at all) for a descriptor or timer. For tests and bounded programs. */
void loop_turn(struct loop *l, int64_t max_wait_ms);
/* Virtual loops: moves the clock, running each timer at its own time, and what it defers. */
void loop_advance(struct loop *l, int64_t ms);

int64_t loop_now_ms(const struct loop *l);  /* steady; as of the turn's start */
int64_t loop_wall_ms(const struct loop *l); /* milliseconds since 1970; as of the turn's start */

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_io_fn(void *ctx, unsigned ready);
/* `fd` is lent: free the io before closing it. Level-triggered. `want` may be 0 and changed at any time. */
struct loop_io *loop_io_new(struct loop *l, int fd, unsigned want, loop_io_fn *fn, void *ctx);
void loop_io_want(struct loop_io *io, unsigned want);
void loop_io_free(struct loop_io *io); /* takes NULL; safe inside its own callback */

/* Embedded in its owner. Not running after init; one shot. */
typedef void loop_timer_fn(void *ctx);
struct loop_timer {
    struct loop *loop;
    loop_timer_fn *fn;
    void *ctx;
    int64_t due_ms;
    uint64_t order; /* of starting: timers due together run in this order */
    size_t slot;    /* 0: not running */
};
void loop_timer_init(struct loop_timer *t, struct loop *l, loop_timer_fn *fn, void *ctx);
void loop_timer_start(struct loop_timer *t, int64_t in_ms); /* restarts a running one */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_running(const struct loop_timer *t);

/* Embedded in its owner. Runs once at the end of the turn (of this turn even when scheduled by another deferred, unless
 * they keep scheduling each other; then descriptors get their turn in between); scheduling it twice is once. */
typedef void loop_deferred_fn(void *ctx);
struct loop_deferred {
    struct list node;
    loop_deferred_fn *fn;
    void *ctx;
};
void loop_deferred_init(struct loop_deferred *d, loop_deferred_fn *fn, void *ctx);
void loop_defer(struct loop *l, struct loop_deferred *d);
void loop_undefer(struct loop_deferred *d);

typedef void loop_signal_fn(void *ctx, int signal);
/* The signal is blocked and read from a descriptor, so `fn` is an ordinary callback. */
struct loop_signal *loop_signal_new(struct loop *l, int signal, loop_signal_fn *fn, void *ctx);
void loop_signal_free(struct loop_signal *s); /* takes NULL */

/* A child of this process that ended: `status` is as waitpid() gives it. It is reaped when `fn` returned, so until then its process
 * group is nobody else's. By pidfd; where the kernel gives none, by looking every 50 ms. Not to be mixed with other waiting. */
struct loop_child;
typedef void loop_child_fn(void *ctx, int status);
struct loop_child *loop_child_new(struct loop *l, pid_t pid, loop_child_fn *fn, void *ctx);
/* Takes NULL; safe inside its own callback. One that still runs is killed (it alone, not its group) and reaped later by the loop. */
void loop_child_free(struct loop_child *c);

/* In a child after fork(): frees the parent's loop without disturbing the kernel objects that both share, and unblocks its
 * signals. Its descriptors stay open until the caller closes them; its io objects must not be touched any more. */
void loop_forget_after_fork(struct loop *l);

#endif
