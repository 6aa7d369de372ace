/* vault/throttle.h - how often something went wrong lately, in a fixed amount of memory.
 *
 * Counts fade: they halve every five minutes. The table never grows; under a flood the least counted make room. */
#ifndef VAULT_THROTTLE_H
#define VAULT_THROTTLE_H

#include <stdint.h>

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle *t); /* takes NULL */
/* The subject is a pair of texts, such as app and address; either may be "". */
unsigned throttle_add(struct throttle *t, const char *a, const char *b, int64_t now_ms); /* returns the new count */
unsigned throttle_count(const struct throttle *t, const char *a, const char *b, int64_t now_ms);
void throttle_clear(struct throttle *t, const char *a, const char *b);

#endif
