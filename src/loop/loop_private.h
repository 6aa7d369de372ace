/* loop/loop_private.h - what the files of this room share. */
#ifndef LOOP_LOOP_PRIVATE_H
#define LOOP_LOOP_PRIVATE_H

#include "loop/loop.h"

/* A binary heap of what is running, soonest first; slot 0 stays empty so that a timer's slot 0 means "not running". */
struct timers {
    struct loop_timer **heap;
    size_t count, capacity;
    uint64_t started; /* so far */
};

struct event_base;
struct event;

struct loop {
    struct event_base *base;
    struct event *tick; /* ends a wait; the only timeout that libevent knows */
    bool is_virtual;
    bool is_stopped;
    bool is_waiting; /* inside the system's wait: the clock is re-read by whatever wakes first */
    int64_t now_ms, wall_ms;
    struct timers timers;
    struct list deferred;
    struct list signals;
    struct list killed; /* children that nobody waits for any more */
};

struct loop *loop_private_new(void);
void loop_private_reap_killed(struct loop *l); /* waits for them: they were killed */
void loop_private_run_deferred(struct loop *l);

struct loop_timer *timers_first(const struct timers *t); /* NULL: none runs */
void timers_add(struct timers *t, struct loop_timer *timer);
void timers_remove(struct timers *t, struct loop_timer *timer);
/* Runs what is due, but what these start only if it is due earlier than now. */
void timers_run(struct loop *l);

#endif
