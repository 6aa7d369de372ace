/* queue/retry.h - when to try again: the server's own wish first, else doubling from the first delay to the longest, spread by
 * a fifth either way so that what failed together does not come back together. Pure. */
#ifndef QUEUE_RETRY_H
#define QUEUE_RETRY_H

#include <stdint.h>

#define RETRY_WISH_MAX_S 86400 /* a server may not park mail for longer than a day at a time */

struct retry {
    uint64_t first_s, max_s;
    uint64_t seed; /* of the spread; changes with every use; never 0 */
};

/* `failures` counts this one. In milliseconds from now, at least a second. */
int64_t retry_delay_ms(struct retry *r, uint32_t failures, uint32_t wish_s);

#endif
