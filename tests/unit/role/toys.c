#include "toys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

static const char *const names[ROLE_KINDS] = { "parent", "edge", "queue", "relay", "vault", "admin", "inbox" };

enum { TOY_HELLO = 1, TOY_FORBIDDEN };

struct toy {
    struct role *role;
    enum role_kind kind;
    struct channel *queue;
};

struct friend
{
    struct toy *toy;
    enum role_kind kind;
    unsigned index;
};

#define say(toy, format, ...) \
    dprintf(STDOUT_FILENO, "%s%u " format "\n", names[(toy)->kind], role_index((toy)->role), __VA_ARGS__)

static void heard_hello(void *ctx, const void *message)
{
    const struct friend *f = ctx;
    const struct parent_text *m = message;
    say(f->toy, "heard %s from %s%u", m->text, names[f->kind], f->index);
}

static const struct channel_row toy_rows[] = {
    { TOY_HELLO, "hello", parent_text_fields, sizeof(struct parent_text), heard_hello },
    { TOY_FORBIDDEN, "forbidden", parent_empty_fields, sizeof(struct parent_empty), NULL },
    { 0 },
};

static const struct channel_row *rows(enum role_kind peer)
{
    return toy_rows;
}

static struct toy *toy_new(struct role *r, enum role_kind kind)
{
    struct toy *t = mem_alloc(sizeof *t);
    *t = (struct toy){ .role = r, .kind = kind };
    return t;
}

#define PREPARE(name, kind) \
    static void *prepare_##name(struct role *r, struct fault *why) \
    { \
        return toy_new(r, kind); \
    }
PREPARE(edge, ROLE_EDGE)
PREPARE(queue, ROLE_QUEUE)
PREPARE(relay, ROLE_RELAY)
PREPARE(vault, ROLE_VAULT)
PREPARE(admin, ROLE_ADMIN)
PREPARE(inbox, ROLE_INBOX)

static void *prepare_broken(struct role *r, struct fault *why)
{
    fault_set(why, FAULT_CONFIG, "vault.key", "the key does not fit");
    return NULL;
}

static bool start(void *self, struct fault *why)
{
    struct toy *t = self;
    say(t, "user %d", (int)geteuid());
    role_ready(t->role);
    return true;
}

static void *peer_up(void *self, enum role_kind peer, unsigned index, struct channel *c)
{
    struct toy *t = self;
    struct friend *f = mem_alloc(sizeof *f);
    *f = (struct friend){ .toy = t, .kind = peer, .index = index };
    if (peer == ROLE_QUEUE)
        t->queue = c;
    say(t, "up %s%u", names[peer], index);
    channel_send(c, TOY_HELLO, &(struct parent_text){ .text = "hello" });
    return f;
}

static void peer_down(void *self, enum role_kind peer, unsigned index, void *peer_ctx)
{
    struct toy *t = self;
    if (peer == ROLE_QUEUE)
        t->queue = NULL;
    say(t, "down %s%u", names[peer], index);
    free(peer_ctx);
}

static void listener(void *self, const struct parent_listener *l)
{
    static const char *const tls[] = { "none", "starttls", "implicit" };
    say((struct toy *)self, "listener %u %s %s", l->number, l->address, tls[l->tls]);
    close(l->fd);
}

static void listener_end(void *self, unsigned number)
{
    say((struct toy *)self, "end %u", number);
}

static void reload(void *self, const struct conf *conf)
{
    struct toy *t = self;
    say(t, "reload %s", conf->hostname);
    if (t->kind == ROLE_RELAY && strcmp(conf->hostname, "break-relay") == 0)
        channel_send(t->queue, TOY_FORBIDDEN, &(struct parent_empty){ 0 });
    if (t->kind == ROLE_ADMIN && strcmp(conf->hostname, "ask") == 0)
        role_ask_parent(t->role, 7, "{\"verb\":\"roles\"}");
}

static void parent_answer(void *self, uint64_t tag, const char *json)
{
    say((struct toy *)self, "answer %s", json);
}

static void stop(void *self)
{
    struct toy *t = self;
    say(t, "%s", "stop");
    role_stopped(t->role);
}

#define HOOKS(name_, kind_, prepare_) \
    { \
        .kind = kind_, .name = name_, .prepare = prepare_, .start = start, .rows = rows, .peer_up = peer_up, \
        .peer_down = peer_down, .listener = listener, .listener_end = listener_end, .reload = reload, \
        .parent_answer = parent_answer, .stop = stop, \
    }

static const struct role_hooks edge = HOOKS("edge", ROLE_EDGE, prepare_edge);
static const struct role_hooks queue = HOOKS("queue", ROLE_QUEUE, prepare_queue);
static const struct role_hooks relay = HOOKS("relay", ROLE_RELAY, prepare_relay);
static const struct role_hooks vault = HOOKS("vault", ROLE_VAULT, prepare_vault);
static const struct role_hooks broken_vault = HOOKS("vault", ROLE_VAULT, prepare_broken);
static const struct role_hooks admin = HOOKS("admin", ROLE_ADMIN, prepare_admin);
static const struct role_hooks inbox = HOOKS("inbox", ROLE_INBOX, prepare_inbox);

const struct role_hooks *const toys[ROLE_KINDS] = { NULL, &edge, &queue, &relay, &vault, &admin, &inbox };
const struct role_hooks *const broken_toys[ROLE_KINDS] = { NULL, &edge, &queue, &relay, &broken_vault, &admin, &inbox };
