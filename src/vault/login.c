/* vault/login.c - sign-ins: which apps a user name may mean, and what the one whose password it is may do. */
#include "vault/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "net/addr.h"

#define CANDIDATES_MAX GUESS_HASHES /* apps of one mailbox that are tried when only its address is given */

struct login {
    struct guesses *guesses;
    struct vault *vault;
    struct directory *directory;
    struct map *hashes; /* app name in lower case -> Argon2id string */
    struct guess_owner owner;
};

struct job {
    struct guess guess;
    uint32_t protocol;
    login_done_fn *done;
    void *ctx;
};

/* The apps a user name may mean, and the mailbox it picks ("" : the app's first). */
struct candidates {
    const struct app *apps[CANDIDATES_MAX];
    size_t count;
    const char *mailbox;
};

static void lower(const char *text, char *out, size_t size)
{
    size_t i = 0;
    for (; text[i] && i + 1 < size; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    out[i] = '\0';
}

static const char *hash_of(const struct login *l, const char *app)
{
    char name[320];
    lower(app, name, sizeof name);
    return map_get(l->hashes, name);
}

static void set_hash(struct login *l, const char *app, const char *hash)
{
    char name[320];
    lower(app, name, sizeof name);
    free(hash ? map_put(l->hashes, name, mem_strdup(hash)) : map_remove(l->hashes, name));
}

static void load(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    if (bad)
        log_error("vault.damaged", LOG_TEXT("record", name), LOG_FAULT(bad));
    else
        set_hash(ctx, name, (const char *)secret_bytes(plain).data);
}

static size_t hashes(void *self, const struct guess *g, const char *out[GUESS_HASHES]);
static void ended(void *self, const struct guess *g, const struct guess_end *end);

struct login *login_new(struct guesses *guesses, struct vault *v, struct directory *d, struct fault *why)
{
    struct login *l = mem_alloc(sizeof *l);
    l->guesses = guesses;
    l->vault = v;
    l->directory = d;
    l->hashes = map_new();
    l->owner = (struct guess_owner){ l, PASSWORD_MADE, hashes, ended };
    if (vault_each(v, VAULT_APP_PASSWORD, load, l, why))
        return l;
    login_free(l);
    return NULL;
}

static bool free_hash(void *ctx, const char *key, void *value)
{
    free(value);
    return true;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    guesses_forget_owner(l->guesses, &l->owner);
    map_each(l->hashes, free_hash, NULL);
    map_free(l->hashes);
    free(l);
}

static bool has_mailbox(const struct app *a, const char *mailbox)
{
    for (size_t i = 0; i < a->mailboxes_count; i++) {
        if (object_address_equal(a->mailboxes[i], mailbox))
            return true;
    }
    return false;
}

static bool add_if_of_mailbox(void *ctx, const void *object)
{
    struct candidates *c = ctx;
    const struct app *a = object;
    if (a->has_password && has_mailbox(a, c->mailbox) && c->count < CANDIDATES_MAX)
        c->apps[c->count++] = a;
    return c->count < CANDIDATES_MAX;
}

/* `user` may be cut at the '%' in place, so it must be the caller's own copy. */
static void find_candidates(const struct login *l, char *user, struct candidates *c)
{
    *c = (struct candidates){ .mailbox = "" };
    const struct app *a = directory_app(l->directory, user);
    char *percent = a ? NULL : strchr(user, '%');
    if (percent) {
        *percent = '\0';
        c->mailbox = percent + 1;
        a = directory_app(l->directory, user);
        if (a && !has_mailbox(a, c->mailbox))
            a = NULL;
    } else if (!a) {
        c->mailbox = user;
        directory_each(l->directory, OBJECT_APP, add_if_of_mailbox, c);
        return;
    }
    if (a && a->has_password)
        c->apps[c->count++] = a;
}

static bool is_from_range(const struct app *a, const char *host)
{
    for (size_t i = 0; i < a->from_count; i++) {
        struct net_range range;
        if (net_range_parse(a->from[i], &range, NULL) && net_range_has_text(&range, host))
            return true;
    }
    return false;
}

/* The password is right: may the app come in this way? */
static bool may_enter(const struct login *l, const struct app *a, const struct mailbox *m, const struct job *j,
                      struct fault *why)
{
    if (a->allow && !(a->allow & j->protocol))
        return fault_set(why, FAULT_AUTH, "app.protocol", "%s may not use this protocol", a->name);
    if (a->only_from && !is_from_range(a, j->guess.host))
        return fault_set(why, FAULT_AUTH, "app.from", "%s may not sign in from %s", a->name, j->guess.host);
    if (!m)
        return fault_set(why, FAULT_RETRY, "mailbox.unknown", "the mailbox of %s is not there", a->name);
    return true;
}

static void accept_app(struct login *l, const struct job *j, const struct app *a, const char *wanted,
                       struct login_verdict *v)
{
    const char *address = wanted[0] ? wanted : a->mailboxes_count > 0 ? a->mailboxes[0] : "";
    const struct mailbox *m = directory_mailbox(l->directory, address);
    v->is_ok = may_enter(l, a, m, j, &v->why);
    if (v->is_ok) {
        v->app = a->name;
        v->mailbox = m->address;
    }
}

static size_t hashes(void *self, const struct guess *g, const char *out[GUESS_HASHES])
{
    struct candidates c;
    char user[641];
    snprintf(user, sizeof user, "%s", g->user);
    find_candidates(self, user, &c);
    for (size_t i = 0; i < c.count; i++)
        out[i] = hash_of(self, c.apps[i]->name);
    return c.count;
}

static void ended(void *self, const struct guess *g, const struct guess_end *end)
{
    const struct job *j = (const struct job *)(const void *)g;
    struct login_verdict v = { .app = "", .mailbox = "", .delay_ms = end->delay_ms };
    struct candidates c;
    char user[641];
    switch (end->outcome) {
    case GUESS_RIGHT:
        snprintf(user, sizeof user, "%s", g->user);
        find_candidates(self, user, &c);
        accept_app(self, j, c.apps[end->which], c.mailbox, &v);
        break;
    case GUESS_WRONG:
        fault_set(&v.why, FAULT_AUTH, "app.password", "the user name or the password is wrong");
        break;
    case GUESS_THROTTLED:
        fault_set(&v.why, FAULT_RETRY, "app.throttled",
                  "too many wrong passwords from this address; try again in some minutes");
        v.why.retry_after_s = GUESS_RETRY_S;
        break;
    case GUESS_BUSY:
        fault_set(&v.why, FAULT_RETRY, "app.busy", "too many sign-ins at once; try again");
        break;
    }
    j->done(j->ctx, g->tag, &v);
}

void login_check(struct login *l, const struct login_question *q, login_done_fn *done, void *ctx, uint64_t tag)
{
    struct job *j = mem_alloc(sizeof *j);
    char user[641];
    lower(q->user, user, sizeof user);
    *j = (struct job){ .guess = { .owner = &l->owner,
                                  .user = mem_strdup(user),
                                  .host = mem_strdup(q->host),
                                  .typed = password_normal(q->password),
                                  .asker = ctx,
                                  .tag = tag },
                       .protocol = q->protocol,
                       .done = done,
                       .ctx = ctx };
    guesses_ask(l->guesses, &j->guess);
}

void login_forget_asker(struct login *l, const void *ctx)
{
    guesses_forget_asker(l->guesses, ctx);
}

struct secret *login_new_password(struct login *l, const char *app, struct fault *why)
{
    char text[PASSWORD_TEXT_SIZE], hash[PASSWORD_HASH_SIZE], name[320];
    password_make(text);
    struct secret *password = secret_new(text, sizeof text - 1), *normal = password_normal(bytes_of(text));
    secret_wipe(text, sizeof text);
    password_hash(PASSWORD_MADE, normal, hash);
    secret_free(normal);
    lower(app, name, sizeof name);
    if (vault_put(l->vault, VAULT_APP_PASSWORD, name, bytes_of(hash), why)) {
        set_hash(l, name, hash);
        return password;
    }
    secret_free(password);
    return NULL;
}

bool login_forget_app(struct login *l, const char *app, struct fault *why)
{
    char name[320];
    lower(app, name, sizeof name);
    if (!vault_remove(l->vault, VAULT_APP_PASSWORD, name, why))
        return false;
    set_hash(l, name, NULL);
    return true;
}

bool login_has_password(const struct login *l, const char *app)
{
    return hash_of(l, app) != NULL;
}
