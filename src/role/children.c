/* role/children.c - one process per role; one that dies is started again, later and later if it keeps dying. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "role/parent.h"

#define BACK_OFF_FIRST_MS 100
#define BACK_OFF_MAX_MS 30000
#define LIVED_WELL_MS 60000 /* a death after that is not the continuation of the one before */

bool child_is_alive(const struct child *c)
{
    return c->pid > 0 && c->control;
}

const char *child_state_name(enum child_state state)
{
    static const char *const names[] = { "waiting", "starting", "running", "stopping", "stopped" };
    return names[state];
}

struct child *children_find(struct parent *p, unsigned kind, unsigned index)
{
    for (struct child *c = p->children; c < p->children + p->children_count; c++)
        if (c->hooks->kind == kind && c->index == index)
            return c;
    return NULL;
}

void children_tell(struct parent *p, uint32_t type, const void *message)
{
    for (struct child *c = p->children; c < p->children + p->children_count; c++)
        if (child_is_alive(c))
            channel_send(c->control, type, message);
}

/* ---- what a child says ---- */

static void tell_all_are_ready(struct parent *p)
{
    for (const struct child *c = p->children; c < p->children + p->children_count; c++)
        if (c->state != CHILD_RUNNING)
            return;
    p->is_ready = true;
    doors_log(p);
    notify("READY=1\nSTATUS=Ready");
}

static void heard_ready(void *ctx, const void *message)
{
    struct child *c = ctx;
    struct parent *p = c->parent;
    if (c->state != CHILD_STARTING)
        return;
    c->state = CHILD_RUNNING;
    log_debug("role.ready", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index));
    if (!p->is_ready && !p->is_stopping)
        tell_all_are_ready(p);
}

static void heard_ask(void *ctx, const void *message)
{
    ask_heard(ctx, message);
}

static void heard_lost(void *ctx, const void *message)
{
    wiring_lost(ctx, message);
}

static const struct channel_row control_rows[] = {
    CHANNEL_ROW(PARENT_PEER, parent_peer, NULL),           CHANNEL_ROW(PARENT_LISTENER, parent_listener, NULL),
    CHANNEL_ROW(PARENT_LISTENER_END, parent_number, NULL), CHANNEL_ROW(PARENT_RELOAD, parent_text, NULL),
    CHANNEL_ROW(PARENT_EVENTS, parent_fd, NULL),           CHANNEL_ROW(PARENT_STOP, parent_empty, NULL),
    CHANNEL_ROW(PARENT_START, parent_empty, NULL),         CHANNEL_ROW(PARENT_READY, parent_empty, heard_ready),
    CHANNEL_ROW(PARENT_ASK, parent_text, heard_ask),       CHANNEL_ROW(PARENT_ANSWER, parent_text, NULL),
    CHANNEL_ROW(PARENT_LOST, parent_lost, heard_lost),     { 0 },
};

/* Its end, or nonsense: either way it is no role any more. children_reap() does the rest. */
static void on_control_closed(void *ctx, const struct fault *why)
{
    struct child *c = ctx;
    if (why->kind != FAULT_RETRY)
        log_error("channel.broken", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index), LOG_FAULT(why));
    channel_free(c->control);
    c->control = NULL;
    if (c->pid > 0)
        kill(c->pid, SIGKILL);
}

/* ---- starting ---- */

static void set_input(const struct parent *p, const struct child *c)
{
    int fd = p->input_fd;
    if (fd >= 0 && c->hooks->kind == ROLE_VAULT)
        lseek(fd, 0, SEEK_SET);
    else
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        dup2(fd, STDIN_FILENO);
}

static _Noreturn void be_the_child(struct parent *p, struct child *c, int control_fd)
{
    doors_forget_keys(&p->doors);
    loop_forget_after_fork(p->loop);
    set_input(p, c);
    role_main(c->hooks, c->index, control_fd, p->conf);
}

static bool start_process(struct child *c, struct fault *why)
{
    struct parent *p = c->parent;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "a channel for role %s", c->hooks->name);
    log_flush(); /* or the child would write it once more */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        be_the_child(p, c, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        int error = errno;
        close(ends[0]);
        return fault_errno(why, FAULT_LOCAL, error, "a process for role %s", c->hooks->name);
    }
    c->pid = pid;
    c->control = channel_new(p->loop, ends[0], control_rows, on_control_closed, c);
    c->state = CHILD_STARTING;
    c->since_ms = loop_now_ms(p->loop);
    c->since_wall_ms = loop_wall_ms(p->loop);
    return true;
}

static void wire(struct child *c)
{
    doors_tell(c->parent, c);
    channel_send(c->control, PARENT_START, &(struct parent_empty){ 0 });
}

static void start_again_later(struct child *c)
{
    c->state = CHILD_WAITING;
    loop_timer_start(&c->restart, c->back_off_ms);
    c->back_off_ms = c->back_off_ms * 2 < BACK_OFF_MAX_MS ? c->back_off_ms * 2 : BACK_OFF_MAX_MS;
}

static void on_restart(void *ctx)
{
    struct child *c = ctx;
    struct fault why;
    c->restarts++;
    if (!start_process(c, &why)) {
        log_error("role.failed", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index), LOG_FAULT(&why));
        start_again_later(c);
        return;
    }
    wiring_join(c->parent, c);
    wire(c);
    log_info("role.restarted", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index),
             LOG_UNSIGNED("restarts", c->restarts));
}

static void add_child(struct parent *p, const struct role_hooks *hooks, unsigned index)
{
    struct child *c = &p->children[p->children_count++];
    *c = (struct child){ .parent = p, .hooks = hooks, .index = index, .back_off_ms = BACK_OFF_FIRST_MS };
    loop_timer_init(&c->restart, p->loop, on_restart, c);
}

void children_init(struct parent *p)
{
    unsigned edges = role_edges(p->conf);
    p->children = mem_alloc((ROLE_KINDS + edges) * sizeof *p->children);
    for (unsigned kind = ROLE_EDGE; kind < ROLE_KINDS; kind++)
        for (unsigned i = 0; p->hooks[kind] && i < (kind == ROLE_EDGE ? edges : 1); i++)
            add_child(p, p->hooks[kind], i);
}

bool children_start(struct parent *p, struct fault *why)
{
    struct child *end = p->children + p->children_count;
    for (struct child *c = p->children; c < end; c++) {
        if (!start_process(c, why))
            return false;
        wiring_join(p, c); /* with those before it */
    }
    for (struct child *c = p->children; c < end; c++)
        wire(c);
    return true;
}

/* ---- dying ---- */

static void describe_end(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
}

static void ended(struct child *c, int status)
{
    struct parent *p = c->parent;
    char how[96];
    c->pid = 0;
    channel_free(c->control);
    c->control = NULL;
    describe_end(status, how, sizeof how);
    if (p->is_stopping) {
        c->state = CHILD_STOPPED;
        log_debug("role.stopped", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index),
                  LOG_TEXT("text", how));
        stop_advance(p);
        return;
    }
    log_error("role.ended", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index), LOG_TEXT("text", how));
    if (!p->is_ready) {
        c->state = CHILD_STOPPED;
        stop_begin(p, "a role could not start", 1);
        return;
    }
    if (loop_now_ms(p->loop) - c->since_ms >= LIVED_WELL_MS)
        c->back_off_ms = BACK_OFF_FIRST_MS;
    start_again_later(c);
}

void children_reap(struct parent *p)
{
    for (struct child *c = p->children; c < p->children + p->children_count; c++) {
        int status;
        if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
            ended(c, status);
    }
}
