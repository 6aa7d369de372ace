/* vault/password.h - app passwords: made here, typed once into a program, kept as hashes.
 *
 * 28 letters and digits in four groups, 138 random bits, without the ones that look alike (0 o, 1 l i). Case, dashes and blanks do
 * not count when one is typed. Because nobody can guess 138 bits, however fast a guess is, Argon2id's cost adds nothing but a
 * safety margin; it is kept small (8 MiB, one pass, some milliseconds), so that many programs may sign in at once. */
#ifndef VAULT_PASSWORD_H
#define VAULT_PASSWORD_H

#include "base/bytes.h"
#include "base/secret.h"

#define PASSWORD_TEXT_SIZE 32 /* "abcdefg-hjkmnpq-rstuvwx-2345678" and a NUL */
#define PASSWORD_HASH_SIZE 128

void password_make(char out[PASSWORD_TEXT_SIZE]);
/* What was typed, with everything that does not count taken out; given. */
struct secret *password_normal(struct bytes typed);
/* Both take the normal form. Some milliseconds each. */
void password_hash(const struct secret *normal, char out[PASSWORD_HASH_SIZE]);
bool password_is(const struct secret *normal, const char *hash);

#endif
