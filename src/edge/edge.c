/* edge/edge.c - the room's middle: peers, the directory, the list of sessions, the end. */
#include "edge/edge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "edge/bridged.h"
#include "edge/edge_private.h"
#include "edge/guest.h"
#include "msg/edge_queue.h"
#include "msg/edge_vault.h"
#include "msg/token_msg.h"

enum {
    PATIENCE_MS = 10000, /* for transactions that are open when we stop */
    ASK_PATIENCE_MS = 30000,
    TOKEN_PATIENCE_MS = 60000, /* a token endpoint may have to be asked, and asked again */
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

static void set_bridges(struct edge *e)
{
    const struct conf *c = e->conf;
    bridges_set(e->bridges, &(struct bridges_settings){ .sessions_per_app = c->bridge.sessions_per_app,
                                                        .sessions_per_mailbox = c->bridge.sessions_per_mailbox });
}

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
    list_init(&e->guests);
    asks_init(&e->logins, l, ASK_PATIENCE_MS);
    asks_init(&e->tokens, l, TOKEN_PATIENCE_MS);
    asks_init(&e->submits, l, ASK_PATIENCE_MS);
    e->bridges = bridges_new(l, &bridged_host, e);
    set_bridges(e);
    loop_timer_init(&e->patience, l, end_patience, e);
    loop_deferred_init(&e->last_out, tell_stopped, e);
    secret_random(&e->run, sizeof e->run);
    return e;
}

static void cut_all(struct edge *e)
{
    LIST_EACH (node, &e->guests) {
        struct guest *g = LIST_OF(node, struct guest, node);
        g->kind->cut(g);
    }
}

void edge_free(struct edge *e)
{
    if (!e)
        return;
    edge_listeners_end(e);
    cut_all(e);
    asks_fini(&e->logins);
    asks_fini(&e->tokens);
    asks_fini(&e->submits);
    bridges_free(e->bridges);
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
    set_bridges(e);
    edge_listeners_reload(e);
}

/* -- Sessions -- */

size_t edge_sessions(const struct edge *e)
{
    return e->guests_count;
}

size_t edge_guests_of(const struct edge *e, const char *host)
{
    return (size_t)(uintptr_t)map_get(e->hosts, host);
}

/* -- The vault role -- */

static void heard_login_answer(void *ctx, const void *message)
{
    struct edge *e = ctx;
    const struct login_answer *a = message;
    asks_answer(&e->logins, a->tag, a);
}

static void heard_token_answer(void *ctx, const void *message)
{
    struct edge *e = ctx;
    const struct token_answer *a = message;
    asks_answer(&e->tokens, a->tag, a);
}

const struct channel_row edge_vault_rows[] = {
    CHANNEL_ROW(EDGE_LOGIN_ASK, login_ask, NULL),    CHANNEL_ROW(EDGE_LOGIN_ANSWER, login_answer, heard_login_answer),
    CHANNEL_ROW(TOKEN_ASK, token_ask, NULL),         CHANNEL_ROW(TOKEN_ANSWER, token_answer, heard_token_answer),
    CHANNEL_ROW(TOKEN_TROUBLE, token_trouble, NULL), { 0 },
};

void edge_vault_up(struct edge *e, struct channel *c)
{
    e->vault = c;
}

void edge_vault_down(struct edge *e)
{
    e->vault = NULL;
    asks_fail_all(&e->logins);
    asks_fail_all(&e->tokens);
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
    if (!e->incoming)
        bridges_directory_changed(e->bridges);
}

static void heard_directory_done(void *ctx, const void *message)
{
    struct edge *e = ctx;
    if (e->incoming) {
        directory_free(e->directory);
        e->directory = e->incoming;
        e->incoming = NULL;
        bridges_directory_changed(e->bridges);
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
    cut_all(e);
}

void edge_stop(struct edge *e, edge_event_fn *stopped, void *ctx)
{
    e->stopped = stopped;
    e->stopped_ctx = ctx;
    e->is_stopping = true;
    edge_listeners_end(e);
    loop_timer_start(&e->patience, PATIENCE_MS);
    LIST_EACH (node, &e->guests) {
        struct guest *g = LIST_OF(node, struct guest, node);
        g->kind->stop(g);
    }
    if (e->guests_count == 0)
        loop_defer(e->loop, &e->last_out);
}
