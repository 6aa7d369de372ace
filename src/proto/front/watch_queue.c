/* proto/front/watch_queue.c - commands that wait for their answers. An idle session has none, and no memory for them. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "proto/front/watch_private.h"

#define FIRST_CAPACITY 32

bool watch_queue_push(struct watch_queue *q, uint8_t kind)
{
    if (q->first > 0 && q->first + q->size == q->capacity) {
        memmove(q->kinds, q->kinds + q->first, q->size);
        q->first = 0;
    }
    if (q->size == WATCH_QUEUE)
        return false;
    if (q->size == q->capacity) {
        q->capacity = q->capacity ? q->capacity * 2 : FIRST_CAPACITY;
        q->kinds = mem_resize(q->kinds, q->capacity);
    }
    q->kinds[q->first + q->size++] = kind;
    return true;
}

uint8_t watch_queue_first(const struct watch_queue *q)
{
    return q->size ? q->kinds[q->first] : 0;
}

void watch_queue_pop(struct watch_queue *q)
{
    if (q->size == 0)
        return;
    q->first++;
    q->size--;
    if (q->size == 0)
        watch_queue_fini(q);
}

void watch_queue_fini(struct watch_queue *q)
{
    free(q->kinds);
    *q = (struct watch_queue){ NULL };
}
