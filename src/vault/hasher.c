#include "vault/hasher.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"

struct hasher {
    hasher_done_fn *done;
    void *ctx;
    struct loop_io *io;
    int event; /* the thread has ended, or nearly */
    pthread_t thread;
    bool is_busy, has_thread;
    struct secret *typed;
    bool is_making;
    enum password_cost cost;       /* then */
    char hash[PASSWORD_HASH_SIZE]; /* this and what follows are the thread's, until it is joined */
    bool is_right;
};

static void *work(void *ctx)
{
    struct hasher *h = ctx;
    const uint64_t one = 1;
    if (h->is_making)
        password_hash(h->cost, h->typed, h->hash);
    h->is_right = h->is_making || password_is(h->typed, h->hash);
    if (write(h->event, &one, sizeof one) != (ssize_t)sizeof one)
        abort(); /* nobody would ever be answered again */
    return NULL;
}

static void join(struct hasher *h)
{
    if (h->has_thread)
        pthread_join(h->thread, NULL);
    h->has_thread = false;
}

static void on_done(void *ctx, unsigned ready)
{
    struct hasher *h = ctx;
    uint64_t count;
    if (read(h->event, &count, sizeof count) != (ssize_t)sizeof count || !h->is_busy)
        return;
    join(h);
    struct secret *typed = h->typed;
    char hash[PASSWORD_HASH_SIZE];
    memcpy(hash, h->hash, sizeof hash);
    h->typed = NULL;
    h->is_busy = false;
    h->done(h->ctx, typed, hash, h->is_right); /* may start the next */
    secret_free(typed);
}

struct hasher *hasher_new(struct loop *l, hasher_done_fn *done, void *ctx)
{
    struct hasher *h = mem_alloc(sizeof *h);
    *h = (struct hasher){ .done = done, .ctx = ctx, .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if (h->event < 0) {
        fprintf(stderr, "postern: no descriptor is left for the checking of passwords (ulimit -n)\n");
        abort();
    }
    h->io = loop_io_new(l, h->event, LOOP_READ, on_done, h);
    return h;
}

void hasher_free(struct hasher *h)
{
    if (!h)
        return;
    join(h);
    secret_free(h->typed);
    loop_io_free(h->io);
    close(h->event);
    free(h);
}

bool hasher_is_busy(const struct hasher *h)
{
    return h->is_busy;
}

/* Signals are the loop's. */
static bool start_thread(struct hasher *h)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&h->thread, NULL, work, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

/* Where the system gives no thread (ulimit -u), the loop does the work itself and others wait for it that long. */
static void start(struct hasher *h, const struct secret *typed)
{
    h->typed = secret_dup(typed);
    h->is_busy = true;
    h->has_thread = start_thread(h);
    if (!h->has_thread)
        work(h);
}

void hasher_compare(struct hasher *h, const struct secret *typed, const char *hash)
{
    assert(!h->is_busy);
    h->is_making = false;
    snprintf(h->hash, sizeof h->hash, "%s", hash);
    start(h, typed);
}

void hasher_make(struct hasher *h, enum password_cost cost, const struct secret *typed)
{
    assert(!h->is_busy);
    h->is_making = true;
    h->cost = cost;
    start(h, typed);
}
