/* sandbox/exchange_dots.h - the end of DATA and dot-stuffing, strictly (RFC 5321, 4.5.2 and 2.3.8).
 *
 * Only CRLF "." CRLF ends the data. Bare CR and LF are data, and are noticed. */
#ifndef SANDBOX_EXCHANGE_DOTS_H
#define SANDBOX_EXCHANGE_DOTS_H

#include "base/bytes.h"

enum dots_state { DOTS_LINE, DOTS_DOT, DOTS_DOT_CR, DOTS_TEXT, DOTS_CR };

struct dots {
    enum dots_state state; /* DOTS_LINE: at the start of a line, where it all begins */
    bool is_over;
    bool has_bare; /* a CR or LF that does not belong to a CRLF */
};

typedef bool dots_out_fn(void *ctx, struct bytes data);
/* Gives clear data to `out` in pieces; returns the bytes used (all of them unless the end was found, or `out` said false). */
size_t dots_feed(struct dots *d, struct bytes in, dots_out_fn *out, void *ctx);

#endif
