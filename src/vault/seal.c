#include "vault/seal.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define HEADER_SIZE 8
#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE crypto_aead_xchacha20poly1305_ietf_ABYTES

static const uint8_t header[HEADER_SIZE] = { 'P', 'S', 'T', 'V', 1, 0, 0, 0 };

static void associate(const char *generation, const char *name, struct buf *out)
{
    buf_init(out, 1024);
    bool fits = buf_add(out, header, HEADER_SIZE) && buf_addf(out, "%s/%s", generation, name);
    assert(fits);
    (void)fits;
}

bool seal_close(const struct secret *key, struct bytes plain, const char *generation, const char *name, struct buf *out)
{
    assert(secret_bytes(key).size == SEAL_KEY_SIZE);
    uint8_t *at = buf_reserve(out, plain.size + SEAL_OVERHEAD);
    if (!at)
        return false;
    struct buf associated;
    associate(generation, name, &associated);
    memcpy(at, header, HEADER_SIZE);
    secret_random(at + HEADER_SIZE, NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(at + HEADER_SIZE + NONCE_SIZE, NULL, plain.data, plain.size,
                                               associated.data, associated.size, NULL, at + HEADER_SIZE,
                                               secret_bytes(key).data);
    buf_grew(out, plain.size + SEAL_OVERHEAD);
    buf_fini(&associated);
    return true;
}

struct secret *seal_open(const struct secret *key, struct bytes sealed, const char *generation, const char *name,
                         struct fault *why)
{
    assert(secret_bytes(key).size == SEAL_KEY_SIZE);
    if (sealed.size < SEAL_OVERHEAD || memcmp(sealed.data, header, 4) != 0) {
        fault_set(why, FAULT_LOCAL, "vault.damaged", "%s is not a sealed record, or was cut short", name);
        return NULL;
    }
    if (memcmp(sealed.data, header, HEADER_SIZE) != 0) {
        fault_set(why, FAULT_LOCAL, "vault.damaged", "%s was sealed by another version of the format (%u)", name,
                  sealed.data[4]);
        return NULL;
    }
    size_t size = sealed.size - SEAL_OVERHEAD;
    uint8_t *plain = mem_alloc(size + 1);
    struct buf associated;
    associate(generation, name, &associated);
    const uint8_t *nonce = sealed.data + HEADER_SIZE;
    int refused = crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce + NONCE_SIZE, size + TAG_SIZE,
                                                             associated.data, associated.size, nonce,
                                                             secret_bytes(key).data);
    struct secret *out = refused ? NULL : secret_new(plain, size);
    if (refused)
        fault_set(why, FAULT_LOCAL, "vault.damaged", "%s was altered, or was sealed under another key", name);
    buf_fini(&associated);
    secret_wipe(plain, size);
    free(plain);
    return out;
}
