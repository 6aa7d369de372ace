/* vault/sign.h - HMAC-SHA256 with keys that never leave the vault, but for the one time that an endpoint's is shown.
 *
 * An endpoint's key is a text, and its octets as shown are the key: whoever checks a signature needs no decoding. */
#ifndef VAULT_SIGN_H
#define VAULT_SIGN_H

#include "vault/vault.h"

#define SIGN_SIZE 65 /* 64 hex digits and a NUL */
#define SIGN_KEY_MIN 16
#define SIGN_KEY_MAX 1024

/* `key` is "endpoint/NAME", or RAW_LINK_KEY, which is made at its first use. A fault "endpoint.no-key" where there is none. */
bool sign_text(struct vault *v, const char *key, struct bytes text, char out[SIGN_SIZE], struct fault *why);
/* Is this the signature? Takes as long for a wrong one as for the right one. False, with `why` untouched, where it is not. */
bool sign_is(struct vault *v, const char *key, struct bytes text, const char *signature, struct fault *why);

/* A new key for the endpoint, from now on its only one: `wanted`, or a random one where that is empty. Given; NULL with a fault. */
struct secret *sign_new_key(struct vault *v, const char *endpoint, struct bytes wanted, struct fault *why);
/* False only where there surely is none: a key that can't be read is a trouble of another kind. */
bool sign_has_key(struct vault *v, const char *endpoint);
bool sign_forget_key(struct vault *v, const char *endpoint, struct fault *why);

#endif
