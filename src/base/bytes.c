/* base/bytes.c - views and bounded buffers. */
#include "base/bytes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define SMALLEST_CAPACITY 64

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

struct bytes bytes_of(const char *text)
{
    return (struct bytes){ (const uint8_t *)text, text ? strlen(text) : 0 };
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool bytes_starts_nocase(struct bytes whole, const char *prefix)
{
    struct bytes head = bytes_of(prefix);
    return whole.size >= head.size && bytes_equal_nocase(bytes_slice(whole, 0, head.size), head);
}

size_t bytes_find(struct bytes whole, struct bytes needle)
{
    if (needle.size == 0)
        return 0;
    if (whole.size < needle.size)
        return SIZE_MAX;
    const uint8_t *at = memmem(whole.data, whole.size, needle.data, needle.size);
    return at ? (size_t)(at - whole.data) : SIZE_MAX;
}

struct bytes bytes_slice(struct bytes whole, size_t from, size_t to)
{
    if (to > whole.size)
        to = whole.size;
    if (from >= to)
        return BYTES_NONE;
    return (struct bytes){ whole.data + from, to - from };
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes bytes_trim(struct bytes whole)
{
    size_t from = 0, to = whole.size;
    while (from < to && is_blank(whole.data[from]))
        from++;
    while (to > from && is_blank(whole.data[to - 1]))
        to--;
    return bytes_slice(whole, from, to);
}

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){ .limit = limit };
}

void buf_fini(struct buf *b)
{
    buf_release(b);
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    if (b->data)
        b->data[0] = 0;
}

void buf_release(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .limit = b->limit };
}

/* Doubling, but never past the limit; one byte more than the capacity is allocated for the NUL. */
static void grow(struct buf *b, size_t needed)
{
    size_t capacity = b->capacity ? b->capacity : SMALLEST_CAPACITY;
    while (capacity < needed)
        capacity = capacity > b->limit / 2 ? b->limit : capacity * 2;
    b->data = mem_resize(b->data, capacity + 1);
    b->capacity = capacity;
    b->data[b->size] = 0;
}

uint8_t *buf_reserve(struct buf *b, size_t size)
{
    if (b->size > b->limit || size > b->limit - b->size)
        return NULL;
    if (!b->data || b->size + size > b->capacity)
        grow(b, b->size + size);
    return b->data + b->size;
}

void buf_grew(struct buf *b, size_t size)
{
    assert(size <= b->capacity - b->size);
    b->size += size;
    if (b->data)
        b->data[b->size] = 0;
}

bool buf_add(struct buf *b, const void *data, size_t size)
{
    uint8_t *room = buf_reserve(b, size);
    if (!room)
        return false;
    if (size > 0)
        memcpy(room, data, size);
    buf_grew(b, size);
    return true;
}

bool buf_add_bytes(struct buf *b, struct bytes data)
{
    return buf_add(b, data.data, data.size);
}

bool buf_add_str(struct buf *b, const char *text)
{
    return buf_add_bytes(b, bytes_of(text));
}

bool buf_add_byte(struct buf *b, uint8_t byte)
{
    return buf_add(b, &byte, 1);
}

bool buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool fits = buf_vaddf(b, format, args);
    va_end(args);
    return fits;
}

bool buf_vaddf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(size >= 0);
    uint8_t *room = buf_reserve(b, (size_t)size);
    if (!room)
        return false;
    vsnprintf((char *)room, (size_t)size + 1, format, args);
    buf_grew(b, (size_t)size);
    return true;
}

void buf_consume(struct buf *b, size_t size)
{
    assert(size <= b->size);
    if (size == 0)
        return;
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
    b->data[b->size] = 0;
}

struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){ b->data, b->size };
}

const char *buf_str(const struct buf *b)
{
    return b->data ? (const char *)b->data : "";
}
