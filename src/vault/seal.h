/* vault/seal.h - one sealed blob: XChaCha20-Poly1305 (libsodium) bound to where it belongs.
 *
 * Layout: "PSTV", version 1, three zero bytes, nonce (24), ciphertext with tag (16). Header, generation and record name are
 * associated data, so a sealed file can't be altered, renamed, or carried into another generation without being refused. */
#ifndef VAULT_SEAL_H
#define VAULT_SEAL_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/secret.h"

#define SEAL_KEY_SIZE 32
#define SEAL_OVERHEAD (8 + 24 + 16)

/* Appends the sealed form of `plain` to `out`; false only past the limit of `out`. `key` holds SEAL_KEY_SIZE bytes. */
bool seal_close(const struct secret *key, struct bytes plain, const char *generation, const char *name,
                struct buf *out);
/* The plain bytes (given), or NULL with a fault: not ours, cut short, altered, swapped, or the key is another one. */
struct secret *seal_open(const struct secret *key, struct bytes sealed, const char *generation, const char *name,
                         struct fault *why);

#endif
