#include "vault/operators.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "vault/hasher.h"

/* No app's name and no address begins so: wrong passwords are counted apart from theirs. */
#define USER_PREFIX "operator/"
#define PASSWORD_RULE "operator.password"
#define SETTINGS_MAX 32

struct operators {
    struct guesses *guesses;
    struct vault *vault;
    struct map *hashes; /* name in lower case -> Argon2id string */
    struct guess_owner owner;
    struct hasher *setter;
    struct list settings; /* in the order in which they came */
    size_t settings_count;
    struct setting *made; /* whose hash is being made; NULL: it was dropped meanwhile */
};

/* A password that is to be set. */
struct setting {
    struct list node;
    char *name; /* in lower case */
    struct secret *typed;
    operator_done_fn *done;
    void *ctx;
    uint64_t tag;
};

struct job {
    struct guess guess;
    operator_done_fn *done;
    void *ctx;
};

static char *lowered(const char *name)
{
    char *copy = mem_strdup(name);
    for (char *at = copy; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    return copy;
}

static const char *name_of(const struct guess *g)
{
    return g->user + strlen(USER_PREFIX);
}

static size_t hashes(void *self, const struct guess *g, const char *out[GUESS_HASHES])
{
    struct operators *all = self;
    out[0] = map_get(all->hashes, name_of(g));
    return out[0] != NULL;
}

static void ended(void *self, const struct guess *g, const struct guess_end *end)
{
    const struct job *j = (const struct job *)(const void *)g;
    struct operator_verdict v = { .is_ok = end->outcome == GUESS_RIGHT, .name = name_of(g) };
    if (end->outcome == GUESS_WRONG)
        fault_set(&v.why, FAULT_AUTH, "console.password", "the name or the password is wrong");
    else if (end->outcome == GUESS_THROTTLED)
        fault_set(&v.why, FAULT_RETRY, "console.throttled", "too many wrong passwords; try again in some minutes");
    else if (end->outcome == GUESS_BUSY)
        fault_set(&v.why, FAULT_RETRY, "app.busy", "too many sign-ins at once; try again");
    if (end->outcome == GUESS_THROTTLED)
        v.why.retry_after_s = GUESS_RETRY_S;
    j->done(j->ctx, g->tag, &v);
}

static void load(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    struct operators *all = ctx;
    if (bad)
        log_error("vault.damaged", LOG_TEXT("record", name), LOG_FAULT(bad));
    else
        free(map_put(all->hashes, name, mem_strdup((const char *)secret_bytes(plain).data)));
}

static void on_made(void *ctx, const struct secret *typed, const char *hash, bool is_right);

struct operators *operators_new(struct loop *l, struct guesses *guesses, struct vault *v, struct fault *why)
{
    struct operators *all = mem_alloc(sizeof *all);
    all->guesses = guesses;
    all->vault = v;
    all->hashes = map_new();
    all->owner = (struct guess_owner){ all, PASSWORD_CHOSEN, hashes, ended };
    list_init(&all->settings);
    all->setter = hasher_new(l, on_made, all);
    if (vault_each(v, VAULT_OPERATOR_PASSWORD, load, all, why))
        return all;
    operators_free(all);
    return NULL;
}

static void drop(struct operators *all, struct setting *s)
{
    if (all->made == s)
        all->made = NULL;
    list_remove(&s->node);
    all->settings_count--;
    secret_free(s->typed);
    free(s->name);
    free(s);
}

static bool free_hash(void *ctx, const char *key, void *value)
{
    free(value);
    return true;
}

void operators_free(struct operators *all)
{
    if (!all)
        return;
    guesses_forget_owner(all->guesses, &all->owner);
    hasher_free(all->setter);
    LIST_EACH (node, &all->settings)
        drop(all, LIST_OF(node, struct setting, node));
    map_each(all->hashes, free_hash, NULL);
    map_free(all->hashes);
    free(all);
}

void operators_check(struct operators *all, const char *name, struct bytes password, const char *host,
                     operator_done_fn *done, void *ctx, uint64_t tag)
{
    struct job *j = mem_alloc(sizeof *j);
    char *lower = lowered(name);
    *j = (struct job){ .guess = { .owner = &all->owner,
                                  .user = mem_printf(USER_PREFIX "%s", lower),
                                  .host = mem_strdup(host),
                                  .typed = secret_new(password.data, password.size),
                                  .asker = ctx,
                                  .tag = tag },
                       .done = done,
                       .ctx = ctx };
    free(lower);
    guesses_ask(all->guesses, &j->guess);
}

/* Characters, not octets: nobody counts octets when asked for twelve characters. */
static size_t characters(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

/* What is left beside the name must still be a password. */
static bool is_made_of_name(struct bytes password, const char *name)
{
    size_t size = strlen(name), rest = 0, at = 0;
    while (at < password.size) {
        bool is_name = size >= 3 && at + size <= password.size &&
                       bytes_equal_nocase(bytes_slice(password, at, at + size), bytes_of(name));
        rest += !is_name;
        at += is_name ? size : 1;
    }
    return rest < password.size && rest < OPERATOR_PASSWORD_MIN - 4;
}

static bool check_password(const char *name, struct bytes password, struct fault *why)
{
    if (!text_is_utf8(password) || memchr(password.data, '\0', password.size))
        return fault_set(why, FAULT_REJECT, PASSWORD_RULE, "a password is text in UTF-8");
    if (characters(password) < OPERATOR_PASSWORD_MIN)
        return fault_set(why, FAULT_REJECT, PASSWORD_RULE, "it has fewer than %d characters", OPERATOR_PASSWORD_MIN);
    if (password.size > OPERATOR_PASSWORD_MAX)
        return fault_set(why, FAULT_REJECT, PASSWORD_RULE, "it has more than %d octets", OPERATOR_PASSWORD_MAX);
    if (is_made_of_name(password, name))
        return fault_set(why, FAULT_REJECT, PASSWORD_RULE, "it is little more than the name");
    if (password_is_common(password))
        return fault_set(why, FAULT_REJECT, PASSWORD_RULE, "it is one of those that are tried first");
    return true;
}

static void set_next(struct operators *all)
{
    if (list_is_empty(&all->settings) || hasher_is_busy(all->setter))
        return;
    all->made = LIST_OF(all->settings.next, struct setting, node);
    hasher_make(all->setter, PASSWORD_CHOSEN, all->made->typed);
}

static void conclude(struct operators *all, struct setting *s, bool is_ok, const struct fault *why)
{
    struct operator_verdict v = { .is_ok = is_ok, .name = s->name, .why = *why };
    operator_done_fn *done = s->done;
    done(s->ctx, s->tag, &v);
    drop(all, s);
}

static void on_made(void *ctx, const struct secret *typed, const char *hash, bool is_right)
{
    struct operators *all = ctx;
    struct setting *s = all->made;
    struct fault why = { 0 };
    if (s) {
        bool ok = vault_put(all->vault, VAULT_OPERATOR_PASSWORD, s->name, bytes_of(hash), &why);
        if (ok)
            free(map_put(all->hashes, s->name, mem_strdup(hash)));
        conclude(all, s, ok, &why);
    }
    set_next(all);
}

void operators_set_password(struct operators *all, const char *name, struct bytes password, operator_done_fn *done,
                            void *ctx, uint64_t tag)
{
    struct fault why = { 0 };
    struct setting *s = mem_alloc(sizeof *s);
    *s = (struct setting){
        .name = lowered(name), .typed = secret_new(password.data, password.size), .done = done, .ctx = ctx, .tag = tag
    };
    list_append(&all->settings, &s->node);
    all->settings_count++;
    if (!check_password(s->name, password, &why)) {
        conclude(all, s, false, &why);
    } else if (all->settings_count > SETTINGS_MAX) {
        fault_set(&why, FAULT_RETRY, "app.busy", "too many passwords are being set at once; try again");
        conclude(all, s, false, &why);
    } else {
        set_next(all);
    }
}

void operators_forget_asker(struct operators *all, const void *ctx)
{
    LIST_EACH (node, &all->settings) {
        struct setting *s = LIST_OF(node, struct setting, node);
        if (s->ctx == ctx)
            drop(all, s);
    }
}

/* Else a removed operator's name would come back with a password. */
static void refuse_settings_of(struct operators *all, const char *lower)
{
    struct fault why;
    fault_set(&why, FAULT_REJECT, PASSWORD_RULE, "%s was removed meanwhile", lower);
    LIST_EACH (node, &all->settings) {
        struct setting *s = LIST_OF(node, struct setting, node);
        if (text_equal(s->name, lower))
            conclude(all, s, false, &why);
    }
}

bool operators_forget(struct operators *all, const char *name, struct fault *why)
{
    char *lower = lowered(name);
    refuse_settings_of(all, lower);
    bool ok = vault_remove(all->vault, VAULT_OPERATOR_PASSWORD, lower, why);
    if (ok)
        free(map_remove(all->hashes, lower));
    free(lower);
    return ok;
}

bool operators_has_password(const struct operators *all, const char *name)
{
    char *lower = lowered(name);
    bool has = map_get(all->hashes, lower) != NULL;
    free(lower);
    return has;
}

struct listing {
    operator_name_fn *each;
    void *ctx;
};

static bool list_one(void *ctx, const char *name, void *hash)
{
    struct listing *l = ctx;
    l->each(l->ctx, name);
    return true;
}

void operators_each(const struct operators *all, operator_name_fn *each, void *ctx)
{
    struct listing l = { each, ctx };
    map_each(all->hashes, list_one, &l);
}
