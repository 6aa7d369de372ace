/* role/edge.c - the edge role: strangers on one side, vault and queue on the other. */
#include "edge/edge.h"
#include "base/arena.h"
#include "role/role.h"

struct edge_role {
    struct role *role;
    struct edge *edge;
};

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
    struct edge *edge = edge_new(role_loop(r), role_conf(r), why);
    if (!edge)
        return NULL;
    struct edge_role *self = mem_alloc(sizeof *self);
    *self = (struct edge_role){ r, edge };
    edge_on_ready(edge, on_ready, self);
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
    edge_reload(((struct edge_role *)ctx)->edge, conf);
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
