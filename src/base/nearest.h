/* base/nearest.h - "did you mean ...?": the candidate that a mistyped word comes closest to. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word; /* lent */
    const char *best; /* the closest candidate so far, lent; NULL while none is close enough to be meant */
    size_t distance;  /* of best */
};

void nearest_init(struct nearest *n, const char *word);
/* Case, '-' and '_' make no difference. Words of more than 63 octets are never close to anything. */
void nearest_offer(struct nearest *n, const char *candidate);

#endif
