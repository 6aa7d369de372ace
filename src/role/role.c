/* role/role.c - the life of a role process: harden, start, be wired up, obey the parent. */
#include "role/role.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "jail/jail.h"
#include "role/role_private.h"

#define LAST_WORDS_MS 1000

struct peer {
    struct list node; /* in role->peers */
    struct role *role;
    enum role_kind kind;
    unsigned index;
    struct channel *channel;
    void *ctx; /* of the hooks */
};

struct role {
    const struct role_hooks *hooks;
    unsigned index;
    struct loop *loop;
    struct channel *control;
    const struct conf *conf;
    struct arena *conf_arena; /* NULL: the configuration inherited from the parent */
    struct list peers;
    void *self;
    bool is_wired; /* the parent said so */
    bool is_ready; /* the hooks said so */
};

struct loop *role_loop(struct role *r)
{
    return r->loop;
}

const struct conf *role_conf(struct role *r)
{
    return r->conf;
}

unsigned role_edges(const struct conf *conf)
{
    if (conf->limits.edges > 0)
        return conf->limits.edges;
    cpu_set_t usable; /* a container may have been given fewer than the machine has */
    return sched_getaffinity(0, sizeof usable, &usable) == 0 ? (unsigned)CPU_COUNT(&usable) : 1;
}

unsigned role_index(const struct role *r)
{
    return r->index;
}

static _Noreturn void end(int status)
{
    log_flush();
    /* Not exit(): the handlers and half-written stdio buffers of before the fork are the parent's. */
    _exit(status);
}

void role_die(struct role *r, const struct fault *why)
{
    if (!r->is_ready)
        log_to_stderr(true); /* this ends the daemon's start: whoever started it must see why */
    log_error("role.failed", LOG_UNSIGNED("index", r->index), LOG_FAULT(why));
    end(1);
}

static void tell_when_ready(struct role *r)
{
    if (r->is_wired && r->is_ready)
        channel_send(r->control, PARENT_READY, &(struct parent_empty){ 0 });
}

void role_ready(struct role *r)
{
    if (r->is_ready)
        return;
    r->is_ready = true;
    tell_when_ready(r);
}

/* Rooms may be gone after this call, so nothing is heard any more; what was said still leaves. */
void role_stopped(struct role *r)
{
    LIST_EACH (node, &r->peers) {
        channel_close(LIST_OF(node, struct peer, node)->channel, LAST_WORDS_MS);
    }
    loop_stop(r->loop);
}

void role_ask_parent(struct role *r, uint64_t tag, const char *json)
{
    channel_send(r->control, PARENT_ASK, &(struct parent_text){ .tag = tag, .text = json });
}

/* ---- peers ---- */

static struct peer *find_peer(struct role *r, enum role_kind kind, unsigned index)
{
    LIST_EACH (node, &r->peers) {
        struct peer *p = LIST_OF(node, struct peer, node);
        if (p->kind == kind && p->index == index)
            return p;
    }
    return NULL;
}

static void drop_peer(struct peer *p)
{
    const struct role_hooks *hooks = p->role->hooks;
    list_remove(&p->node);
    if (hooks->peer_down)
        hooks->peer_down(p->role->self, p->kind, p->index, p->ctx);
    channel_free(p->channel);
    free(p);
}

static void on_peer_closed(void *ctx, const struct fault *why)
{
    struct peer *p = ctx;
    struct role *r = p->role;
    struct parent_lost lost = { .role = p->kind, .index = p->index };
    /* A peer that went away is the parent's news; one that talks nonsense is ours. */
    if (why->kind == FAULT_RETRY)
        log_debug("channel.closed", LOG_UNSIGNED("peer", p->kind), LOG_UNSIGNED("index", p->index));
    else
        log_error("channel.broken", LOG_UNSIGNED("peer", p->kind), LOG_UNSIGNED("index", p->index), LOG_FAULT(why));
    drop_peer(p);
    channel_send(r->control, PARENT_LOST, &lost);
}

static void heard_peer(void *ctx, const void *message)
{
    struct role *r = ctx;
    const struct parent_peer *m = message;
    const struct channel_row *rows = m->role < ROLE_KINDS && r->hooks->rows ? r->hooks->rows(m->role) : NULL;
    if (!rows || m->fd < 0) {
        if (m->fd >= 0)
            close(m->fd);
        return;
    }
    struct peer *p = find_peer(r, m->role, m->index);
    if (p)
        drop_peer(p);
    p = mem_alloc(sizeof *p);
    *p = (struct peer){ .role = r, .kind = m->role, .index = m->index };
    list_append(&r->peers, &p->node);
    p->channel = channel_new(r->loop, m->fd, rows, on_peer_closed, p);
    if (r->hooks->peer_up)
        p->ctx = r->hooks->peer_up(r->self, p->kind, p->index, p->channel);
    channel_set_heard_ctx(p->channel, p->ctx);
}

/* ---- what else the parent says ---- */

static void heard_listener(void *ctx, const void *message)
{
    struct role *r = ctx;
    const struct parent_listener *m = message;
    if (r->hooks->listener)
        r->hooks->listener(r->self, m);
    else if (m->fd >= 0)
        close(m->fd);
}

static void heard_listener_end(void *ctx, const void *message)
{
    struct role *r = ctx;
    if (r->hooks->listener_end)
        r->hooks->listener_end(r->self, ((const struct parent_number *)message)->number);
}

static void heard_reload(void *ctx, const void *message)
{
    struct role *r = ctx;
    const struct parent_text *m = message;
    struct arena *arena = arena_new();
    struct conf *conf = arena_alloc(arena, sizeof *conf);
    struct fault why;
    if (!conf_parse(bytes_of(m->text), arena_strdup(arena, r->conf->file), arena, conf, NULL, NULL, &why)) {
        log_error("conf.refused", LOG_FAULT(&why));
        arena_free(arena);
        return;
    }
    struct arena *old = r->conf_arena;
    r->conf = conf;
    r->conf_arena = arena;
    log_set_level(role_log_level(conf));
    log_to_stderr(conf->log.is_stderr);
    if (r->hooks->reload)
        r->hooks->reload(r->self, conf);
    arena_free(old);
}

static void heard_events(void *ctx, const void *message)
{
    log_to_events(((const struct parent_fd *)message)->fd);
}

static void heard_stop(void *ctx, const void *message)
{
    struct role *r = ctx;
    if (r->hooks->stop)
        r->hooks->stop(r->self);
    else
        role_stopped(r);
}

static void heard_start(void *ctx, const void *message)
{
    struct role *r = ctx;
    r->is_wired = true;
    tell_when_ready(r);
}

static void heard_answer(void *ctx, const void *message)
{
    struct role *r = ctx;
    const struct parent_text *m = message;
    if (r->hooks->parent_answer)
        r->hooks->parent_answer(r->self, m->tag, m->text);
}

static void on_control_closed(void *ctx, const struct fault *why)
{
    end(1); /* the parent is gone, or not itself */
}

static const struct channel_row control_rows[] = {
    CHANNEL_ROW(PARENT_PEER, parent_peer, heard_peer),
    CHANNEL_ROW(PARENT_LISTENER, parent_listener, heard_listener),
    CHANNEL_ROW(PARENT_LISTENER_END, parent_number, heard_listener_end),
    CHANNEL_ROW(PARENT_RELOAD, parent_text, heard_reload),
    CHANNEL_ROW(PARENT_EVENTS, parent_fd, heard_events),
    CHANNEL_ROW(PARENT_STOP, parent_empty, heard_stop),
    CHANNEL_ROW(PARENT_START, parent_empty, heard_start),
    CHANNEL_ROW(PARENT_READY, parent_empty, NULL),
    CHANNEL_ROW(PARENT_ASK, parent_text, NULL),
    CHANNEL_ROW(PARENT_ANSWER, parent_text, heard_answer),
    CHANNEL_ROW(PARENT_LOST, parent_lost, NULL),
    { 0 },
};

/* ---- the process ---- */

enum log_level role_log_level(const struct conf *conf)
{
    enum log_level level = LOG_LEVEL_INFO;
    log_level_from_name(conf->log.level, &level);
    return level;
}

static void set_up_signals(void)
{
    static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Gives up what the role was forked with; `prepare` is the last that runs with the parent's privileges. */
static void harden(struct role *r, int control_fd)
{
    struct fault why;
    struct jail_user user;
    const int kept[] = { control_fd, log_events_fd() };
    umask(077);
    if (!jail_close_others(kept, sizeof kept / sizeof *kept, &why))
        role_die(r, &why);
    r->loop = loop_new();
    if (r->hooks->prepare && !(r->self = r->hooks->prepare(r, &why)))
        role_die(r, &why);
    if (!jail_user_find(r->conf->user, r->conf->group, &user, &why) ||
        !jail_user_join(&user, r->conf->console.group, &why) || !jail_user_become(&user, &why) ||
        !jail_no_new_privs(&why) || !jail_no_dump(&why))
        role_die(r, &why);
    /* After the change of user, which would undo it. A parent that died before is noticed by its end of the control channel. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void role_main(const struct role_hooks *hooks, unsigned index, int control_fd, const struct conf *conf)
{
    struct role *r = mem_alloc(sizeof *r);
    char name[32];
    *r = (struct role){ .hooks = hooks, .index = index, .conf = conf };
    list_init(&r->peers);
    set_up_signals();
    snprintf(name, sizeof name, "postern:%s", hooks->name);
    prctl(PR_SET_NAME, name);
    log_init(hooks->name, role_log_level(conf));
    log_to_stderr(conf->log.is_stderr);
    harden(r, control_fd);

    struct fault why;
    r->control = channel_new(r->loop, control_fd, control_rows, on_control_closed, r);
    if (hooks->start && !hooks->start(r->self, &why))
        role_die(r, &why);
    loop_run(r->loop);
    end(0);
}
