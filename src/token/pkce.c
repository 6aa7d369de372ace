#include "token/pkce.h"

#include <sodium.h>
#include <string.h>

#include "base/text.h"

void pkce_word(char out[PKCE_WORD_SIZE])
{
    uint8_t random[32];
    secret_random(random, sizeof random);
    base64url_encode((struct bytes){ random, sizeof random }, out, PKCE_WORD_SIZE);
    secret_wipe(random, sizeof random);
}

void pkce_id(char out[PKCE_ID_SIZE])
{
    uint8_t random[16];
    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, out, PKCE_ID_SIZE);
}

void pkce_challenge(const char *verifier, char out[PKCE_WORD_SIZE])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const uint8_t *)verifier, strlen(verifier));
    base64url_encode((struct bytes){ hash, sizeof hash }, out, PKCE_WORD_SIZE);
}
