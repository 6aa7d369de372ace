/* vault/sign.c */
#include "vault/sign.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/raw_link.h"
#include "base/text.h"

#define ENDPOINT_PREFIX "endpoint/"
#define RANDOM_SIZE 32

static char *folded(const char *name)
{
    char *copy = mem_strdup(name);
    for (char *at = copy; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    return copy;
}

static struct secret *random_key(void)
{
    uint8_t random[RANDOM_SIZE];
    char text[2 * RANDOM_SIZE + 1];
    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, text, sizeof text);
    struct secret *key = secret_new(text, sizeof text - 1);
    secret_wipe(random, sizeof random);
    secret_wipe(text, sizeof text);
    return key;
}

static struct secret *link_key(struct vault *v, struct fault *why)
{
    struct secret *key;
    if (!vault_get(v, VAULT_LINK_KEY, RAW_LINK_KEY, &key, why) || key)
        return key;
    key = random_key();
    if (vault_put(v, VAULT_LINK_KEY, RAW_LINK_KEY, secret_bytes(key), why))
        return key;
    secret_free(key);
    return NULL;
}

static struct secret *endpoint_key(struct vault *v, const char *endpoint, struct fault *why)
{
    struct secret *key;
    char *name = folded(endpoint);
    if (vault_get(v, VAULT_ENDPOINT_KEY, name, &key, why) && !key)
        fault_set(why, FAULT_CONFIG, "endpoint.no-key",
                  "endpoint %s has no key to sign with: postern endpoint rotate %s", endpoint, endpoint);
    free(name);
    return key;
}

static struct secret *key_of(struct vault *v, const char *key, struct fault *why)
{
    if (text_equal(key, RAW_LINK_KEY))
        return link_key(v, why);
    if (strncmp(key, ENDPOINT_PREFIX, sizeof ENDPOINT_PREFIX - 1) == 0)
        return endpoint_key(v, key + sizeof ENDPOINT_PREFIX - 1, why);
    fault_set(why, FAULT_REJECT, "", "there is no key of that name");
    return NULL;
}

bool sign_text(struct vault *v, const char *key, struct bytes text, char out[SIGN_SIZE], struct fault *why)
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    struct secret *k = key_of(v, key, why);
    if (!k)
        return false;
    crypto_auth_hmacsha256_init(&state, secret_bytes(k).data, secret_bytes(k).size);
    crypto_auth_hmacsha256_update(&state, text.data, text.size);
    crypto_auth_hmacsha256_final(&state, mac);
    hex_encode((struct bytes){ mac, sizeof mac }, out, SIGN_SIZE);
    secret_wipe(&state, sizeof state);
    secret_free(k);
    return true;
}

bool sign_is(struct vault *v, const char *key, struct bytes text, const char *signature, struct fault *why)
{
    char right[SIGN_SIZE];
    return sign_text(v, key, text, right, why) && strlen(signature) == SIGN_SIZE - 1 &&
           sodium_memcmp(right, signature, SIGN_SIZE - 1) == 0;
}

struct secret *sign_new_key(struct vault *v, const char *endpoint, struct bytes wanted, struct fault *why)
{
    if (wanted.size > 0 && (wanted.size < SIGN_KEY_MIN || wanted.size > SIGN_KEY_MAX)) {
        fault_set(why, FAULT_REJECT, "", "a key of %d to %d bytes is wanted", SIGN_KEY_MIN, SIGN_KEY_MAX);
        return NULL;
    }
    struct secret *key = wanted.size > 0 ? secret_new(wanted.data, wanted.size) : random_key();
    char *name = folded(endpoint);
    if (!vault_put(v, VAULT_ENDPOINT_KEY, name, secret_bytes(key), why)) {
        secret_free(key);
        key = NULL;
    }
    free(name);
    return key;
}

bool sign_has_key(struct vault *v, const char *endpoint)
{
    struct secret *key;
    char *name = folded(endpoint);
    bool has_none = vault_get(v, VAULT_ENDPOINT_KEY, name, &key, NULL) && !key;
    secret_free(key);
    free(name);
    return !has_none;
}

bool sign_forget_key(struct vault *v, const char *endpoint, struct fault *why)
{
    char *name = folded(endpoint);
    bool ok = vault_remove(v, VAULT_ENDPOINT_KEY, name, why);
    free(name);
    return ok;
}
