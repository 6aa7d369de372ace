/* proto/mime/letter_digest.c - size and SHA-256 of each part, decoded: the one thing about a letter that takes long, so it can be done in
 * steps. */
#include <gmime/gmime.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

struct letter_digest {
    struct arena *arena;
    const struct letter *letter;
    size_t part;
    struct letter_decoder decoder; /* of the part in hand */
    EVP_MD_CTX *hash;
    uint64_t size;
};

static void begin(struct letter_digest *d)
{
    const struct letter_part *p = &d->letter->parts[d->part];
    letter_decoder_init(&d->decoder, p->raw, p->encoding);
    EVP_DigestInit_ex(d->hash, EVP_sha256(), NULL);
    d->size = 0;
}

static void end(struct letter_digest *d)
{
    struct letter_part *p = &d->letter->parts[d->part++];
    uint8_t hash[32] = { 0 };
    char hex[65];
    EVP_DigestFinal_ex(d->hash, hash, NULL);
    hex_encode((struct bytes){ hash, sizeof hash }, hex, sizeof hex);
    p->size = d->size;
    p->sha256 = arena_strdup(d->arena, hex);
    if (d->part < d->letter->parts_count)
        begin(d);
}

struct letter_digest *letter_digest_new(const struct letter *l, struct arena *arena)
{
    struct letter_digest *d = mem_alloc(sizeof *d);
    d->arena = arena;
    d->letter = l;
    d->hash = EVP_MD_CTX_new();
    if (l->parts_count > 0)
        begin(d);
    return d;
}

bool letter_digest_step(struct letter_digest *d, size_t octets)
{
    struct bytes piece;
    while (octets > 0 && d->part < d->letter->parts_count) {
        if (!letter_decoder_next(&d->decoder, &piece)) {
            end(d);
            continue;
        }
        EVP_DigestUpdate(d->hash, piece.data, piece.size);
        d->size += piece.size;
        octets -= octets < LETTER_PIECE ? octets : LETTER_PIECE;
    }
    return d->part == d->letter->parts_count;
}

void letter_digest_free(struct letter_digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->hash);
    free(d);
}
