/* vault/login_cache.h - passwords seen before, right ones and wrong ones, so that a sign-in costs microseconds.
 *
 * Keeps 128-bit keyed BLAKE2b marks under a random key of this process, never a password. Right and wrong ones have their own tables
 * of fixed size: whoever tries many wrong ones can't push out the right ones. A mark covers the stored hash too, so a new password
 * makes the old marks worthless by itself. */
#ifndef VAULT_LOGIN_CACHE_H
#define VAULT_LOGIN_CACHE_H

#include "base/bytes.h"
#include "base/secret.h"

enum login_cached { LOGIN_UNKNOWN, LOGIN_RIGHT, LOGIN_WRONG };

struct login_cache;

struct login_cache *login_cache_new(void);
void login_cache_free(struct login_cache *c); /* takes NULL */
/* `about` is an app's stored hash; for a user name that nobody has, the name itself. */
enum login_cached login_cache_find(const struct login_cache *c, const char *about, const struct secret *normal);
void login_cache_put(struct login_cache *c, const char *about, const struct secret *normal, bool is_right);

#endif
