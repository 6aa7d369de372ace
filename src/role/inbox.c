/* role/inbox.c - wiring of the inbox role: messages in, room calls; room's answers, messages out. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "inbox/inbox.h"
#include "role/role.h"

struct inbox_role {
    struct role *role;
    struct resolver *resolver;
    struct inbox *inbox;
    struct channel *queue, *vault, *admin; /* NULL: not there now */
};

/* -- from the room -- */

static bool ask_token(void *ctx, const struct token_ask *ask)
{
    struct inbox_role *self = ctx;
    return self->vault && channel_send(self->vault, TOKEN_ASK, ask);
}

static bool sign(void *ctx, const struct sign_ask *ask)
{
    struct inbox_role *self = ctx;
    return self->vault && channel_send(self->vault, SIGN_ASK, ask);
}

static bool place(void *ctx, const struct inbox_place *message)
{
    struct inbox_role *self = ctx;
    return self->queue && channel_send(self->queue, INBOX_PLACE, message);
}

static bool item(void *ctx, const struct inbox_item *message)
{
    struct inbox_role *self = ctx;
    return self->queue && channel_send(self->queue, INBOX_ITEM, message);
}

static bool lookup(void *ctx, const struct inbox_lookup_ask *ask)
{
    struct inbox_role *self = ctx;
    return self->queue && channel_send(self->queue, INBOX_LOOKUP_ASK, ask);
}

static bool bounced(void *ctx, const struct inbox_bounced *report)
{
    struct inbox_role *self = ctx;
    return self->queue && channel_send(self->queue, INBOX_BOUNCED, report);
}

static void progress(void *ctx, const struct admin_progress *step)
{
    struct inbox_role *self = ctx;
    if (self->admin)
        channel_send(self->admin, ADMIN_PROGRESS, step);
}

static void answer(void *ctx, const struct admin_answer *message)
{
    struct inbox_role *self = ctx;
    if (self->admin)
        channel_send(self->admin, ADMIN_ANSWER, message);
}

static void stopped(void *ctx)
{
    struct inbox_role *self = ctx;
    role_stopped(self->role);
}

/* -- to the room -- */

#define HEARD(name, call) \
    static void heard_##name(void *ctx, const void *message) \
    { \
        call(((struct inbox_role *)ctx)->inbox, message); \
    }
HEARD(object, inbox_directory_object)
HEARD(place, inbox_place)
HEARD(item, inbox_item)
HEARD(known, inbox_known)
HEARD(recalled, inbox_recalled)
HEARD(saved, inbox_saved)
HEARD(lookup_answer, inbox_lookup_answer)
HEARD(token, inbox_token)
HEARD(signature, inbox_signed)
HEARD(mailbox_state, inbox_mailbox_state)
HEARD(admin_ask, inbox_admin_ask)

static void heard_directory_done(void *ctx, const void *message)
{
    inbox_directory_done(((struct inbox_role *)ctx)->inbox);
}

static void heard_admin_cancel(void *ctx, const void *message)
{
    inbox_admin_cancel(((struct inbox_role *)ctx)->inbox, ((const struct admin_cancel *)message)->tag);
}

static const struct channel_row queue_rows[] = {
    CHANNEL_ROW(INBOX_PLACE, inbox_place, heard_place),
    CHANNEL_ROW(INBOX_ITEM, inbox_item, heard_item),
    CHANNEL_ROW(INBOX_KNOWN, inbox_known, heard_known),
    CHANNEL_ROW(INBOX_RECALLED, inbox_recalled, heard_recalled),
    CHANNEL_ROW(INBOX_SAVED, inbox_saved, heard_saved),
    CHANNEL_ROW(INBOX_LOOKUP_ASK, inbox_lookup_ask, NULL),
    CHANNEL_ROW(INBOX_LOOKUP_ANSWER, inbox_lookup_answer, heard_lookup_answer),
    CHANNEL_ROW(INBOX_BOUNCED, inbox_bounced, NULL),
    DIRECTORY_ROWS(heard_object, heard_directory_done),
    { 0 },
};

static const struct channel_row vault_rows[] = {
    CHANNEL_ROW(TOKEN_ASK, token_ask, NULL),
    CHANNEL_ROW(TOKEN_ANSWER, token_answer, heard_token),
    CHANNEL_ROW(SIGN_ASK, sign_ask, NULL),
    CHANNEL_ROW(SIGN_ANSWER, sign_answer, heard_signature),
    CHANNEL_ROW(VAULT_MAILBOX_STATE, mailbox_state, heard_mailbox_state),
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
    struct inbox_role *self = mem_alloc(sizeof *self);
    self->role = r;
    return self;
}

/* Raw messages are fetched from the console; without one there is nowhere to lead to. Given, without a slash at its end. */
static char *link_url(const struct conf *conf)
{
    return conf_console_is_open(conf) ? conf_console_url(conf, "") : mem_strdup("");
}

static struct inbox_settings settings_of(const struct conf *conf, const char *spool, const char *url)
{
    return (struct inbox_settings){ .hostname = conf->hostname,
                                    .spool = spool,
                                    .link_url = url,
                                    .idle_renew_ms = (int64_t)conf->inbox.idle_renew_s * 1000,
                                    .retry_first_ms = (int64_t)conf->inbox.retry_first_s * 1000,
                                    .retry_max_ms = (int64_t)conf->inbox.retry_max_s * 1000,
                                    .connections = conf->inbox.connections,
                                    .at_once = conf->inbox.at_once };
}

static bool start(void *ctx, struct fault *why)
{
    static const struct inbox_host host = { ask_token, sign, place, item, lookup, bounced, progress, answer, stopped };
    struct inbox_role *self = ctx;
    struct loop *loop = role_loop(self->role);
    const struct conf *conf = role_conf(self->role);
    char *spool = mem_printf("%s/spool", conf->state), *url = link_url(conf);
    struct inbox_settings settings = settings_of(conf, spool, url);

    self->resolver = resolver_new(loop);
    self->inbox = inbox_new(loop, self->resolver, &settings, &host, self);
    free(spool);
    free(url);
    role_ready(self->role);
    return true;
}

static void *peer_up(void *ctx, enum role_kind peer, unsigned index, struct channel *c)
{
    struct inbox_role *self = ctx;

    if (peer == ROLE_QUEUE) {
        self->queue = c;
        inbox_queue_up(self->inbox);
    } else if (peer == ROLE_VAULT) {
        self->vault = c;
        inbox_vault_up(self->inbox);
    } else {
        self->admin = c;
    }
    return self;
}

static void peer_down(void *ctx, enum role_kind peer, unsigned index, void *peer_ctx)
{
    struct inbox_role *self = ctx;

    if (peer == ROLE_QUEUE) {
        self->queue = NULL;
        inbox_queue_down(self->inbox);
    } else if (peer == ROLE_VAULT) {
        self->vault = NULL;
    } else {
        self->admin = NULL;
        inbox_admin_down(self->inbox);
    }
}

static void reload(void *ctx, const struct conf *conf)
{
    struct inbox_role *self = ctx;
    char *spool = mem_printf("%s/spool", conf->state), *url = link_url(conf);
    struct inbox_settings settings = settings_of(conf, spool, url);

    inbox_set(self->inbox, &settings);
    free(spool);
    free(url);
}

static void stop(void *ctx)
{
    inbox_stop(((struct inbox_role *)ctx)->inbox);
}

const struct role_hooks inbox_hooks = {
    .kind = ROLE_INBOX,
    .name = "inbox",
    .prepare = prepare,
    .start = start,
    .rows = rows,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .reload = reload,
    .stop = stop,
};
