/* proto/front/watch_command.c - lines of the client's: their front, where the verb is, and their end, where a literal may be announced. */
#include <string.h>

#include "proto/front/watch_private.h"

void watch_tail_add(struct watch_tail *t, struct bytes piece)
{
    if (piece.size >= WATCH_TAIL) {
        memcpy(t->data, piece.data + piece.size - WATCH_TAIL, WATCH_TAIL);
        t->size = WATCH_TAIL;
        return;
    }
    size_t kept = t->size + piece.size > WATCH_TAIL ? WATCH_TAIL - piece.size : t->size;
    memmove(t->data, t->data + t->size - kept, kept);
    if (piece.size > 0)
        memcpy(t->data + kept, piece.data, piece.size);
    t->size = kept + piece.size;
}

void watch_command_clear(struct watch *w)
{
    w->command.head_size = w->command.size = w->command.tail.size = 0;
}

size_t watch_command_take(struct watch *w, struct bytes in, bool *is_whole)
{
    struct watch_command *c = &w->command;
    const uint8_t *lf = memchr(in.data, '\n', in.size);
    struct bytes piece = bytes_slice(in, 0, lf ? (size_t)(lf - in.data) + 1 : in.size);
    size_t kept = piece.size < WATCH_HEAD - c->head_size ? piece.size : WATCH_HEAD - c->head_size;
    memcpy(c->head + c->head_size, piece.data, kept);
    c->head_size += kept;
    c->size += piece.size;
    watch_tail_add(&c->tail, piece);
    *is_whole = lf != NULL;
    return piece.size;
}

struct bytes watch_command_word(const struct watch *w, unsigned n)
{
    struct bytes rest = { (const uint8_t *)w->command.head, w->command.head_size };
    for (;; n--) {
        size_t from = 0, to;
        while (from < rest.size && (rest.data[from] == ' ' || rest.data[from] == '\t'))
            from++;
        for (to = from; to < rest.size && rest.data[to] > ' ';)
            to++;
        if (n == 0 || to == from)
            return bytes_slice(rest, from, to);
        rest = bytes_slice(rest, to, rest.size);
    }
}
