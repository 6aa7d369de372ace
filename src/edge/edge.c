/* edge/edge.c - the room's middle: peers, the directory, the list of sessions, the end. */
#include "edge/edge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "edge/session.h"

enum {
    PATIENCE_MS = 10000, /* for transactions that are open when we stop */
    ASK_PATIENCE_MS = 30000,
};

static int open_spool(const struct conf *conf, struct fault *why)
{
    char *path = mem_printf("%s/spool", conf->state);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fault_errno(why, FAULT_LOCAL, errno, "can't open the spool directory %s", path);
    free(path);
    return fd;
}

static void end_patience(void *ctx);
static void tell_stopped(void *ctx);

struct edge *edge_new(struct loop *l, const struct conf *conf, struct fault *why)
{
    int spool_fd = open_spool(conf, why);
    if (spool_fd < 0)
        return NULL;
    struct edge *e = mem_alloc(sizeof *e);
    e->loop = l;
    e->conf = conf;
    e->spool_fd = spool_fd;
    e->directory = directory_new();
    e->hosts = map_new();
    list_init(&e->listeners);
    list_init(&e->sessions);
    asks_init(&e->logins, l, ASK_PATIENCE_MS);
    asks_init(&e->submits, l, ASK_PATIENCE_MS);
    loop_timer_init(&e->patience, l, end_patience, e);
    loop_deferred_init(&e->last_out, tell_stopped, e);
    secret_random(&e->run, sizeof e->run);
    return e;
}

void edge_free(struct edge *e)
{
    if (!e)
        return;
    edge_listeners_end(e);
    LIST_EACH (node, &e->sessions)
        session_cut(LIST_OF(node, struct session, node));
    asks_fini(&e->logins);
    asks_fini(&e->submits);
    loop_timer_stop(&e->patience);
    loop_undefer(&e->last_out);
    directory_free(e->directory);
    directory_free(e->incoming);
    map_free(e->hosts);
    close(e->spool_fd);
    free(e);
}

void edge_reload(struct edge *e, const struct conf *conf)
{
    e->conf = conf;
    edge_listeners_reload(e);
}

/* -- Sessions -- */

size_t edge_sessions(const struct edge *e)
{
    return e->sessions_count;
}

size_t edge_sessions_of(const struct edge *e, const char *host)
{
    return (size_t)(uintptr_t)map_get(e->hosts, host);
}

void edge_session_began(struct edge *e, struct list *node, const char *host)
{
    list_append(&e->sessions, node);
    e->sessions_count++;
    map_put(e->hosts, host, (void *)(uintptr_t)(edge_sessions_of(e, host) + 1));
}

void edge_session_ended(struct edge *e, struct list *node, const char *host)
{
    size_t left = edge_sessions_of(e, host) - 1;
    list_remove(node);
    e->sessions_count--;
    if (left == 0)
        map_remove(e->hosts, host);
    else
        map_put(e->hosts, host, (void *)(uintptr_t)left);
    if (e->is_stopping && e->sessions_count == 0)
        loop_defer(e->loop, &e->last_out);
}

/* -- The vault role -- */

static void heard_login_answer(void *ctx, const void *message)
{
    struct edge *e = ctx;
    const struct login_answer *a = message;
    asks_answer(&e->logins, a->tag, a);
}

const struct channel_row edge_vault_rows[] = {
    CHANNEL_ROW(EDGE_LOGIN_ASK, login_ask, NULL),
    CHANNEL_ROW(EDGE_LOGIN_ANSWER, login_answer, heard_login_answer),
    { 0 },
};

void edge_vault_up(struct edge *e, struct channel *c)
{
    e->vault = c;
}

void edge_vault_down(struct edge *e)
{
    e->vault = NULL;
    asks_fail_all(&e->logins);
}

/* -- The queue role -- */

static void heard_object(void *ctx, const void *message)
{
    struct edge *e = ctx;
    const struct directory_object *o = message;
    struct directory *d = e->incoming ? e->incoming : e->directory;
    struct fault why;
    if (!directory_apply_text(d, o->kind, o->key, o->is_removed ? NULL : o->json, &why))
        log_error("directory.refused", LOG_TEXT("key", o->key), LOG_FAULT(&why));
}

static void heard_directory_done(void *ctx, const void *message)
{
    struct edge *e = ctx;
    if (e->incoming) {
        directory_free(e->directory);
        e->directory = e->incoming;
        e->incoming = NULL;
    }
    if (e->has_directory)
        return;
    e->has_directory = true;
    edge_listeners_resume(e);
    if (e->ready)
        e->ready(e->ready_ctx);
}

static void heard_queue_state(void *ctx, const void *message)
{
    struct edge *e = ctx;
    const struct queue_state *q = message;
    e->is_queue_open = q->is_open;
    snprintf(e->queue_why, sizeof e->queue_why, "%s", *q->why ? q->why : "The queue takes no mail for a moment");
}

static void heard_submit_done(void *ctx, const void *message)
{
    struct edge *e = ctx;
    const struct submit_done *d = message;
    asks_answer(&e->submits, d->tag, d);
}

const struct channel_row edge_queue_rows[] = {
    CHANNEL_ROW(EDGE_SUBMIT, submit, NULL),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, heard_submit_done),
    CHANNEL_ROW(EDGE_QUEUE_STATE, queue_state, heard_queue_state),
    DIRECTORY_ROWS(heard_object, heard_directory_done),
    { 0 },
};

void edge_queue_up(struct edge *e, struct channel *c)
{
    e->queue = c;
    e->is_queue_open = true; /* until it says otherwise */
    directory_free(e->incoming);
    e->incoming = directory_new();
}

void edge_queue_down(struct edge *e)
{
    e->queue = NULL;
    directory_free(e->incoming);
    e->incoming = NULL;
    asks_fail_all(&e->submits);
}

void edge_on_ready(struct edge *e, edge_event_fn *fn, void *ctx)
{
    e->ready = fn;
    e->ready_ctx = ctx;
}

/* -- The end -- */

static void tell_stopped(void *ctx)
{
    struct edge *e = ctx;
    e->stopped(e->stopped_ctx);
}

static void end_patience(void *ctx)
{
    struct edge *e = ctx;
    LIST_EACH (node, &e->sessions)
        session_cut(LIST_OF(node, struct session, node));
}

void edge_stop(struct edge *e, edge_event_fn *stopped, void *ctx)
{
    e->stopped = stopped;
    e->stopped_ctx = ctx;
    e->is_stopping = true;
    edge_listeners_end(e);
    loop_timer_start(&e->patience, PATIENCE_MS);
    LIST_EACH (node, &e->sessions)
        session_stop(LIST_OF(node, struct session, node));
    if (e->sessions_count == 0)
        loop_defer(e->loop, &e->last_out);
}
