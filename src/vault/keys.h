/* vault/keys.h - keys of programs at the API: made here, shown once, kept as SHA-256.
 *
 * A key is "postern.NAME.SECRET": the name of its object, and 256 random bits in base64url, which nobody can guess; so no slow hash is
 * needed, and nothing is counted. Names are compared without case. Whether the object is there, switched off or at its end is not
 * looked at. */
#ifndef VAULT_KEYS_H
#define VAULT_KEYS_H

#include "vault/vault.h"

#define KEY_NAME_SIZE 65

struct keys;

struct keys *keys_new(struct vault *v, struct fault *why); /* lent for life; reads the stored hashes */
void keys_free(struct keys *k);                            /* takes NULL */
/* A new key of that name; the old one is good no more. Given, to be shown once. NULL with a fault. */
struct secret *keys_make(struct keys *k, const char *given, struct fault *why);
/* Is this text a key in force? Then `name` is its, in lower case. Takes as long for a wrong one as for the right one. */
bool keys_check(const struct keys *k, struct bytes text, char name[KEY_NAME_SIZE]);
bool keys_forget(struct keys *k, const char *name, struct fault *why); /* missing is done */

/* "postern.NAME.SECRET" taken apart: the name, in lower case. False: it is no key. */
bool key_text_name(struct bytes text, char name[KEY_NAME_SIZE]);

#endif
