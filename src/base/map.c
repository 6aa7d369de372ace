/* base/map.c - linear probing, removal by shifting back (no tombstones), SipHash-1-3 over a random seed. */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"

#define SLOTS_FIRST 16u

struct slot {
    char *key; /* NULL: empty */
    void *value;
    uint64_t hash;
};

struct map {
    struct slot *slots;
    size_t size; /* a power of two, or 0 */
    size_t count;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t hash_of(const char *key)
{
    static uint64_t seed[2];
    static bool is_seeded;
    if (!is_seeded)
        secret_random(seed, sizeof seed);
    is_seeded = true;

    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261,
                      seed[1] ^ 0x7465646279746573 };
    size_t size = strlen(key), at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy(&word, key + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)size << 56;
    for (unsigned shift = 0; at < size; at++, shift += 8)
        last |= (uint64_t)(uint8_t)key[at] << shift;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    return mem_alloc(sizeof(struct map));
}

void map_clear(struct map *m)
{
    for (size_t i = 0; i < m->size; i++)
        free(m->slots[i].key);
    free(m->slots);
    *m = (struct map){ 0 };
}

void map_free(struct map *m)
{
    if (!m)
        return;
    map_clear(m);
    free(m);
}

/* The key's slot, or the empty one where it would go. Needs a free slot in the table. */
static struct slot *probe(const struct map *m, const char *key, uint64_t hash)
{
    size_t at = hash & (m->size - 1);
    while (m->slots[at].key && (m->slots[at].hash != hash || strcmp(m->slots[at].key, key) != 0))
        at = (at + 1) & (m->size - 1);
    return &m->slots[at];
}

static void grow(struct map *m)
{
    struct map wider = { .size = m->size ? m->size * 2 : SLOTS_FIRST, .count = m->count };
    wider.slots = mem_alloc(wider.size * sizeof *wider.slots);
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].key)
            *probe(&wider, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    *m = wider;
}

void *map_get(const struct map *m, const char *key)
{
    if (m->count == 0)
        return NULL;
    const struct slot *s = probe(m, key, hash_of(key));
    return s->key ? s->value : NULL;
}

void *map_put(struct map *m, const char *key, void *value)
{
    if (m->count + 1 > m->size / 4 * 3)
        grow(m);
    uint64_t hash = hash_of(key);
    struct slot *s = probe(m, key, hash);
    void *replaced = s->key ? s->value : NULL;
    if (!s->key) {
        *s = (struct slot){ .key = mem_strdup(key), .hash = hash };
        m->count++;
    }
    s->value = value;
    return replaced;
}

/* Moves later members of the run into the hole where their own probe would have met it, so that runs stay unbroken. */
static void close_hole(struct map *m, size_t hole)
{
    size_t mask = m->size - 1;
    for (size_t at = (hole + 1) & mask; m->slots[at].key; at = (at + 1) & mask) {
        size_t home = m->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole] = (struct slot){ 0 };
}

void *map_remove(struct map *m, const char *key)
{
    if (m->count == 0)
        return NULL;
    struct slot *s = probe(m, key, hash_of(key));
    if (!s->key)
        return NULL;
    void *value = s->value;
    free(s->key);
    close_hole(m, (size_t)(s - m->slots));
    m->count--;
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void map_each(const struct map *m, map_each_fn *each, void *ctx)
{
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].key && !each(ctx, m->slots[i].key, m->slots[i].value))
            return;
}
