/* vault/guess.c - what is known of the password, the line for the rest, and the count of wrong ones. */
#include "vault/guess.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "vault/hasher.h"
#include "vault/login_cache.h"
#include "vault/throttle.h"

#define LINE_MAX 256
#define LINE_MAX_PER_HOST 32
#define FREE_FAILURES 2 /* before answers are delayed */
#define DELAY_FIRST_MS 250
#define DELAY_LAST_MS 8000
#define REFUSE_NAME 20     /* wrong ones for one name from one address, and */
#define REFUSE_ADDRESS 100 /* from one address for any name, until new ones are not looked at */
#define HOST_SIZE 64

struct guesses {
    struct loop *loop;
    struct login_cache *cache;
    struct throttle *throttle;
    struct list line;
    size_t line_count;
    struct loop_timer next;
    struct hasher *hasher;
    struct guess *compared; /* with the hash that the hasher has just now; NULL: it was dropped meanwhile */
    char dummies[PASSWORD_COSTS][PASSWORD_HASH_SIZE]; /* of passwords that nobody has: the work for unknown names */
};

static void work(void *ctx);
static void on_compared(void *ctx, const struct secret *typed, const char *hash, bool is_right);

struct guesses *guesses_new(struct loop *loop)
{
    struct guesses *all = mem_alloc(sizeof *all);
    all->loop = loop;
    all->cache = login_cache_new();
    all->throttle = throttle_new();
    list_init(&all->line);
    loop_timer_init(&all->next, loop, work, all);
    all->hasher = hasher_new(loop, on_compared, all);
    for (unsigned cost = 0; cost < PASSWORD_COSTS; cost++)
        password_hash_of_nobody((enum password_cost)cost, all->dummies[cost]);
    return all;
}

static void drop(struct guesses *all, struct guess *g)
{
    if (all->compared == g)
        all->compared = NULL;
    list_remove(&g->node);
    all->line_count--;
    secret_free(g->typed);
    free(g->user);
    free(g->host);
    free(g);
}

void guesses_free(struct guesses *all)
{
    if (!all)
        return;
    loop_timer_stop(&all->next);
    hasher_free(all->hasher);
    LIST_EACH (at, &all->line)
        drop(all, LIST_OF(at, struct guess, node));
    login_cache_free(all->cache);
    throttle_free(all->throttle);
    free(all);
}

void guesses_cancel(struct guesses *all, const void *asker, uint64_t tag)
{
    LIST_EACH (at, &all->line) {
        struct guess *g = LIST_OF(at, struct guess, node);
        if (g->asker == asker && g->tag == tag)
            drop(all, g);
    }
}

void guesses_forget_asker(struct guesses *all, const void *asker)
{
    LIST_EACH (at, &all->line) {
        struct guess *g = LIST_OF(at, struct guess, node);
        if (g->asker == asker)
            drop(all, g);
    }
}

void guesses_forget_owner(struct guesses *all, const struct guess_owner *owner)
{
    LIST_EACH (at, &all->line) {
        struct guess *g = LIST_OF(at, struct guess, node);
        if (g->owner == owner)
            drop(all, g);
    }
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

static void end_right(struct guesses *all, const struct guess *g, size_t which)
{
    struct guess_end end = { .outcome = GUESS_RIGHT, .which = which };
    char host[HOST_SIZE];
    host_key(g->host, host);
    throttle_clear(all->throttle, g->user, host);
    g->owner->ended(g->owner->self, g, &end);
}

static void end_wrong(struct guesses *all, const struct guess *g)
{
    struct guess_end end = { .outcome = GUESS_WRONG };
    char host[HOST_SIZE];
    int64_t now_ms = loop_now_ms(all->loop);
    host_key(g->host, host);
    unsigned count = throttle_add(all->throttle, g->user, host, now_ms);
    throttle_add(all->throttle, "", host, now_ms);
    end.delay_ms = count > FREE_FAILURES ? DELAY_FIRST_MS : 0;
    for (unsigned i = FREE_FAILURES + 1; i < count && end.delay_ms < DELAY_LAST_MS; i++)
        end.delay_ms *= 2;
    g->owner->ended(g->owner->self, g, &end);
}

static void end_unseen(struct guesses *all, struct guess *g, enum guess_outcome outcome)
{
    struct guess_end end = { .outcome = outcome };
    g->owner->ended(g->owner->self, g, &end);
    drop(all, g);
}

/* What is left to do: nothing (it has ended), or the hash to compare with next, lent. */
static const char *next_hash(struct guesses *all, const struct guess *g)
{
    const char *hashes[GUESS_HASHES], *unknown = NULL;
    size_t count = g->owner->hashes(g->owner->self, g, hashes);
    for (size_t i = 0; i < count; i++) {
        enum login_cached known = hashes[i] ? login_cache_find(all->cache, hashes[i], g->typed) : LOGIN_WRONG;
        if (known == LOGIN_RIGHT) {
            end_right(all, g, i);
            return NULL;
        }
        if (known == LOGIN_UNKNOWN && !unknown)
            unknown = hashes[i];
    }
    if (count == 0 && login_cache_find(all->cache, g->user, g->typed) == LOGIN_UNKNOWN)
        return all->dummies[g->owner->cost];
    if (!unknown)
        end_wrong(all, g);
    return unknown;
}

static void go_on(struct guesses *all)
{
    if (!list_is_empty(&all->line) && !hasher_is_busy(all->hasher))
        loop_timer_start(&all->next, 0);
}

/* A name that nobody has costs the same as any; what was typed for it is remembered under the name. */
static void on_compared(void *ctx, const struct secret *typed, const char *hash, bool is_right)
{
    struct guesses *all = ctx;
    struct guess *g = all->compared;
    bool is_dummy = g && text_equal(hash, all->dummies[g->owner->cost]);
    all->compared = NULL;
    if (g) {
        login_cache_put(all->cache, is_dummy ? g->user : hash, typed, is_right && !is_dummy);
        if (!next_hash(all, g))
            drop(all, g);
    }
    go_on(all);
}

static void work(void *ctx)
{
    struct guesses *all = ctx;
    if (list_is_empty(&all->line) || hasher_is_busy(all->hasher))
        return;
    struct guess *g = LIST_OF(all->line.next, struct guess, node);
    const char *hash = next_hash(all, g);
    if (hash) {
        all->compared = g;
        hasher_compare(all->hasher, g->typed, hash);
    } else {
        drop(all, g);
        go_on(all);
    }
}

static bool is_throttled(const struct guesses *all, const struct guess *g)
{
    char host[HOST_SIZE];
    int64_t now_ms = loop_now_ms(all->loop);
    host_key(g->host, host);
    return throttle_count(all->throttle, g->user, host, now_ms) >= REFUSE_NAME ||
           throttle_count(all->throttle, "", host, now_ms) >= REFUSE_ADDRESS;
}

static bool is_line_full(const struct guesses *all, const char *host)
{
    size_t of_host = 0; /* the one that asks stands in the line already */
    if (all->line_count > LINE_MAX)
        return true;
    LIST_EACH (at, &all->line)
        of_host += text_equal(LIST_OF(at, struct guess, node)->host, host);
    return of_host > LINE_MAX_PER_HOST;
}

void guesses_ask(struct guesses *all, struct guess *g)
{
    list_append(&all->line, &g->node);
    all->line_count++;
    if (!next_hash(all, g))
        drop(all, g);
    else if (is_throttled(all, g))
        end_unseen(all, g, GUESS_THROTTLED);
    else if (is_line_full(all, g->host))
        end_unseen(all, g, GUESS_BUSY);
    else
        go_on(all);
}
