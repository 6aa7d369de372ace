/* Stands in for the room handoff/: notes what it is given, and ends it at the end of the turn as the fixture says. */
#include <stdio.h>
#include <unistd.h>

#include "inbox_fixture.h"

struct fixture *fake_handoff_fixture;

struct handoff {
    struct loop *loop;
    struct list runs;
};

struct handoff_run {
    struct list node;
    struct handoff *handoff;
    handoff_done_fn *done;
    void *ctx;
    size_t delivery;
    struct loop_deferred end;
    struct loop_timer timer;
    char subject[200];
};

struct handoff *handoff_new(struct loop *l, struct resolver *r, const char *hostname, const struct handoff_host *host,
                            void *ctx)
{
    struct handoff *h = mem_alloc(sizeof *h);
    h->loop = l;
    list_init(&h->runs);
    return h;
}

static void forget(struct handoff_run *run)
{
    fake_handoff_fixture->running--;
    loop_timer_stop(&run->timer);
    loop_undefer(&run->end);
    list_remove(&run->node);
    free(run);
}

void handoff_free(struct handoff *h)
{
    if (!h)
        return;
    for (struct list *node; (node = h->runs.next) != &h->runs;)
        forget(LIST_OF(node, struct handoff_run, node));
    free(h);
}

static void on_end(void *ctx)
{
    struct handoff_run *run = ctx;
    struct fixture *f = fake_handoff_fixture;
    bool fails = f->fails_for && strcmp(f->fails_for, run->subject) == 0;
    const struct handoff_outcome o = { .result = fails ? HANDOFF_RETRY : f->result,
                                       .retry_after_s = f->retry_after_s,
                                       .text = fails || f->result != HANDOFF_DONE ? "HTTP 503: no" : "HTTP 200",
                                       .finding = "" };
    handoff_done_fn *done = run->done;
    void *done_ctx = run->ctx;

    f->deliveries[run->delivery].is_ended = true;
    forget(run);
    done(done_ctx, &o);
}

static void on_timer(void *ctx)
{
    struct handoff_run *run = ctx;

    bool ends = !fake_handoff_fixture->holds || fake_handoff_fixture->ends_one;

    if (!ends)
        loop_timer_start(&run->timer, 10);
    else
        loop_defer(run->handoff->loop, &run->end);
    if (ends)
        fake_handoff_fixture->ends_one = false;
}

static void read_subject(const struct handoff_job *job, char *out, size_t size)
{
    char text[4096] = "";
    ssize_t got = pread(job->fd, text, sizeof text - 1, 0);
    const char *at = got > 0 ? strstr(text, "Subject: ") : NULL;

    snprintf(out, size, "%.*s", at ? (int)strcspn(at + 9, "\r\n") : 0, at ? at + 9 : "");
}

struct handoff_run *handoff_start(struct handoff *h, const struct handoff_job *job, handoff_done_fn *done, void *ctx)
{
    struct fixture *f = fake_handoff_fixture;
    struct handoff_run *run = mem_alloc(sizeof *run);
    struct delivery *d = &f->deliveries[f->deliveries_count];

    if (f->deliveries_count == DELIVERIES_MAX)
        abort();
    run->handoff = h;
    run->done = done;
    run->ctx = ctx;
    run->delivery = f->deliveries_count++;
    list_append(&h->runs, &run->node);
    loop_timer_init(&run->timer, h->loop, on_timer, run);
    loop_deferred_init(&run->end, on_end, run);
    read_subject(job, run->subject, sizeof run->subject);
    snprintf(d->endpoint, sizeof d->endpoint, "%s", job->endpoint->name);
    snprintf(d->subject, sizeof d->subject, "%s", run->subject);
    d->id = job->id;
    d->attempt = job->attempt;
    d->size = job->size;
    d->is_test = job->is_test;
    if (++f->running > f->running_most)
        f->running_most = f->running;
    loop_timer_start(&run->timer, 0);
    return run;
}

void handoff_cancel(struct handoff_run *run)
{
    forget(run);
}

void handoff_signed(struct handoff *h, uint64_t tag, const char *signature, const struct fault *why)
{
}
