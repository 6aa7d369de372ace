/* Octets in a static table, where BYTES_LIT is no constant. */
#ifndef OCTETS_H
#define OCTETS_H

#include "base/bytes.h"

#define OCTETS(s) \
    { \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

#endif
