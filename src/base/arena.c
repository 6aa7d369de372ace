/* base/arena.c - a chain of blocks that is handed out front to back and given back whole. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_FIRST 1024u
#define BLOCK_LARGEST 65536u /* a reset keeps no block above this, so that one big mail does not stay in memory */

struct block {
    struct block *older;
    size_t size, used; /* of data */
    _Alignas(max_align_t) uint8_t data[];
};

struct arena {
    struct block *newest; /* NULL until the first allocation: an idle session's arena costs nothing */
    size_t next_size;
    size_t held;
};

static _Noreturn void out_of_memory(size_t size)
{
    dprintf(STDERR_FILENO, "postern: out of memory (%zu bytes asked for)\n", size);
    abort();
}

void *mem_alloc(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        out_of_memory(size);
    return p;
}

void *mem_resize(void *p, size_t size)
{
    void *resized = realloc(p, size ? size : 1);
    if (!resized)
        out_of_memory(size);
    return resized;
}

char *mem_strdup(const char *text)
{
    return text ? mem_strndup(text, strlen(text)) : NULL;
}

char *mem_strndup(const void *data, size_t size)
{
    if (size == SIZE_MAX)
        out_of_memory(size);
    char *copy = mem_resize(NULL, size + 1);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = 0;
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0)
        out_of_memory(0);
    return text;
}

struct arena *arena_new(void)
{
    struct arena *a = mem_alloc(sizeof *a);
    a->next_size = BLOCK_FIRST;
    return a;
}

static void free_chain(struct block *b)
{
    while (b) {
        struct block *older = b->older;
        free(b);
        b = older;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_chain(a->newest);
    free(a);
}

void arena_reset(struct arena *a)
{
    struct block *kept = a->newest;
    if (!kept)
        return;
    free_chain(kept->older);
    kept->older = NULL;
    kept->used = 0;
    a->held = kept->size;
    if (kept->size > BLOCK_LARGEST) {
        free(kept);
        a->newest = NULL;
        a->held = 0;
    }
}

size_t arena_size(const struct arena *a)
{
    return a->held;
}

static struct block *block_new(struct arena *a, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block))
        out_of_memory(size);
    struct block *b = mem_resize(NULL, sizeof *b + size);
    b->size = size;
    b->used = 0;
    a->held += size;
    return b;
}

/* A request that would fill most of a block gets its own behind the newest, so that the newest goes on being filled. */
static void *take_from_own_block(struct arena *a, size_t size)
{
    struct block *own = block_new(a, size);
    own->used = size;
    if (a->newest) {
        own->older = a->newest->older;
        a->newest->older = own;
    } else {
        own->older = NULL;
        a->newest = own;
    }
    return own->data;
}

static void *take(struct arena *a, size_t size)
{
    const size_t alignment = _Alignof(max_align_t);
    if (size > SIZE_MAX - alignment)
        out_of_memory(size);
    size = (size + alignment - 1) / alignment * alignment;
    struct block *b = a->newest;
    if (!b || size > b->size - b->used) {
        if (size > a->next_size / 2)
            return take_from_own_block(a, size);
        b = block_new(a, a->next_size);
        b->older = a->newest;
        a->newest = b;
        if (a->next_size < BLOCK_LARGEST)
            a->next_size *= 2;
    }
    void *p = b->data + b->used;
    b->used += size;
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(take(a, size), 0, size);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory(SIZE_MAX);
    return arena_alloc(a, total);
}

char *arena_strdup(struct arena *a, const char *text)
{
    return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *a, const void *data, size_t size)
{
    if (size == SIZE_MAX)
        out_of_memory(size);
    char *copy = take(a, size + 1);
    if (size > 0)
        memcpy(copy, data, size);
    copy[size] = 0;
    return copy;
}

struct bytes arena_bytes(struct arena *a, struct bytes data)
{
    return (struct bytes){ (const uint8_t *)arena_strndup(a, data.data, data.size), data.size };
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    char brief[256]; /* most are: formatted once, copied once */
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(brief, sizeof brief, format, args);
    va_end(args);
    if (size < 0)
        out_of_memory(0);
    char *text = take(a, (size_t)size + 1);
    if ((size_t)size < sizeof brief)
        memcpy(text, brief, (size_t)size + 1);
    else
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}
