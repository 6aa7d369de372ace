#include "vault/password.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define GROUPS 4
#define GROUP_SIZE 7

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_SIZE, "a hash fits");
_Static_assert(GROUPS *(GROUP_SIZE + 1) == PASSWORD_TEXT_SIZE, "a password fits");

static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";

static char random_letter(void)
{
    uint8_t byte;
    do {
        secret_random(&byte, 1);
        byte &= 31;
    } while (byte >= sizeof letters - 1); /* 31 letters: drawn again instead of folded, so that all are as likely */
    return letters[byte];
}

void password_make(char out[PASSWORD_TEXT_SIZE])
{
    char *at = out;
    for (int group = 0; group < GROUPS; group++) {
        for (int i = 0; i < GROUP_SIZE; i++)
            *at++ = random_letter();
        *at++ = group + 1 < GROUPS ? '-' : '\0';
    }
}

struct secret *password_normal(struct bytes typed)
{
    char *text = mem_alloc(typed.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < typed.size; i++) {
        uint8_t c = typed.data[i];
        if (c >= 'A' && c <= 'Z')
            text[size++] = (char)(c - 'A' + 'a');
        else if (c != '-' && c != ' ')
            text[size++] = (char)c;
    }
    struct secret *normal = secret_new(text, size);
    secret_wipe(text, typed.size);
    free(text);
    return normal;
}

static const struct {
    unsigned long long passes;
    size_t memory;
} costs[PASSWORD_COSTS] = { [PASSWORD_MADE] = { 1, 8u << 20 }, [PASSWORD_CHOSEN] = { 3, 32u << 20 } };

void password_hash(enum password_cost cost, const struct secret *normal, char out[PASSWORD_HASH_SIZE])
{
    struct bytes p = secret_bytes(normal);
    if (crypto_pwhash_str_alg(out, (const char *)p.data, p.size, costs[cost].passes, costs[cost].memory,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        fprintf(stderr, "postern: out of memory for a password's hash\n");
        abort();
    }
}

void password_hash_of_nobody(enum password_cost cost, char out[PASSWORD_HASH_SIZE])
{
    uint8_t random[32];
    char salt[24], hash[48];
    secret_random(random, sizeof random);
    sodium_bin2base64(salt, sizeof salt, random, 16, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_bin2base64(hash, sizeof hash, random, sizeof random, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    snprintf(out, PASSWORD_HASH_SIZE, "$argon2id$v=19$m=%zu,t=%llu,p=1$%s$%s", costs[cost].memory >> 10,
             costs[cost].passes, salt, hash);
}

bool password_is(const struct secret *normal, const char *hash)
{
    struct bytes p = secret_bytes(normal);
    return crypto_pwhash_str_verify(hash, (const char *)p.data, p.size) == 0;
}
