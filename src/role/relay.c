/* role/relay.c - wiring of the relay role: messages in, room calls; room's answers, messages out. */
#include <stdlib.h>

#include "base/arena.h"
#include "relay/relay.h"
#include "role/role.h"

struct relay_role {
    struct role *role;
    struct resolver *resolver;
    struct relay *relay;
    struct channel *queue, *vault, *admin; /* NULL: not there now */
};

/* -- from the room -- */

static bool ask_token(void *ctx, const struct token_ask *ask)
{
    struct relay_role *self = ctx;
    return self->vault && channel_send(self->vault, TOKEN_ASK, ask);
}

static void attempt_done(void *ctx, const struct attempt_done *done)
{
    struct relay_role *self = ctx;
    if (self->queue)
        channel_send(self->queue, RELAY_ATTEMPT_DONE, done);
}

static void progress(void *ctx, const struct admin_progress *step)
{
    struct relay_role *self = ctx;
    if (self->admin)
        channel_send(self->admin, ADMIN_PROGRESS, step);
}

static void answer(void *ctx, const struct admin_answer *message)
{
    struct relay_role *self = ctx;
    if (self->admin)
        channel_send(self->admin, ADMIN_ANSWER, message);
}

static void stopped(void *ctx)
{
    struct relay_role *self = ctx;
    role_stopped(self->role);
}

/* -- to the room -- */

static void heard_attempt(void *ctx, const void *message)
{
    relay_attempt(((struct relay_role *)ctx)->relay, message);
}

static void heard_object(void *ctx, const void *message)
{
    relay_directory_object(((struct relay_role *)ctx)->relay, message);
}

static void heard_token(void *ctx, const void *message)
{
    relay_token(((struct relay_role *)ctx)->relay, message);
}

static void heard_admin_ask(void *ctx, const void *message)
{
    relay_admin_ask(((struct relay_role *)ctx)->relay, message);
}

static void heard_admin_cancel(void *ctx, const void *message)
{
    relay_admin_cancel(((struct relay_role *)ctx)->relay, ((const struct admin_cancel *)message)->tag);
}

static const struct channel_row queue_rows[] = {
    CHANNEL_ROW(RELAY_ATTEMPT, attempt, heard_attempt),
    CHANNEL_ROW(RELAY_ATTEMPT_DONE, attempt_done, NULL),
    DIRECTORY_ROWS(heard_object, channel_ignore),
    { 0 },
};

static const struct channel_row vault_rows[] = {
    CHANNEL_ROW(TOKEN_ASK, token_ask, NULL),
    CHANNEL_ROW(TOKEN_ANSWER, token_answer, heard_token),
    { 0 },
};

static const struct channel_row admin_rows[] = {
    ADMIN_ROWS(heard_admin_ask, NULL, NULL, heard_admin_cancel),
    { 0 },
};

static const struct channel_row *rows(enum role_kind peer)
{
    switch (peer) {
    case ROLE_QUEUE:
        return queue_rows;
    case ROLE_VAULT:
        return vault_rows;
    case ROLE_ADMIN:
        return admin_rows;
    default:
        return NULL;
    }
}

/* -- life -- */

static void *prepare(struct role *r, struct fault *why)
{
    struct relay_role *self = mem_alloc(sizeof *self);
    self->role = r;
    return self;
}

static bool start(void *ctx, struct fault *why)
{
    static const struct relay_host host = { ask_token, attempt_done, progress, answer, stopped };
    struct relay_role *self = ctx;
    struct loop *loop = role_loop(self->role);

    self->resolver = resolver_new(loop);
    self->relay = relay_new(loop, self->resolver, role_conf(self->role)->hostname, &host, self);
    role_ready(self->role);
    return true;
}

static void *peer_up(void *ctx, enum role_kind peer, unsigned index, struct channel *c)
{
    struct relay_role *self = ctx;

    if (peer == ROLE_QUEUE) {
        self->queue = c;
        relay_directory_reset(self->relay);
    } else if (peer == ROLE_VAULT) {
        self->vault = c;
        relay_vault_up(self->relay);
    } else {
        self->admin = c;
    }
    return self;
}

static void peer_down(void *ctx, enum role_kind peer, unsigned index, void *peer_ctx)
{
    struct relay_role *self = ctx;

    if (peer == ROLE_QUEUE) {
        self->queue = NULL;
        relay_queue_down(self->relay);
    } else if (peer == ROLE_VAULT) {
        self->vault = NULL;
    } else {
        self->admin = NULL;
        relay_admin_down(self->relay);
    }
}

static void reload(void *ctx, const struct conf *conf)
{
    relay_set_hostname(((struct relay_role *)ctx)->relay, conf->hostname);
}

static void stop(void *ctx)
{
    relay_stop(((struct relay_role *)ctx)->relay);
}

const struct role_hooks relay_hooks = {
    .kind = ROLE_RELAY,
    .name = "relay",
    .prepare = prepare,
    .start = start,
    .rows = rows,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .reload = reload,
    .stop = stop,
};
