/* loop/loop.c - turns: wait for descriptors, run what is ready, then timers, then what was put off to the end. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/loop_private.h"

#define MOVED_CLOCK_WAIT_MS 20 /* how soon a test's change of the clock file is seen */
#define DEFERRED_ROUNDS 16 /* of deferred work that schedules deferred work, before descriptors are looked at again */

struct loop_io {
    struct event event;
    struct loop *loop;
    loop_io_fn *fn;
    void *ctx;
    unsigned want;
};

struct loop_signal {
    struct list node; /* in loop->signals */
    struct loop_io *io;
    int fd, signal;
    loop_signal_fn *fn;
    void *ctx;
};

static void read_clocks(struct loop *l)
{
    if (l->is_virtual)
        return;
    l->now_ms = clock_steady_ms();
    l->wall_ms = clock_wall_ms();
}

static void woke(struct loop *l)
{
    if (!l->is_waiting)
        return;
    l->is_waiting = false;
    read_clocks(l);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    woke(ctx);
}

struct loop *loop_private_new(void)
{
    struct loop *l = mem_alloc(sizeof *l);
    struct event_config *config = event_config_new();
    /* One thread: no locks. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    l->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!l->base) {
        log_error("loop.failed", LOG_TEXT("text", "no event loop: the limit on open files is too low (ulimit -n)"));
        abort();
    }
    l->tick = evtimer_new(l->base, on_tick, l);
    list_init(&l->deferred);
    list_init(&l->signals);
    list_init(&l->killed);
    return l;
}

struct loop *loop_new(void)
{
    struct loop *l = loop_private_new();
    read_clocks(l);
    return l;
}

static void free_memory(struct loop *l)
{
    event_free(l->tick);
    event_base_free(l->base);
    free(l->timers.heap);
    free(l);
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    loop_private_run_deferred(l);
    loop_private_reap_killed(l);
    assert(l->timers.count == 0 && list_is_empty(&l->signals) && list_is_empty(&l->deferred));
    free_memory(l);
}

static int64_t wait_ms(const struct loop *l, int64_t max_wait_ms)
{
    const struct loop_timer *first = timers_first(&l->timers);
    if (l->is_virtual || !list_is_empty(&l->deferred))
        return 0;
    int64_t wait = max_wait_ms;
    if (first) {
        int64_t until = first->due_ms - clock_steady_ms();
        if (wait < 0 || until < wait)
            wait = until > 0 ? until : 0;
        if (clock_is_moved() && wait > MOVED_CLOCK_WAIT_MS)
            wait = MOVED_CLOCK_WAIT_MS;
    }
    return wait;
}

/* Waits (for ever: wait < 0) and runs the callbacks of what is ready. */
static void run_descriptors(struct loop *l, int64_t wait)
{
    int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
    if (wait == 0)
        flags = EVLOOP_NONBLOCK;
    else if (wait > 0)
        event_add(l->tick, &(struct timeval){ .tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000 });
    l->is_waiting = true;
    event_base_loop(l->base, flags);
    woke(l);
    if (wait > 0)
        event_del(l->tick);
}

void loop_private_run_deferred(struct loop *l)
{
    for (int round = 0; round < DEFERRED_ROUNDS && !list_is_empty(&l->deferred); round++) {
        /* A marker ends the round: what is scheduled meanwhile comes behind it. */
        struct list end, *node;
        list_append(&l->deferred, &end);
        while ((node = list_pop(&l->deferred)) != &end) {
            struct loop_deferred *d = LIST_OF(node, struct loop_deferred, node);
            d->fn(d->ctx);
        }
    }
}

void loop_turn(struct loop *l, int64_t max_wait_ms)
{
    run_descriptors(l, wait_ms(l, max_wait_ms));
    timers_run(l);
    loop_private_run_deferred(l);
    log_flush();
}

void loop_run(struct loop *l)
{
    while (!l->is_stopped)
        loop_turn(l, -1);
    l->is_stopped = false;
}

void loop_stop(struct loop *l)
{
    l->is_stopped = true;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

int64_t loop_wall_ms(const struct loop *l)
{
    return l->wall_ms;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    struct loop_io *io = ctx;
    woke(io->loop);
    io->fn(io->ctx, (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u));
    /* `io` may be gone. */
}

static void watch(struct loop_io *io, int fd, unsigned want)
{
    short what = (short)(EV_PERSIST | (want & LOOP_READ ? EV_READ : 0) | (want & LOOP_WRITE ? EV_WRITE : 0));
    io->want = want;
    event_assign(&io->event, io->loop->base, fd, what, on_ready, io);
    if (want && event_add(&io->event, NULL) < 0) {
        log_error("loop.failed", LOG_TEXT("text", "a descriptor can't be watched"), LOG_NUMBER("fd", fd));
        abort();
    }
}

struct loop_io *loop_io_new(struct loop *l, int fd, unsigned want, loop_io_fn *fn, void *ctx)
{
    struct loop_io *io = mem_alloc(sizeof *io);
    io->loop = l;
    io->fn = fn;
    io->ctx = ctx;
    watch(io, fd, want);
    return io;
}

void loop_io_want(struct loop_io *io, unsigned want)
{
    if (io->want == want)
        return;
    event_del(&io->event);
    watch(io, event_get_fd(&io->event), want);
}

void loop_io_free(struct loop_io *io)
{
    if (!io)
        return;
    event_del(&io->event);
    free(io);
}

void loop_deferred_init(struct loop_deferred *d, loop_deferred_fn *fn, void *ctx)
{
    *d = (struct loop_deferred){ .fn = fn, .ctx = ctx };
    list_init(&d->node);
}

void loop_defer(struct loop *l, struct loop_deferred *d)
{
    if (list_is_empty(&d->node))
        list_append(&l->deferred, &d->node);
}

void loop_undefer(struct loop_deferred *d)
{
    list_remove(&d->node);
}

static void on_signal(void *ctx, unsigned ready)
{
    struct loop_signal *s = ctx;
    struct signalfd_siginfo info;
    if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        s->fn(s->ctx, s->signal);
}

static void set_blocked(int signal, int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(how, &set, NULL);
}

struct loop_signal *loop_signal_new(struct loop *l, int signal, loop_signal_fn *fn, void *ctx)
{
    struct loop_signal *s = mem_alloc(sizeof *s);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    set_blocked(signal, SIG_BLOCK);
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0) {
        log_error("loop.failed", LOG_TEXT("text", strerror(errno)), LOG_NUMBER("signal", signal));
        abort();
    }
    s->signal = signal;
    s->fn = fn;
    s->ctx = ctx;
    s->io = loop_io_new(l, s->fd, LOOP_READ, on_signal, s);
    list_append(&l->signals, &s->node);
    return s;
}

void loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return;
    list_remove(&s->node);
    loop_io_free(s->io);
    close(s->fd);
    set_blocked(s->signal, SIG_UNBLOCK);
    free(s);
}

void loop_forget_after_fork(struct loop *l)
{
    LIST_EACH (node, &l->signals) {
        struct loop_signal *s = LIST_OF(node, struct loop_signal, node);
        set_blocked(s->signal, SIG_UNBLOCK);
    }
    /* Gives the child an epoll instance of its own first, so that freeing takes nothing out of the parent's. */
    event_reinit(l->base);
    free_memory(l);
}
