#include "vault/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"

#define PREFIX "postern."
#define SECRET_SIZE 43 /* 256 bits in base64url */
#define HASH_SIZE crypto_hash_sha256_BYTES
#define HEX_SIZE (2 * HASH_SIZE + 1)

struct keys {
    struct vault *vault;
    struct map *hashes; /* name in lower case -> SHA-256 of the whole key, in hexadecimal */
};

static void hash_of(struct bytes text, char hex[HEX_SIZE])
{
    uint8_t hash[HASH_SIZE];
    crypto_hash_sha256(hash, text.data, text.size);
    hex_encode((struct bytes){ hash, sizeof hash }, hex, HEX_SIZE);
    secret_wipe(hash, sizeof hash);
}

static void load(void *ctx, const char *name, const struct secret *plain, const struct fault *bad)
{
    struct keys *k = ctx;
    if (bad)
        log_error("vault.damaged", LOG_TEXT("record", name), LOG_FAULT(bad));
    else if (secret_bytes(plain).size == HEX_SIZE - 1)
        free(map_put(k->hashes, name, mem_strdup((const char *)secret_bytes(plain).data)));
}

struct keys *keys_new(struct vault *v, struct fault *why)
{
    struct keys *k = mem_alloc(sizeof *k);
    *k = (struct keys){ v, map_new() };
    if (vault_each(v, VAULT_API_KEY, load, k, why))
        return k;
    keys_free(k);
    return NULL;
}

static bool free_hash(void *ctx, const char *key, void *value)
{
    free(value);
    return true;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    map_each(k->hashes, free_hash, NULL);
    map_free(k->hashes);
    free(k);
}

static bool take_name(struct bytes from, char name[KEY_NAME_SIZE])
{
    if (from.size == 0 || from.size >= KEY_NAME_SIZE)
        return false;
    for (size_t i = 0; i < from.size; i++) {
        uint8_t c = from.data[i];
        if (c <= 0x20 || c >= 0x7f)
            return false;
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    name[from.size] = '\0';
    return true;
}

/* Only the last dot parts: a name may hold some. */
bool key_text_name(struct bytes text, char name[KEY_NAME_SIZE])
{
    size_t prefix = strlen(PREFIX);
    if (text.size <= prefix + 1 + SECRET_SIZE || memcmp(text.data, PREFIX, prefix) != 0)
        return false;
    size_t dot = text.size - SECRET_SIZE - 1;
    return text.data[dot] == '.' && !memchr(text.data + dot + 1, '.', SECRET_SIZE) &&
           take_name(bytes_slice(text, prefix, dot), name);
}

struct secret *keys_make(struct keys *k, const char *given, struct fault *why)
{
    uint8_t random[32];
    char secret[SECRET_SIZE + 1], hex[HEX_SIZE], name[KEY_NAME_SIZE];
    if (!take_name(bytes_of(given), name)) {
        fault_set(why, FAULT_REJECT, "object.invalid", "a key's name has at most %d letters", KEY_NAME_SIZE - 1);
        return NULL;
    }
    secret_random(random, sizeof random);
    base64url_encode((struct bytes){ random, sizeof random }, secret, sizeof secret);
    char *text = mem_printf(PREFIX "%s.%s", name, secret);
    hash_of(bytes_of(text), hex);
    struct secret *made = NULL;
    if (vault_put(k->vault, VAULT_API_KEY, name, bytes_of(hex), why)) {
        free(map_put(k->hashes, name, mem_strdup(hex)));
        made = secret_new(text, strlen(text));
    }
    secret_wipe(random, sizeof random);
    secret_wipe(secret, sizeof secret);
    secret_wipe(text, strlen(text));
    free(text);
    return made;
}

bool keys_check(const struct keys *k, struct bytes text, char name[KEY_NAME_SIZE])
{
    static const char none[HEX_SIZE] = "";
    char hex[HEX_SIZE];
    bool is_key = key_text_name(text, name);
    const char *stored = is_key ? map_get(k->hashes, name) : NULL;
    hash_of(text, hex);
    bool is_right = sodium_memcmp(hex, stored ? stored : none, HEX_SIZE) == 0;
    return stored && is_right;
}

bool keys_forget(struct keys *k, const char *given, struct fault *why)
{
    char name[KEY_NAME_SIZE];
    if (!take_name(bytes_of(given), name))
        return true;
    if (!vault_remove(k->vault, VAULT_API_KEY, name, why))
        return false;
    free(map_remove(k->hashes, name));
    return true;
}
