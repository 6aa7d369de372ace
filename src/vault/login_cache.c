#include "vault/login_cache.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define MARK_SIZE 16
#define SETS 1024
#define WAYS 4

struct table {
    uint8_t marks[SETS][WAYS][MARK_SIZE]; /* all zero: empty */
    uint8_t next[SETS];
};

struct login_cache {
    uint8_t key[32];
    struct table right, wrong;
};

struct login_cache *login_cache_new(void)
{
    struct login_cache *c = mem_alloc(sizeof *c);
    secret_random(c->key, sizeof c->key);
    return c;
}

void login_cache_free(struct login_cache *c)
{
    if (c)
        secret_wipe(c, sizeof *c);
    free(c);
}

static void mark_of(const struct login_cache *c, const char *about, const struct secret *normal,
                    uint8_t mark[MARK_SIZE])
{
    crypto_generichash_state state;
    struct bytes password = secret_bytes(normal);
    crypto_generichash_init(&state, c->key, sizeof c->key, MARK_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)about, strlen(about) + 1);
    crypto_generichash_update(&state, password.data, password.size);
    crypto_generichash_final(&state, mark, MARK_SIZE);
    secret_wipe(&state, sizeof state);
}

static size_t set_of(const uint8_t mark[MARK_SIZE])
{
    return ((size_t)mark[0] << 8 | mark[1]) % SETS;
}

static bool has(const struct table *t, const uint8_t mark[MARK_SIZE])
{
    size_t set = set_of(mark);
    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(t->marks[set][i], mark, MARK_SIZE) == 0)
            return true;
    }
    return false;
}

enum login_cached login_cache_find(const struct login_cache *c, const char *about, const struct secret *normal)
{
    uint8_t mark[MARK_SIZE];
    mark_of(c, about, normal, mark);
    if (has(&c->right, mark))
        return LOGIN_RIGHT;
    return has(&c->wrong, mark) ? LOGIN_WRONG : LOGIN_UNKNOWN;
}

void login_cache_put(struct login_cache *c, const char *about, const struct secret *normal, bool is_right)
{
    uint8_t mark[MARK_SIZE];
    struct table *t = is_right ? &c->right : &c->wrong;
    mark_of(c, about, normal, mark);
    size_t set = set_of(mark);
    memcpy(t->marks[set][t->next[set]], mark, MARK_SIZE);
    t->next[set] = (uint8_t)((t->next[set] + 1) % WAYS);
}
