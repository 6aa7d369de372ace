/* msg/buffers.c - the process's spare buffers. */
#include "msg/buffers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"

#define SPARES 4

static uint8_t *spares[SPARES];
static unsigned spares_count;

static void replace(struct buf *b, uint8_t *data, size_t capacity)
{
    if (b->data) {
        memcpy(data, b->data, b->size);
        secret_wipe(b->data, b->size);
    }
    free(b->data);
    b->data = data;
    b->capacity = capacity;
    b->data[b->size] = 0;
}

uint8_t *buffers_reserve(struct buf *b, size_t size)
{
    assert(size <= b->limit - b->size);
    size_t needed = b->size + size;
    if (needed <= b->capacity && b->data)
        return b->data + b->size;
    size_t capacity = BUFFERS_SIZE;
    while (capacity < needed)
        capacity *= 2;
    bool is_spare = capacity == BUFFERS_SIZE && spares_count > 0;
    replace(b, is_spare ? spares[--spares_count] : mem_resize(NULL, capacity + 1), capacity);
    return b->data + b->size;
}

void buffers_return(struct buf *b)
{
    assert(b->size == 0);
    if (b->capacity == BUFFERS_SIZE && spares_count < SPARES)
        spares[spares_count++] = b->data;
    else
        free(b->data);
    *b = (struct buf){ .limit = b->limit };
}
