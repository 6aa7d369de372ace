/* proto/smtp/lines.c - gathers; what a line means is decided elsewhere. */
#include "proto/smtp/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"

#define FIRST_CAPACITY 256

bool smtp_lines_is_empty(const struct smtp_lines *l)
{
    return l->size == 0 && !l->is_overlong;
}

void smtp_lines_release(struct smtp_lines *l)
{
    if (l->held)
        secret_wipe(l->held, l->capacity);
    free(l->held);
    l->held = NULL;
    l->size = l->capacity = 0;
}

/* Not realloc(), which would leave an unwiped copy behind. */
static void hold(struct smtp_lines *l, struct bytes piece)
{
    if (piece.size == 0)
        return;
    if (l->size + piece.size > l->capacity) {
        struct smtp_lines larger = { .size = l->size, .capacity = l->capacity ? l->capacity : FIRST_CAPACITY };
        while (larger.capacity < l->size + piece.size)
            larger.capacity *= 2;
        larger.held = mem_alloc(larger.capacity);
        if (l->size)
            memcpy(larger.held, l->held, l->size);
        smtp_lines_release(l);
        *l = larger;
    }
    memcpy(l->held + l->size, piece.data, piece.size);
    l->size += piece.size;
}

static enum smtp_line kind_of(struct bytes *line)
{
    if (line->size == 0 || line->data[line->size - 1] != '\r')
        return SMTP_LINE_BARE_LF;
    line->size--;
    return SMTP_LINE_WHOLE;
}

size_t smtp_lines_take(struct smtp_lines *l, size_t limit, struct bytes in, struct bytes *line, enum smtp_line *kind)
{
    const uint8_t *lf = in.size ? memchr(in.data, '\n', in.size) : NULL;
    size_t used = lf ? (size_t)(lf - in.data) + 1 : in.size;
    if (used > limit - l->size) {
        smtp_lines_release(l);
        l->is_overlong = true;
    }
    *kind = SMTP_LINE_MORE;
    if (l->is_overlong) {
        if (lf) {
            l->is_overlong = false;
            *kind = SMTP_LINE_OVERLONG;
        }
        return used;
    }
    *line = bytes_slice(in, 0, lf ? used - 1 : used);
    if (lf && l->size == 0) {
        *kind = kind_of(line);
        return used;
    }
    hold(l, *line);
    if (lf) {
        *line = (struct bytes){ l->held, l->size };
        l->size = 0;
        *kind = kind_of(line);
    }
    return used;
}
