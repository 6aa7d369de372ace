/* vault/login.c - sign-ins: which apps a user name may mean, what is known of the password, and the line for the rest. */
#include "vault/login.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "net/addr.h"
#include "vault/login_cache.h"
#include "vault/password.h"
#include "vault/throttle.h"

#define CANDIDATES_MAX 16 /* apps of one mailbox that are tried when only its address is given */
#define LINE_MAX 256
#define LINE_MAX_PER_HOST 32
#define FREE_FAILURES 2 /* before answers are delayed */
#define DELAY_FIRST_MS 250
#define DELAY_LAST_MS 8000
#define REFUSE_APP 20      /* wrong ones for one app from one address, and */
#define REFUSE_ADDRESS 100 /* from one address for any app, until new ones are not looked at */
#define HOST_SIZE 64

struct login {
    struct loop *loop;
    struct vault *vault;
    struct directory *directory;
    struct map *hashes; /* app name in lower case -> Argon2id string */
    struct login_cache *cache;
    struct throttle *throttle;
    struct list line;
    size_t line_count;
    struct loop_timer next;
    char dummy[PASSWORD_HASH_SIZE]; /* of a password that nobody has: the work for unknown names */
};

struct job {
    struct list node;
    char *user, *host;
    struct secret *normal;
    uint32_t protocol;
    login_done_fn *done;
    void *ctx;
    uint64_t tag;
};

/* The apps a user name may mean, and the mailbox it picks ("" : the app's first). */
struct candidates {
    const struct app *apps[CANDIDATES_MAX];
    size_t count;
    const char *mailbox;
};

static void work(void *ctx);

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

struct login *login_new(struct loop *loop, struct vault *v, struct directory *d, struct fault *why)
{
    struct login *l = mem_alloc(sizeof *l);
    char nobody[PASSWORD_TEXT_SIZE];
    l->loop = loop;
    l->vault = v;
    l->directory = d;
    l->hashes = map_new();
    l->cache = login_cache_new();
    l->throttle = throttle_new();
    list_init(&l->line);
    loop_timer_init(&l->next, loop, work, l);
    password_make(nobody);
    struct secret *normal = password_normal(bytes_of(nobody));
    password_hash(normal, l->dummy);
    secret_free(normal);
    secret_wipe(nobody, sizeof nobody);
    if (vault_each(v, VAULT_APP_PASSWORD, load, l, why))
        return l;
    login_free(l);
    return NULL;
}

static void job_free(struct login *l, struct job *j)
{
    list_remove(&j->node);
    l->line_count--;
    secret_free(j->normal);
    free(j->user);
    free(j->host);
    free(j);
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
    loop_timer_stop(&l->next);
    LIST_EACH (at, &l->line)
        job_free(l, LIST_OF(at, struct job, node));
    map_each(l->hashes, free_hash, NULL);
    map_free(l->hashes);
    login_cache_free(l->cache);
    throttle_free(l->throttle);
    free(l);
}

/* An IPv6 neighbourhood counts as one address: whoever has one has 2^64 of them. */
static void host_key(const char *host, char out[HOST_SIZE])
{
    struct in6_addr v6;
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        memset(v6.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &v6, out, HOST_SIZE);
    } else {
        snprintf(out, HOST_SIZE, "%s", host);
    }
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
    if (a->only_from && !is_from_range(a, j->host))
        return fault_set(why, FAULT_AUTH, "app.from", "%s may not sign in from %s", a->name, j->host);
    if (!m)
        return fault_set(why, FAULT_RETRY, "mailbox.unknown", "the mailbox of %s is not there", a->name);
    return true;
}

static void answer(const struct job *j, const struct login_verdict *v)
{
    j->done(j->ctx, j->tag, v);
}

static void accept_app(struct login *l, const struct job *j, const struct app *a, const char *wanted)
{
    struct login_verdict v = { .app = "", .mailbox = "" };
    char host[HOST_SIZE];
    const char *address = wanted[0] ? wanted : a->mailboxes_count > 0 ? a->mailboxes[0] : "";
    const struct mailbox *m = directory_mailbox(l->directory, address);
    host_key(j->host, host);
    throttle_clear(l->throttle, j->user, host);
    v.is_ok = may_enter(l, a, m, j, &v.why);
    if (v.is_ok) {
        v.app = a->name;
        v.mailbox = m->address;
    }
    answer(j, &v);
}

static void refuse_password(struct login *l, const struct job *j)
{
    struct login_verdict v = { .app = "", .mailbox = "" };
    char host[HOST_SIZE];
    int64_t now_ms = loop_now_ms(l->loop);
    host_key(j->host, host);
    unsigned count = throttle_add(l->throttle, j->user, host, now_ms);
    throttle_add(l->throttle, "", host, now_ms);
    v.delay_ms = count > FREE_FAILURES ? DELAY_FIRST_MS : 0;
    for (unsigned i = FREE_FAILURES + 1; i < count && v.delay_ms < DELAY_LAST_MS; i++)
        v.delay_ms *= 2;
    fault_set(&v.why, FAULT_AUTH, "app.password", "the user name or the password is wrong");
    answer(j, &v);
}

static void refuse_for_now(const struct job *j, const char *id, const char *text)
{
    struct login_verdict v = { .app = "", .mailbox = "" };
    fault_set(&v.why, FAULT_RETRY, id, "%s", text);
    answer(j, &v);
}

/* What is left to do: nothing (answered), or the hash to compare with next, lent. */
static const char *next_hash(struct login *l, const struct job *j)
{
    struct candidates c;
    char user[641];
    const char *unknown = NULL;
    snprintf(user, sizeof user, "%s", j->user);
    find_candidates(l, user, &c);
    for (size_t i = 0; i < c.count; i++) {
        const char *hash = hash_of(l, c.apps[i]->name);
        enum login_cached known = hash ? login_cache_find(l->cache, hash, j->normal) : LOGIN_WRONG;
        if (known == LOGIN_RIGHT) {
            accept_app(l, j, c.apps[i], c.mailbox);
            return NULL;
        }
        if (known == LOGIN_UNKNOWN && !unknown)
            unknown = hash;
    }
    if (c.count == 0 && login_cache_find(l->cache, j->user, j->normal) == LOGIN_UNKNOWN)
        return l->dummy;
    if (!unknown)
        refuse_password(l, j);
    return unknown;
}

/* One hash per turn: other questions, and tokens, are answered in between. */
static void work(void *ctx)
{
    struct login *l = ctx;
    if (list_is_empty(&l->line))
        return;
    struct job *j = LIST_OF(l->line.next, struct job, node);
    const char *hash = next_hash(l, j);
    if (hash) {
        bool is_right = password_is(j->normal, hash);
        login_cache_put(l->cache, hash == l->dummy ? j->user : hash, j->normal, is_right && hash != l->dummy);
        hash = next_hash(l, j);
    }
    if (!hash)
        job_free(l, j);
    if (!list_is_empty(&l->line))
        loop_timer_start(&l->next, 0);
}

static bool is_throttled(const struct login *l, const struct job *j)
{
    char host[HOST_SIZE];
    int64_t now_ms = loop_now_ms(l->loop);
    host_key(j->host, host);
    return throttle_count(l->throttle, j->user, host, now_ms) >= REFUSE_APP ||
           throttle_count(l->throttle, "", host, now_ms) >= REFUSE_ADDRESS;
}

static bool is_line_full(const struct login *l, const char *host)
{
    size_t of_host = 0; /* the one that asks stands in the line already */
    if (l->line_count > LINE_MAX)
        return true;
    LIST_EACH (at, &l->line)
        of_host += text_equal(LIST_OF(at, struct job, node)->host, host);
    return of_host > LINE_MAX_PER_HOST;
}

void login_check(struct login *l, const struct login_question *q, login_done_fn *done, void *ctx, uint64_t tag)
{
    struct job *j = mem_alloc(sizeof *j);
    char user[641];
    lower(q->user, user, sizeof user);
    *j = (struct job){ .user = mem_strdup(user),
                       .host = mem_strdup(q->host),
                       .normal = password_normal(q->password),
                       .protocol = q->protocol,
                       .done = done,
                       .ctx = ctx,
                       .tag = tag };
    list_append(&l->line, &j->node);
    l->line_count++;
    bool is_first = l->line.next == &j->node;
    if (!next_hash(l, j)) {
        job_free(l, j);
    } else if (is_throttled(l, j)) {
        refuse_for_now(j, "app.throttled", "too many wrong passwords from this address; try again in some minutes");
        job_free(l, j);
    } else if (is_line_full(l, j->host)) {
        refuse_for_now(j, "app.busy", "too many sign-ins at once; try again");
        job_free(l, j);
    } else if (is_first) {
        loop_timer_start(&l->next, 0);
    }
}

void login_forget_asker(struct login *l, const void *ctx)
{
    LIST_EACH (at, &l->line) {
        struct job *j = LIST_OF(at, struct job, node);
        if (j->ctx == ctx)
            job_free(l, j);
    }
}

struct secret *login_new_password(struct login *l, const char *app, struct fault *why)
{
    char text[PASSWORD_TEXT_SIZE], hash[PASSWORD_HASH_SIZE], name[320];
    password_make(text);
    struct secret *password = secret_new(text, sizeof text - 1), *normal = password_normal(bytes_of(text));
    secret_wipe(text, sizeof text);
    password_hash(normal, hash);
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
