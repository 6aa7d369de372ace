/* Timers by the virtual clock, descriptors and signals by the real one. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "loop/loop.h"

static char trace[256];

static void note(const char *what)
{
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

struct noted {
    struct loop_timer timer;
    const char *name;
};

static void on_noted(void *ctx)
{
    note(((struct noted *)ctx)->name);
}

static void timers_run_at_their_time_and_in_order(void **state)
{
    struct loop *l = loop_new_virtual(1000);
    struct noted timers[] = { { .name = "a" }, { .name = "b" }, { .name = "c" }, { .name = "d" } };
    const int64_t in_ms[] = { 300, 100, 100, 200 };
    trace[0] = 0;
    for (int i = 0; i < 4; i++) {
        loop_timer_init(&timers[i].timer, l, on_noted, &timers[i]);
        assert_false(loop_timer_is_running(&timers[i].timer));
        loop_timer_start(&timers[i].timer, in_ms[i]);
    }
    loop_advance(l, 99);
    assert_string_equal(trace, "");
    loop_advance(l, 1);
    assert_string_equal(trace, "bc");
    loop_timer_stop(&timers[3].timer);
    loop_timer_stop(&timers[3].timer);
    loop_advance(l, 1000);
    assert_string_equal(trace, "bca");
    assert_int_equal(loop_wall_ms(l), 1000 + 1100);
    loop_free(l);
}

static void many_timers_keep_their_order(void **state)
{
    enum { COUNT = 2000 };
    struct loop *l = loop_new_virtual(0);
    struct loop_timer *timers = mem_alloc(COUNT * sizeof *timers);
    struct noted sink = { .name = "" };
    uint32_t random = 7;
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525 + 1013904223;
        loop_timer_init(&timers[i], l, on_noted, &sink);
        loop_timer_start(&timers[i], random >> 20);
    }
    for (int i = 0; i < COUNT; i += 3)
        loop_timer_stop(&timers[i]);
    for (int64_t at = 0; at < 4096; at += 64) {
        loop_advance(l, 64);
        for (int i = 0; i < COUNT; i++)
            if (i % 3 == 0 || timers[i].due_ms <= loop_now_ms(l))
                assert_false(loop_timer_is_running(&timers[i]));
            else
                assert_true(loop_timer_is_running(&timers[i]));
    }
    free(timers);
    loop_free(l);
}

struct chain {
    struct loop_timer timer;
    int left;
    int64_t every_ms;
};

static void on_chain(void *ctx)
{
    struct chain *c = ctx;
    if (--c->left > 0)
        loop_timer_start(&c->timer, c->every_ms);
}

static void a_timer_may_start_itself_again(void **state)
{
    struct loop *l = loop_new_virtual(0);
    struct chain c = { .left = 5, .every_ms = 10 };
    loop_timer_init(&c.timer, l, on_chain, &c);
    loop_timer_start(&c.timer, 10);
    loop_advance(l, 49);
    assert_int_equal(c.left, 1);
    loop_advance(l, 1);
    assert_int_equal(c.left, 0);
    loop_free(l);
}

static void a_timer_of_nothing_does_not_starve_the_rest(void **state)
{
    struct loop *l = loop_new();
    struct chain c = { .left = 1000, .every_ms = 0 };
    loop_timer_init(&c.timer, l, on_chain, &c);
    loop_timer_start(&c.timer, 0);
    loop_turn(l, 0);
    assert_true(c.left >= 998);
    loop_timer_stop(&c.timer);
    loop_free(l);
}

struct twice {
    struct loop *loop;
    struct loop_deferred first, second;
    int again;
};

static void on_second(void *ctx)
{
    note("2");
}

static void on_first(void *ctx)
{
    struct twice *t = ctx;
    note("1");
    loop_defer(t->loop, &t->second);
    if (t->again-- > 0)
        loop_defer(t->loop, &t->first);
}

static void deferred_work_runs_once_at_the_end_of_the_turn(void **state)
{
    struct loop *l = loop_new_virtual(0);
    struct twice t = { .loop = l };
    trace[0] = 0;
    loop_deferred_init(&t.first, on_first, &t);
    loop_deferred_init(&t.second, on_second, &t);
    loop_defer(l, &t.first);
    loop_defer(l, &t.first);
    assert_string_equal(trace, "");
    loop_turn(l, 0);
    assert_string_equal(trace, "12");
    loop_defer(l, &t.second);
    loop_undefer(&t.second);
    loop_turn(l, 0);
    assert_string_equal(trace, "12");
    loop_free(l);
}

static void deferred_work_that_never_ends_lets_descriptors_in(void **state)
{
    struct loop *l = loop_new_virtual(0);
    struct twice t = { .loop = l, .again = 1000000 };
    trace[0] = 0;
    loop_deferred_init(&t.first, on_first, &t);
    loop_deferred_init(&t.second, on_second, &t);
    loop_defer(l, &t.first);
    loop_turn(l, 0);
    assert_true(t.again > 900000);
    loop_undefer(&t.first);
    loop_free(l);
}

static void freeing_runs_what_was_deferred(void **state)
{
    struct loop *l = loop_new_virtual(0);
    struct twice t = { .loop = l };
    trace[0] = 0;
    loop_deferred_init(&t.second, on_second, &t);
    loop_defer(l, &t.second);
    loop_free(l);
    assert_string_equal(trace, "2");
}

struct pipe_end {
    struct loop *loop;
    struct loop_io *io;
    int fd;
    unsigned ready;
    int calls;
    bool frees_itself;
};

static void on_pipe(void *ctx, unsigned ready)
{
    struct pipe_end *p = ctx;
    char byte;
    p->ready = ready;
    p->calls++;
    if ((ready & LOOP_READ) && read(p->fd, &byte, 1) < 0)
        fail();
    if (p->frees_itself) {
        loop_io_free(p->io);
        p->io = NULL;
    }
    loop_stop(p->loop);
}

static void descriptors_are_watched_as_wanted(void **state)
{
    int fds[2];
    struct loop *l = loop_new();
    assert_int_equal(pipe(fds), 0);
    struct pipe_end in = { .loop = l, .fd = fds[0] }, out = { .loop = l, .fd = fds[1] };
    in.io = loop_io_new(l, fds[0], LOOP_READ, on_pipe, &in);
    out.io = loop_io_new(l, fds[1], 0, on_pipe, &out);
    loop_turn(l, 0);
    assert_int_equal(in.calls + out.calls, 0);

    assert_int_equal(write(fds[1], "ab", 2), 2);
    loop_run(l);
    assert_int_equal(in.ready, LOOP_READ);
    loop_run(l); /* level-triggered: "b" is still there */
    assert_int_equal(in.calls, 2);

    loop_io_want(out.io, LOOP_WRITE);
    out.frees_itself = true;
    loop_run(l);
    assert_int_equal(out.ready, LOOP_WRITE);
    loop_turn(l, 0);
    assert_int_equal(out.calls, 1);
    loop_io_free(in.io);
    loop_free(l);
    close(fds[0]);
    close(fds[1]);
}

static void a_turn_waits_for_its_timer_and_not_longer(void **state)
{
    struct loop *l = loop_new();
    struct noted t = { .name = "t" };
    trace[0] = 0;
    loop_timer_init(&t.timer, l, on_noted, &t);
    int64_t before = clock_steady_ms();
    loop_timer_start(&t.timer, 30);
    while (!*trace)
        loop_turn(l, -1);
    int64_t took = clock_steady_ms() - before;
    assert_in_range(took, 29, 5000);
    loop_free(l);
}

static void on_signal(void *ctx, int signal)
{
    assert_int_equal(signal, SIGUSR1);
    loop_stop(ctx);
}

static void signals_are_heard_in_the_loop(void **state)
{
    struct loop *l = loop_new();
    struct loop_signal *s = loop_signal_new(l, SIGUSR1, on_signal, l);
    raise(SIGUSR1);
    loop_run(l);
    loop_signal_free(s);
    loop_free(l);
}

/* The child's freeing must not take the parent's descriptor out of the shared epoll instance. */
static void a_forked_child_forgets_without_disturbing(void **state)
{
    int fds[2];
    struct loop *l = loop_new();
    assert_int_equal(pipe(fds), 0);
    struct pipe_end in = { .loop = l, .fd = fds[0] };
    struct loop_signal *s = loop_signal_new(l, SIGUSR1, on_signal, l);
    in.io = loop_io_new(l, fds[0], LOOP_READ, on_pipe, &in);
    pid_t child = fork();
    if (child == 0) {
        loop_forget_after_fork(l);
        raise(SIGUSR1); /* no longer blocked: ends the child */
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(write(fds[1], "x", 1), 1);
    loop_turn(l, 1000);
    assert_int_equal(in.calls, 1);
    loop_io_free(in.io);
    loop_signal_free(s);
    loop_free(l);
    close(fds[0]);
    close(fds[1]);
}

/* In a child, because a process looks for the clock file only once. */
static void a_clock_file_moves_a_real_loop(void **state)
{
#ifdef POSTERN_TEST_CLOCK
    char path[] = "/tmp/postern-clock-XXXXXX";
    int64_t offset = 0;
    int fd = mkstemp(path);
    assert_int_equal(pwrite(fd, &offset, sizeof offset, 0), sizeof offset);
    pid_t child = fork();
    if (child == 0) {
        setenv("POSTERN_TEST_CLOCK", path, 1);
        struct loop *l = loop_new();
        struct noted t = { .name = "t" };
        trace[0] = 0;
        loop_timer_init(&t.timer, l, on_noted, &t);
        loop_timer_start(&t.timer, 3600000);
        loop_turn(l, 0);
        offset = 3600000;
        bool is_early = *trace != 0;
        bool is_written = pwrite(fd, &offset, sizeof offset, 0) == sizeof offset;
        for (int i = 0; i < 50 && !*trace; i++)
            loop_turn(l, -1);
        _exit(clock_is_moved() && !is_early && is_written && *trace ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
    unlink(path);
#else
    assert_false(clock_is_moved());
#endif
}

struct ended {
    struct loop_child *child;
    int count, status;
    bool frees;
};

static void on_ended(void *ctx, int status)
{
    struct ended *e = ctx;
    e->count++;
    e->status = status;
    if (e->frees)
        loop_child_free(e->child);
}

static pid_t child_that(int code)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (code < 0)
            raise(-code);
        while (code == 1000)
            pause();
        _exit(code);
    }
    return pid;
}

static void turn_until_ended(struct loop *l, const struct ended *e)
{
    for (int i = 0; i < 1000 && e->count == 0; i++) {
        loop_turn(l, 10);
        usleep(1000);
    }
    assert_int_equal(e->count, 1);
}

static void children_end_on_either_loop(void **state)
{
    const int codes[] = { 0, 75, -SIGTERM };
    for (int i = 0; i < 6; i++) {
        struct loop *l = i % 2 ? loop_new_virtual(1000) : loop_new();
        struct ended e = { .frees = i < 3 };
        int code = codes[i % 3];
        pid_t pid = child_that(code);
        e.child = loop_child_new(l, pid, on_ended, &e);
        turn_until_ended(l, &e);
        assert_int_equal(e.status, code < 0 ? -code : code << 8);
        assert_true(waitpid(pid, NULL, WNOHANG) < 0); /* reaped */
        if (!e.frees)
            loop_child_free(e.child);
        loop_free(l);
    }
}

static void a_child_that_is_let_go_is_killed_and_reaped(void **state)
{
    struct loop *l = loop_new();
    struct ended e = { .count = 0 };
    pid_t pids[2] = { child_that(1000), child_that(1000) };
    loop_child_free(loop_child_new(l, pids[0], on_ended, &e));
    for (int i = 0; i < 1000 && kill(pids[0], 0) == 0; i++)
        loop_turn(l, 10);
    assert_true(waitpid(pids[0], NULL, WNOHANG) < 0);
    loop_child_free(loop_child_new(l, pids[1], on_ended, &e));
    loop_free(l); /* waits for it */
    assert_true(waitpid(pids[1], NULL, WNOHANG) < 0);
    assert_int_equal(e.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_file_moves_a_real_loop),
        cmocka_unit_test(timers_run_at_their_time_and_in_order),
        cmocka_unit_test(many_timers_keep_their_order),
        cmocka_unit_test(a_timer_may_start_itself_again),
        cmocka_unit_test(a_timer_of_nothing_does_not_starve_the_rest),
        cmocka_unit_test(deferred_work_runs_once_at_the_end_of_the_turn),
        cmocka_unit_test(deferred_work_that_never_ends_lets_descriptors_in),
        cmocka_unit_test(freeing_runs_what_was_deferred),
        cmocka_unit_test(descriptors_are_watched_as_wanted),
        cmocka_unit_test(a_turn_waits_for_its_timer_and_not_longer),
        cmocka_unit_test(signals_are_heard_in_the_loop),
        cmocka_unit_test(a_forked_child_forgets_without_disturbing),
        cmocka_unit_test(children_end_on_either_loop),
        cmocka_unit_test(a_child_that_is_let_go_is_killed_and_reaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
