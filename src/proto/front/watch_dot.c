/* proto/front/watch_dot.c - the end of a message in POP3 and SMTP: CRLF "." CRLF and nothing else, for a bare CR or LF is part of it. */
#include <string.h>

#include "proto/front/watch_private.h"

void watch_dot_begin(struct watch_dot *d)
{
    d->matched = 2;
}

/* One octet at a time only near a line's end; within lines memchr() leads to the next. */
size_t watch_dot_take(struct watch_dot *d, struct bytes in, bool *is_over)
{
    static const uint8_t end[] = "\r\n.\r\n";
    size_t at = 0;
    *is_over = false;
    while (at < in.size) {
        if (d->matched == 0) {
            const uint8_t *lf = memchr(in.data + at, '\n', in.size - at);
            size_t to = lf ? (size_t)(lf - in.data) : in.size;
            d->matched = to > at && in.data[to - 1] == '\r' ? 1 : 0;
            at = to;
            if (lf && d->matched == 0)
                at++;
            continue;
        }
        uint8_t c = in.data[at++];
        d->matched = c == end[d->matched] ? d->matched + 1 : c == '\r' ? 1 : 0;
        if (d->matched == 5) {
            d->matched = 0;
            *is_over = true;
            break;
        }
    }
    return at;
}
