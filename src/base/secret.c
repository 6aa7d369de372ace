/* base/secret.c - a small allocator over pages that are locked, not dumped, and wiped.
 *
 * Secrets are many and short, so they share pages: sizes are rounded up to a power of two, slots are cut from regions
 * and recycled through one free list per size. Regions are never given back. The largest get a mapping of their own. */
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena.h"

#define REGION_SIZE 65536u
#define SLOT_SMALLEST 64u
#define SLOT_CLASSES 9 /* 64 bytes .. 16 KiB */

struct secret {
    size_t size;
    size_t slot_size;
    struct secret *next_free;
    uint8_t data[];
};

static struct {
    struct secret *free[SLOT_CLASSES];
    uint8_t *region;
    size_t left; /* in the region */
} pool;

static void *map_pages(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        dprintf(STDERR_FILENO, "postern: out of memory for secrets (%zu bytes asked for)\n", size);
        abort();
    }
    /* Both may be refused (RLIMIT_MEMLOCK, old kernels); a secret in swap is better than a daemon that does not start. */
    (void)mlock(at, size);
    (void)madvise(at, size, MADV_DONTDUMP);
    return at;
}

static struct secret *take_slot(unsigned class)
{
    struct secret *s = pool.free[class];
    size_t slot_size = (size_t)SLOT_SMALLEST << class;
    if (s) {
        pool.free[class] = s->next_free;
    } else {
        if (pool.left < slot_size) {
            pool.region = map_pages(REGION_SIZE);
            pool.left = REGION_SIZE;
        }
        s = (void *)(pool.region + REGION_SIZE - pool.left);
        pool.left -= slot_size;
    }
    s->slot_size = slot_size;
    return s;
}

static unsigned class_of(size_t slot_size)
{
    unsigned class = 0;
    while (class < SLOT_CLASSES && ((size_t)SLOT_SMALLEST << class) < slot_size)
        class ++;
    return class;
}

struct secret *secret_new(const void *data, size_t size)
{
    assert(size < SIZE_MAX - sizeof(struct secret) - 1);
    size_t needed = sizeof(struct secret) + size + 1;
    unsigned class = class_of(needed);
    struct secret *s;
    if (class < SLOT_CLASSES) {
        s = take_slot(class);
    } else {
        s = map_pages(needed);
        s->slot_size = needed;
    }
    s->size = size;
    s->next_free = NULL;
    if (size > 0)
        memcpy(s->data, data, size);
    s->data[size] = 0;
    return s;
}

struct secret *secret_dup(const struct secret *s)
{
    return s ? secret_new(s->data, s->size) : NULL;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    secret_wipe(s->data, s->size);
    s->size = 0;
    unsigned class = class_of(s->slot_size);
    if (class == SLOT_CLASSES) {
        munmap(s, s->slot_size);
        return;
    }
    s->next_free = pool.free[class];
    pool.free[class] = s;
}

struct bytes secret_bytes(const struct secret *s)
{
    return s ? (struct bytes){ s->data, s->size } : BYTES_NONE;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    struct bytes x = secret_bytes(a), y = secret_bytes(b);
    if (x.size != y.size)
        return false;
    volatile uint8_t differs = 0;
    for (size_t i = 0; i < x.size; i++)
        differs |= x.data[i] ^ y.data[i];
    return differs == 0;
}

void secret_wipe(void *data, size_t size)
{
    if (size > 0)
        explicit_bzero(data, size);
}

void secret_random(void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            dprintf(STDERR_FILENO, "postern: the system gives no random bytes: %s\n", strerror(errno));
            abort();
        }
        at += got;
        size -= (size_t)got;
    }
}
