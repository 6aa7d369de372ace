#include "vault/throttle.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"

#define SETS 1024
#define WAYS 8
#define TAG_SIZE 8
#define HALF_LIFE_MS (5 * 60 * 1000LL)
#define COUNT_MAX 1000000u

struct entry {
    uint8_t tag[TAG_SIZE];
    unsigned count; /* as of since_ms; 0: empty */
    int64_t since_ms;
};

struct throttle {
    uint8_t key[32]; /* per process, so that nobody can choose who shares a place */
    struct entry entries[SETS][WAYS];
};

struct place {
    uint8_t tag[TAG_SIZE];
    size_t set;
};

struct throttle *throttle_new(void)
{
    struct throttle *t = mem_alloc(sizeof *t);
    secret_random(t->key, sizeof t->key);
    return t;
}

void throttle_free(struct throttle *t)
{
    free(t);
}

static struct place place_of(const struct throttle *t, const char *a, const char *b)
{
    struct place p;
    uint8_t hash[16];
    crypto_generichash_state state;
    crypto_generichash_init(&state, t->key, sizeof t->key, sizeof hash);
    crypto_generichash_update(&state, (const uint8_t *)a, strlen(a) + 1);
    crypto_generichash_update(&state, (const uint8_t *)b, strlen(b));
    crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(p.tag, hash, TAG_SIZE);
    p.set = ((size_t)hash[TAG_SIZE] << 8 | hash[TAG_SIZE + 1]) % SETS;
    return p;
}

static unsigned faded(const struct entry *e, int64_t now_ms)
{
    int64_t halvings = (now_ms - e->since_ms) / HALF_LIFE_MS;
    return halvings >= 32 ? 0 : e->count >> halvings;
}

static const struct entry *find(const struct throttle *t, const struct place *p)
{
    for (size_t i = 0; i < WAYS; i++) {
        const struct entry *e = &t->entries[p->set][i];
        if (e->count > 0 && memcmp(e->tag, p->tag, TAG_SIZE) == 0)
            return e;
    }
    return NULL;
}

unsigned throttle_count(const struct throttle *t, const char *a, const char *b, int64_t now_ms)
{
    struct place p = place_of(t, a, b);
    const struct entry *e = find(t, &p);
    return e ? faded(e, now_ms) : 0;
}

static struct entry *least(struct throttle *t, size_t set, int64_t now_ms)
{
    struct entry *found = &t->entries[set][0];
    for (size_t i = 1; i < WAYS; i++) {
        if (faded(&t->entries[set][i], now_ms) < faded(found, now_ms))
            found = &t->entries[set][i];
    }
    return found;
}

unsigned throttle_add(struct throttle *t, const char *a, const char *b, int64_t now_ms)
{
    struct place p = place_of(t, a, b);
    struct entry *e = (struct entry *)(uintptr_t)find(t, &p);
    if (!e) {
        e = least(t, p.set, now_ms);
        *e = (struct entry){ .since_ms = now_ms };
        memcpy(e->tag, p.tag, TAG_SIZE);
    }
    unsigned count = faded(e, now_ms);
    /* Fading goes by whole half-lives: what is left of the present one stays counted. */
    if (count == 0)
        e->since_ms = now_ms;
    else
        e->since_ms += (now_ms - e->since_ms) / HALF_LIFE_MS * HALF_LIFE_MS;
    e->count = count < COUNT_MAX ? count + 1 : COUNT_MAX;
    return e->count;
}

void throttle_clear(struct throttle *t, const char *a, const char *b)
{
    struct place p = place_of(t, a, b);
    struct entry *e = (struct entry *)(uintptr_t)find(t, &p);
    if (e)
        e->count = 0;
}
