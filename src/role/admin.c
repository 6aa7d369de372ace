/* The admin role: the API's socket, and channels to whoever owns what is asked for. Wiring only. */
#include "admin/admin.h"
#include "base/arena.h"
#include "role/role.h"

struct admin_role {
    struct role *role;
    struct admin *admin;
    int listen_fd;
};

static void *prepare(struct role *r, struct fault *why)
{
    const struct conf *conf = role_conf(r);
    int fd = admin_socket_open(conf->console.socket, conf->console.group, why);
    if (fd < 0)
        return NULL;
    struct admin_role *self = mem_alloc(sizeof *self);
    *self = (struct admin_role){ .role = r, .listen_fd = fd };
    return self;
}

static void ask_parent(void *ctx, uint64_t tag, const char *json)
{
    struct admin_role *self = ctx;
    role_ask_parent(self->role, tag, json);
}

static bool start(void *ctx, struct fault *why)
{
    struct admin_role *self = ctx;
    self->admin = admin_new(role_loop(self->role), self->listen_fd, role_conf(self->role), ask_parent, self, why);
    if (!self->admin)
        return false;
    role_ready(self->role);
    return true;
}

static void heard_answer(void *ctx, const void *message)
{
    admin_heard_answer(((struct admin_role *)ctx)->admin, message);
}

static void heard_progress(void *ctx, const void *message)
{
    admin_heard_progress(((struct admin_role *)ctx)->admin, message);
}

static void heard_submit_done(void *ctx, const void *message)
{
    admin_heard_submit_done(((struct admin_role *)ctx)->admin, message);
}

static void heard_object(void *ctx, const void *message)
{
    admin_heard_object(((struct admin_role *)ctx)->admin, message);
}

static const struct channel_row queue_rows[] = {
    ADMIN_ROWS(NULL, heard_answer, heard_progress, NULL),
    CHANNEL_ROW(EDGE_SUBMIT, submit, NULL),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, heard_submit_done),
    DIRECTORY_ROWS(heard_object, channel_ignore),
    { 0 },
};
static const struct channel_row other_rows[] = { ADMIN_ROWS(NULL, heard_answer, heard_progress, NULL), { 0 } };

static const struct channel_row *rows(enum role_kind peer)
{
    if (peer == ROLE_QUEUE)
        return queue_rows;
    return peer == ROLE_VAULT || peer == ROLE_RELAY || peer == ROLE_INBOX ? other_rows : NULL;
}

static enum admin_peer peer_of(enum role_kind kind)
{
    switch (kind) {
    case ROLE_QUEUE:
        return ADMIN_PEER_QUEUE;
    case ROLE_VAULT:
        return ADMIN_PEER_VAULT;
    case ROLE_INBOX:
        return ADMIN_PEER_INBOX;
    default:
        return ADMIN_PEER_RELAY;
    }
}

static void *peer_up(void *ctx, enum role_kind peer, unsigned index, struct channel *c)
{
    struct admin_role *self = ctx;
    admin_set_peer(self->admin, peer_of(peer), c);
    return self;
}

static void peer_down(void *ctx, enum role_kind peer, unsigned index, void *peer_ctx)
{
    struct admin_role *self = ctx;
    if (self->admin)
        admin_set_peer(self->admin, peer_of(peer), NULL);
}

static void listener(void *ctx, const struct parent_listener *l)
{
    admin_console(((struct admin_role *)ctx)->admin, l);
}

static void listener_end(void *ctx, unsigned number)
{
    admin_console_end(((struct admin_role *)ctx)->admin, number);
}

static void reload(void *ctx, const struct conf *conf)
{
    struct admin_role *self = ctx;
    admin_set_conf(self->admin, conf);
}

static void parent_answer(void *ctx, uint64_t tag, const char *json)
{
    struct admin_role *self = ctx;
    admin_parent_answered(self->admin, tag, json);
}

/* Nothing here is worth waiting for: whoever asked sees the connection end. */
static void stop(void *ctx)
{
    struct admin_role *self = ctx;
    admin_free(self->admin);
    self->admin = NULL;
    role_stopped(self->role);
}

const struct role_hooks admin_hooks = {
    .kind = ROLE_ADMIN,
    .name = "admin",
    .prepare = prepare,
    .start = start,
    .rows = rows,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .listener = listener,
    .listener_end = listener_end,
    .reload = reload,
    .parent_answer = parent_answer,
    .stop = stop,
};
