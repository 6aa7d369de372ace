/* vault/hasher.h - one piece of Argon2id work at a time, in a thread of its own: it takes a tenth of a second and more, and meanwhile
 * the loop goes on handing out tokens.
 *
 * The thread sees two texts that nobody else looks at while it runs, and nothing else: it lives as long as the work, and neither
 * allocates nor frees a secret. */
#ifndef VAULT_HASHER_H
#define VAULT_HASHER_H

#include "loop/loop.h"
#include "vault/password.h"

struct hasher;

/* From the loop, once per piece of work; the next may be started. `typed` and `hash` are lent for the call. */
typedef void hasher_done_fn(void *ctx, const struct secret *typed, const char *hash, bool is_right);

struct hasher *hasher_new(struct loop *l, hasher_done_fn *done, void *ctx);
void hasher_free(struct hasher *h); /* waits for one that is under way, and tells nobody; takes NULL */
bool hasher_is_busy(const struct hasher *h);
/* Not while it is busy. Both are copied. */
void hasher_compare(struct hasher *h, const struct secret *typed, const char *hash);
/* Likewise; `hash` is then the new one, and `is_right` true. */
void hasher_make(struct hasher *h, enum password_cost cost, const struct secret *typed);

#endif
