/* base/secret.h - bytes that must not leave this process by accident.
 *
 * Storage is locked against swapping where the system allows, kept out of core dumps, and wiped on release. Nothing
 * prints one; secret_bytes() is for the call that needs it (hash, HTTP body, SASL) and its result is never stored. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"

struct secret;

struct secret *secret_new(const void *data, size_t size); /* copies; the caller wipes its own copy */
struct secret *secret_dup(const struct secret *s);
void secret_free(struct secret *s);                /* wipes; takes NULL */
struct bytes secret_bytes(const struct secret *s); /* NULL gives empty; a NUL stands after the last byte */
bool secret_equal(const struct secret *a, const struct secret *b); /* constant time in the content */
void secret_wipe(void *data, size_t size);                         /* not optimised away */
/* Fills `out` from the system's generator; ends the process if there is none. */
void secret_random(void *out, size_t size);

#endif
