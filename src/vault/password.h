/* vault/password.h - passwords kept as hashes: those of apps, made here and typed once into a program, and those that people chose.
 *
 * An app's is 28 letters and digits in four groups, 138 random bits, without the ones that look alike (0 o, 1 l i). Case, dashes and blanks do
 * not count when one is typed. Because nobody can guess 138 bits, however fast a guess is, Argon2id's cost adds nothing but a
 * safety margin; it is kept small for those (8 MiB, one pass, some milliseconds), so that many programs may sign in at once. What
 * a person chose can be guessed, and costs 32 MiB and three passes. */
#ifndef VAULT_PASSWORD_H
#define VAULT_PASSWORD_H

#include "base/bytes.h"
#include "base/secret.h"

#define PASSWORD_TEXT_SIZE 32 /* "abcdefg-hjkmnpq-rstuvwx-2345678" and a NUL */
#define PASSWORD_HASH_SIZE 128

void password_make(char out[PASSWORD_TEXT_SIZE]);
/* What was typed, with everything that does not count taken out; given. */
struct secret *password_normal(struct bytes typed);
/* What a guess costs: app passwords can't be guessed anyway, people's can. */
enum password_cost { PASSWORD_MADE, PASSWORD_CHOSEN, PASSWORD_COSTS };

/* Some milliseconds for one that was made here, some ten for one that a person chose. An app's in its normal form. */
void password_hash(enum password_cost cost, const struct secret *normal, char out[PASSWORD_HASH_SIZE]);
/* One that no password has, which costs the same to compare with. */
void password_hash_of_nobody(enum password_cost cost, char out[PASSWORD_HASH_SIZE]);
bool password_is(const struct secret *normal, const char *hash);

#endif
