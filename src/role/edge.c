/* role/edge.c - the edge role: strangers on one side, vault and queue on the other. */
#include "edge/edge.h"
#include "base/arena.h"
#include "role/role.h"

struct edge_role {
    struct role *role;
    struct edge *edge;
    struct conf conf; /* the role's, with this edge's share of what holds for all edges together */
};

/* An ordinary mail program holds so many connections, and may come with all of them to one edge. */
enum { MAILBOX_SHARE_MIN = 5 };

static uint32_t share_of(uint32_t whole, unsigned edges, uint32_t least)
{
    uint32_t part = (whole + edges - 1) / edges;
    return part >= least ? part : whole < least ? whole : least;
}

static const struct conf *share(struct edge_role *self, const struct conf *conf)
{
    unsigned edges = role_edges(conf);
    self->conf = *conf;
    self->conf.limits.sessions = share_of(conf->limits.sessions, edges, 1);
    self->conf.bridge.sessions_per_app = share_of(conf->bridge.sessions_per_app, edges, 1);
    self->conf.bridge.sessions_per_mailbox = share_of(conf->bridge.sessions_per_mailbox, edges, MAILBOX_SHARE_MIN);
    return &self->conf;
}

static void on_ready(void *ctx)
{
    struct edge_role *self = ctx;
    role_ready(self->role);
}

static void on_stopped(void *ctx)
{
    struct edge_role *self = ctx;
    role_stopped(self->role);
}

static void *prepare(struct role *r, struct fault *why)
{
    struct edge_role *self = mem_alloc(sizeof *self);
    self->role = r;
    self->edge = edge_new(role_loop(r), share(self, role_conf(r)), why);
    if (!self->edge)
        return NULL; /* which ends the process */
    edge_on_ready(self->edge, on_ready, self);
    return self;
}

static const struct channel_row *rows(enum role_kind peer)
{
    switch (peer) {
    case ROLE_VAULT:
        return edge_vault_rows;
    case ROLE_QUEUE:
        return edge_queue_rows;
    default:
        return NULL;
    }
}

static void *peer_up(void *ctx, enum role_kind peer, unsigned index, struct channel *c)
{
    struct edge_role *self = ctx;
    if (peer == ROLE_VAULT)
        edge_vault_up(self->edge, c);
    else
        edge_queue_up(self->edge, c);
    return self->edge;
}

static void peer_down(void *ctx, enum role_kind peer, unsigned index, void *peer_ctx)
{
    struct edge_role *self = ctx;
    if (peer == ROLE_VAULT)
        edge_vault_down(self->edge);
    else
        edge_queue_down(self->edge);
}

static void listener(void *ctx, const struct parent_listener *l)
{
    edge_listen(((struct edge_role *)ctx)->edge, l);
}

static void listener_end(void *ctx, unsigned number)
{
    edge_unlisten(((struct edge_role *)ctx)->edge, number);
}

static void reload(void *ctx, const struct conf *conf)
{
    struct edge_role *self = ctx;
    edge_reload(self->edge, share(self, conf));
}

static void stop(void *ctx)
{
    edge_stop(((struct edge_role *)ctx)->edge, on_stopped, ctx);
}

const struct role_hooks edge_hooks = {
    .kind = ROLE_EDGE,
    .name = "edge",
    .prepare = prepare,
    .rows = rows,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .listener = listener,
    .listener_end = listener_end,
    .reload = reload,
    .stop = stop,
};
