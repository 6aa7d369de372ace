/* loop/child.c - children by pidfd: an ordinary descriptor that becomes readable when the process ends. */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "loop/loop_private.h"

#define LOOK_MS 50 /* where there are no pidfds */

struct loop_child {
    struct list node; /* in loop->killed once it is nobody's */
    struct loop *loop;
    pid_t pid;
    int fd; /* -1: looked at by the timer */
    struct loop_io *io;
    struct loop_timer timer;
    loop_child_fn *fn; /* NULL: nobody's */
    void *ctx;
    bool is_over, in_callback, is_reaped;
};

static void reap(struct loop_child *c)
{
    list_remove(&c->node);
    loop_io_free(c->io);
    loop_timer_stop(&c->timer);
    if (c->fd >= 0)
        close(c->fd);
    if (!c->is_reaped)
        waitpid(c->pid, NULL, 0);
    free(c);
}

static int status_of(const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_EXITED:
        return info->si_status << 8;
    case CLD_DUMPED:
        return info->si_status | 0x80;
    default:
        return info->si_status;
    }
}

/* Left a zombie while its owner looks: the pid can't be another's yet. */
static void look(struct loop_child *c)
{
    siginfo_t info = { .si_pid = 0 };
    if (c->is_over || waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return;
    c->is_over = true;
    loop_io_free(c->io);
    c->io = NULL;
    loop_timer_stop(&c->timer);
    c->in_callback = true;
    if (c->fn)
        c->fn(c->ctx, status_of(&info));
    c->in_callback = false;
    if (!c->fn)
        reap(c);
    else
        c->is_reaped = waitpid(c->pid, NULL, 0) == c->pid;
}

static void on_ready(void *ctx, unsigned ready)
{
    look(ctx);
}

static void on_timer(void *ctx)
{
    struct loop_child *c = ctx;
    loop_timer_start(&c->timer, LOOK_MS);
    look(c);
}

struct loop_child *loop_child_new(struct loop *l, pid_t pid, loop_child_fn *fn, void *ctx)
{
    struct loop_child *c = mem_alloc(sizeof *c);
    *c = (struct loop_child){ .loop = l, .pid = pid, .fn = fn, .ctx = ctx };
    list_init(&c->node);
    loop_timer_init(&c->timer, l, on_timer, c);
    c->fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (c->fd >= 0)
        c->io = loop_io_new(l, c->fd, LOOP_READ, on_ready, c);
    else
        loop_timer_start(&c->timer, LOOK_MS);
    return c;
}

void loop_child_free(struct loop_child *c)
{
    if (!c)
        return;
    c->fn = NULL;
    if (c->in_callback)
        return;
    if (c->is_over) {
        reap(c);
        return;
    }
    kill(c->pid, SIGKILL);
    list_append(&c->loop->killed, &c->node);
}

void loop_private_reap_killed(struct loop *l)
{
    LIST_EACH (node, &l->killed)
        reap(LIST_OF(node, struct loop_child, node));
}
