#include "vault/operators.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"

/* No app's name and no address begins so: wrong passwords are counted apart from theirs. */
#define USER_PREFIX "operator/"
#define PASSWORD_RULE "operator.password"

struct operators {
    struct guesses *guesses;
    struct vault *vault;
    struct map *hashes; /* name in lower case -> Argon2id string */
    struct guess_owner owner;
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

struct operators *operators_new(struct guesses *guesses, struct vault *v, struct fault *why)
{
    struct operators *all = mem_alloc(sizeof *all);
    all->guesses = guesses;
    all->vault = v;
    all->hashes = map_new();
    all->owner = (struct guess_owner){ all, PASSWORD_CHOSEN, hashes, ended };
    if (vault_each(v, VAULT_OPERATOR_PASSWORD, load, all, why))
        return all;
    operators_free(all);
    return NULL;
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

bool operators_set_password(struct operators *all, const char *name, struct bytes password, struct fault *why)
{
    char hash[PASSWORD_HASH_SIZE], *lower = lowered(name);
    bool ok = check_password(lower, password, why);
    if (ok) {
        struct secret *typed = secret_new(password.data, password.size);
        password_hash(PASSWORD_CHOSEN, typed, hash);
        secret_free(typed);
        ok = vault_put(all->vault, VAULT_OPERATOR_PASSWORD, lower, bytes_of(hash), why);
    }
    if (ok)
        free(map_put(all->hashes, lower, mem_strdup(hash)));
    free(lower);
    return ok;
}

bool operators_forget(struct operators *all, const char *name, struct fault *why)
{
    char *lower = lowered(name);
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
