#include "sandbox/exchange_dots.h"

#include <string.h>

/* One byte's step; true if the byte is data. A dot at a line's start is held back until what follows is known. */
static bool take(struct dots *d, uint8_t byte, bool *owes_cr)
{
    *owes_cr = false;
    switch (d->state) {
    case DOTS_LINE:
        if (byte == '.') {
            d->state = DOTS_DOT;
            return false;
        }
        break;
    case DOTS_DOT:
        if (byte == '\r') {
            d->state = DOTS_DOT_CR;
            return false;
        }
        break;
    case DOTS_DOT_CR:
        if (byte == '\n') {
            d->is_over = true;
            return false;
        }
        d->has_bare = true;
        *owes_cr = true;
        break;
    case DOTS_CR:
        if (byte == '\n') {
            d->state = DOTS_LINE;
            return true;
        }
        d->has_bare = true;
        break;
    case DOTS_TEXT:
        break;
    }
    d->has_bare |= byte == '\n';
    d->state = byte == '\r' ? DOTS_CR : DOTS_TEXT;
    return true;
}

size_t dots_feed(struct dots *d, struct bytes in, dots_out_fn *out, void *ctx)
{
    size_t from = 0; /* where data begins that was not yet given out */
    size_t at = 0;
    while (at < in.size && !d->is_over) {
        if (d->state == DOTS_TEXT) { /* most bytes: up to the next CR or LF in one go */
            const uint8_t *cr = memchr(in.data + at, '\r', in.size - at);
            size_t plain = cr != NULL ? (size_t)(cr - in.data) - at : in.size - at;
            d->has_bare |= memchr(in.data + at, '\n', plain) != NULL;
            at += plain;
            if (at == in.size)
                break;
        }
        bool owes_cr;
        bool is_data = take(d, in.data[at++], &owes_cr);
        if (is_data && !owes_cr)
            continue;
        size_t upto = at - 1;
        if (upto > from && !out(ctx, bytes_slice(in, from, upto)))
            return at;
        if (owes_cr && !out(ctx, BYTES_LIT("\r")))
            return at;
        from = is_data ? upto : at;
    }
    if (at > from && !d->is_over)
        out(ctx, bytes_slice(in, from, at));
    return at;
}
