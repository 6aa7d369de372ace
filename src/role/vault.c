/* role/vault.c - the keeper of secrets, wired: edges ask about app passwords, relay for tokens, admin puts secrets in, asks who is at its doors and starts
 * sign-ins; the queue is told whose mail must wait for a person. What to do with all that is vault/'s and token/'s matter. */
#include <errno.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "msg/admin_msg.h"
#include "msg/edge_vault.h"
#include "msg/queue_vault.h"
#include "msg/sign_msg.h"
#include "msg/token_msg.h"
#include "role/role.h"
#include "token/verbs.h"
#include "vault/sign.h"

#define MARK_SIZE 16

struct vault_role {
    struct role *role;
    char *path;
    struct master_key *key; /* until start took it */
    struct vault *vault;
    struct directory *directory;
    struct http *http;
    struct tokens *tokens;
    struct guesses *guesses;
    struct login *login;
    struct operators *operators;
    struct keys *keys;
    struct map *marks; /* "kind/key" -> hash of the object's JSON: the same object sent again is no change */
    struct channel *queue, *inbox; /* NULL: not there now */
    struct list asking;            /* peers that are not heard yet, for want of objects */
    bool has_objects;              /* the queue has sent all of them once */
};

struct peer {
    struct list node; /* in `asking`, or in none */
    struct vault_role *self;
    enum role_kind kind;
    struct channel *channel;
    struct verbs *verbs; /* admin */
};

/* --- edges: app passwords --- */

static void on_verdict(void *ctx, uint64_t tag, const struct login_verdict *v)
{
    struct peer *p = ctx;
    struct login_answer answer = { .tag = tag,
                                   .is_ok = v->is_ok,
                                   .app = v->app,
                                   .mailbox = v->mailbox,
                                   .kind = v->why.kind,
                                   .id = v->why.id,
                                   .text = v->why.text,
                                   .delay_ms = v->delay_ms };
    channel_send(p->channel, EDGE_LOGIN_ANSWER, &answer);
}

static void heard_login(void *ctx, const void *message)
{
    struct peer *p = ctx;
    const struct login_ask *ask = message;
    struct login_question question = { ask->user, ask->password, ask->host, ask->protocol };
    login_check(p->self->login, &question, on_verdict, p, ask->tag);
}

/* --- relay, edges and inbox: tokens --- */

static void on_token(void *ctx, uint64_t tag, const struct token_reply *r)
{
    struct peer *p = ctx;
    struct token_answer answer = { .tag = tag,
                                   .is_ok = r->is_ok,
                                   .sasl = r->sasl,
                                   .user = r->user,
                                   .secret = r->secret,
                                   .serial = r->serial,
                                   .expires_ms = r->expires_ms,
                                   .kind = r->why.kind,
                                   .retry_after_s = r->why.retry_after_s,
                                   .id = r->why.id,
                                   .text = r->why.text };
    channel_send(p->channel, TOKEN_ANSWER, &answer);
}

static void heard_token_ask(void *ctx, const void *message)
{
    struct peer *p = ctx;
    const struct token_ask *ask = message;
    struct token_want want = { ask->mailbox, ask->protocol, ask->refused, ask->is_fresh };
    tokens_ask(p->self->tokens, &want, on_token, p, ask->tag);
}

static void heard_trouble(void *ctx, const void *message)
{
    struct peer *p = ctx;
    const struct token_trouble *m = message;
    struct fault why;
    fault_set(&why, FAULT_HOLD, m->id, "%s", m->text);
    tokens_trouble(p->self->tokens, m->mailbox, m->protocol, *m->id ? &why : NULL);
}

/* --- inbox: signatures --- */

static void heard_sign_ask(void *ctx, const void *message)
{
    struct peer *p = ctx;
    const struct sign_ask *ask = message;
    struct fault why = { 0 };
    char signature[SIGN_SIZE] = "";
    struct sign_answer answer = { .tag = ask->tag, .signature = signature };
    answer.is_ok = sign_text(p->self->vault, ask->key, bytes_of(ask->text), signature, &why);
    answer.id = why.id;
    answer.text = why.text;
    channel_send(p->channel, SIGN_ANSWER, &answer);
}

/* --- admin --- */

static void on_answer(void *ctx, const struct admin_answer *answer)
{
    struct peer *p = ctx;
    channel_send(p->channel, ADMIN_ANSWER, answer);
}

static void heard_ask(void *ctx, const void *message)
{
    struct peer *p = ctx;
    verbs_ask(p->verbs, message);
}

static void heard_cancel(void *ctx, const void *message)
{
    struct peer *p = ctx;
    const struct admin_cancel *cancel = message;
    verbs_cancel(p->verbs, cancel->tag);
}

/* --- queue: objects come, states go --- */

static void on_state(void *ctx, const char *mailbox, bool needs_person, const struct fault *why)
{
    struct vault_role *self = ctx;
    struct mailbox_state state = {
        .mailbox = mailbox, .needs_person = needs_person, .id = why ? why->id : "", .text = why ? why->text : ""
    };
    if (self->queue)
        channel_send(self->queue, VAULT_MAILBOX_STATE, &state);
    if (self->inbox)
        channel_send(self->inbox, VAULT_MAILBOX_STATE, &state);
}

/* After a restart of the queue every object comes again: only what differs may drop a token. */
static bool is_changed(struct vault_role *self, const struct directory_object *o)
{
    uint8_t hash[MARK_SIZE];
    char *mark = mem_alloc(2 * MARK_SIZE + 1), *key = mem_printf("%u/%s", o->kind, o->key);
    struct bytes json = bytes_of(o->is_removed ? "" : o->json);
    crypto_generichash(hash, sizeof hash, json.data, json.size, NULL, 0);
    hex_encode((struct bytes){ hash, sizeof hash }, mark, 2 * MARK_SIZE + 1);
    char *before = map_put(self->marks, key, mark);
    bool is_same = before && text_equal(before, mark);
    free(before);
    free(key);
    return !is_same;
}

static void heard_object(void *ctx, const void *message)
{
    struct peer *p = ctx;
    struct vault_role *self = p->self;
    const struct directory_object *o = message;
    struct fault why;
    if (!is_changed(self, o))
        return;
    if (directory_apply_text(self->directory, o->kind, o->key, o->is_removed ? NULL : o->json, &why))
        tokens_object_changed(self->tokens, (enum object_kind)o->kind, o->key);
    else
        log_error("directory.refused", LOG_TEXT("key", o->key), LOG_FAULT(&why));
}

/* Whoever asks about a mailbox or an app before the queue told of it would be refused for good: a vault that was restarted is asked at
 * once by all who waited for the one before. */
static void hear_later(struct vault_role *self, struct peer *p)
{
    channel_pause(p->channel);
    list_append(&self->asking, &p->node);
}

static void hear_all(struct vault_role *self)
{
    for (struct list *node; (node = list_pop(&self->asking));)
        channel_resume(LIST_OF(node, struct peer, node)->channel);
}

static void heard_objects_done(void *ctx, const void *message)
{
    struct peer *p = ctx;
    p->self->has_objects = true;
    hear_all(p->self);
    tokens_report(p->self->tokens);
    role_ready(p->self->role);
}

static const struct channel_row edge_rows[] = {
    CHANNEL_ROW(EDGE_LOGIN_ASK, login_ask, heard_login),      CHANNEL_ROW(EDGE_LOGIN_ANSWER, login_answer, NULL),
    CHANNEL_ROW(TOKEN_ASK, token_ask, heard_token_ask),       CHANNEL_ROW(TOKEN_ANSWER, token_answer, NULL),
    CHANNEL_ROW(TOKEN_TROUBLE, token_trouble, heard_trouble), { 0 },
};
static const struct channel_row relay_rows[] = {
    CHANNEL_ROW(TOKEN_ASK, token_ask, heard_token_ask),
    CHANNEL_ROW(TOKEN_ANSWER, token_answer, NULL),
    { 0 },
};
static const struct channel_row inbox_rows[] = {
    CHANNEL_ROW(TOKEN_ASK, token_ask, heard_token_ask),    CHANNEL_ROW(TOKEN_ANSWER, token_answer, NULL),
    CHANNEL_ROW(SIGN_ASK, sign_ask, heard_sign_ask),       CHANNEL_ROW(SIGN_ANSWER, sign_answer, NULL),
    CHANNEL_ROW(VAULT_MAILBOX_STATE, mailbox_state, NULL), { 0 },
};
static const struct channel_row admin_rows[] = {
    ADMIN_ROWS(heard_ask, NULL, NULL, heard_cancel),
    { 0 },
};
static const struct channel_row queue_rows[] = {
    CHANNEL_ROW(VAULT_MAILBOX_STATE, mailbox_state, NULL),
    DIRECTORY_ROWS(heard_object, heard_objects_done),
    { 0 },
};

static const struct channel_row *rows(enum role_kind peer)
{
    switch (peer) {
    case ROLE_EDGE:
        return edge_rows;
    case ROLE_RELAY:
        return relay_rows;
    case ROLE_INBOX:
        return inbox_rows;
    case ROLE_ADMIN:
        return admin_rows;
    case ROLE_QUEUE:
        return queue_rows;
    default:
        return NULL;
    }
}

/* --- coming and going --- */

static void *peer_up(void *ctx, enum role_kind kind, unsigned index, struct channel *c)
{
    struct vault_role *self = ctx;
    struct peer *p = mem_alloc(sizeof *p);
    struct verbs_parts parts = { role_loop(self->role), self->vault, self->directory, self->tokens,
                                 self->guesses,         self->login, self->operators, self->keys };
    *p = (struct peer){ .self = self, .kind = kind, .channel = c };
    list_init(&p->node);
    if (kind == ROLE_QUEUE)
        self->queue = c;
    if (kind == ROLE_INBOX)
        self->inbox = c;
    if (kind == ROLE_ADMIN)
        p->verbs = verbs_new(&parts, on_answer, p);
    if (!self->has_objects && (kind == ROLE_EDGE || kind == ROLE_RELAY || kind == ROLE_INBOX))
        hear_later(self, p);
    return p;
}

static void peer_down(void *ctx, enum role_kind kind, unsigned index, void *peer_ctx)
{
    struct vault_role *self = ctx;
    struct peer *p = peer_ctx;
    if (kind == ROLE_QUEUE)
        self->queue = NULL;
    if (kind == ROLE_INBOX)
        self->inbox = NULL;
    list_remove(&p->node);
    login_forget_asker(self->login, p);
    tokens_forget_asker(self->tokens, p);
    verbs_free(p->verbs);
    free(p);
}

/* As root: the directory must belong to the user that the role is about to become. */
static bool make_directory(const char *path, const char *user, struct fault *why)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fault_errno(why, FAULT_LOCAL, errno, "can't make the directory %s", path);
    const struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;
    if (pw && lchown(path, pw->pw_uid, pw->pw_gid) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't give the directory %s to %s", path, user);
    return true;
}

static void *prepare(struct role *r, struct fault *why)
{
    const struct conf *conf = role_conf(r);
    struct vault_role *self = mem_alloc(sizeof *self);
    self->role = r;
    list_init(&self->asking);
    self->path = mem_printf("%s/vault", conf->state);
    tokens_wipe_json();
    if (make_directory(self->path, conf->user, why))
        self->key = master_key_read(conf->master_key.source, conf->master_key.file, self->path, why);
    return self->key ? self : NULL;
}

static struct tokens_settings settings_of(const struct conf *conf)
{
    return (struct tokens_settings){ .refresh_before_ms = (int64_t)conf->token.refresh_before_s * 1000,
                                     .keep_alive_ms = (int64_t)conf->token.keep_alive_s * 1000,
                                     .timeout_s = (uint32_t)conf->token.timeout_s };
}

static bool start(void *ctx, struct fault *why)
{
    struct vault_role *self = ctx;
    struct loop *loop = role_loop(self->role);
    const struct conf *conf = role_conf(self->role);
    struct tokens_settings settings = settings_of(conf);
    self->vault = vault_open(self->path, self->key, why);
    self->key = NULL;
    if (!self->vault)
        return false;
    self->marks = map_new();
    self->directory = directory_new();
    self->http = http_curl_new(loop, conf->token.proxy);
    struct tokens_parts parts = { loop, self->http, self->vault, self->directory, on_state, self };
    self->tokens = tokens_new(&parts, &settings, why);
    if (!self->tokens)
        return false;
    self->guesses = guesses_new(loop);
    self->login = login_new(self->guesses, self->vault, self->directory, why);
    self->operators = self->login ? operators_new(loop, self->guesses, self->vault, why) : NULL;
    self->keys = self->operators ? keys_new(self->vault, why) : NULL;
    return self->keys != NULL;
}

static void reload(void *ctx, const struct conf *conf)
{
    struct vault_role *self = ctx;
    struct tokens_settings settings = settings_of(conf);
    http_curl_set_proxy(self->http, conf->token.proxy);
    tokens_set(self->tokens, &settings);
}

/* Nothing has to be finished: a rotated token is on the disk before anybody hears of it. */
static void stop(void *ctx)
{
    struct vault_role *self = ctx;
    role_stopped(self->role);
}

const struct role_hooks vault_hooks = {
    .kind = ROLE_VAULT,
    .name = "vault",
    .prepare = prepare,
    .start = start,
    .rows = rows,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .reload = reload,
    .stop = stop,
};
