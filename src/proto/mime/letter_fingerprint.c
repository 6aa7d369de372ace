/* proto/mime/letter_fingerprint.c - the same for a message under whatever UID, folder or protocol it is met. */
#include <openssl/evp.h>
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

static const char *const names[] = { "Message-ID", "Date", "From", "To", "Subject" };
enum { NAMES = sizeof names / sizeof *names };

struct seen {
    struct bytes values[NAMES];
    bool has[NAMES];
};

static void take_field(void *ctx, struct bytes name, struct bytes value)
{
    struct seen *s = ctx;
    for (size_t i = 0; i < NAMES; i++) {
        if (!s->has[i] && bytes_equal_nocase(name, bytes_of(names[i]))) {
            s->has[i] = true;
            s->values[i] = value;
        }
    }
}

/* Blanks and folds count as one blank: servers fold anew. */
static void add_value(EVP_MD_CTX *hash, struct bytes value)
{
    bool was_blank = false;
    value = bytes_trim(value);
    for (size_t i = 0, from = 0; i <= value.size; i++) {
        bool is_blank = i < value.size && strchr(" \t\r\n", value.data[i]) && value.data[i];
        if (i < value.size && is_blank == was_blank)
            continue;
        if (was_blank)
            EVP_DigestUpdate(hash, " ", 1);
        else if (i > from)
            EVP_DigestUpdate(hash, value.data + from, i - from);
        from = i;
        was_blank = is_blank;
    }
    EVP_DigestUpdate(hash, "\n", 1);
}

void letter_fingerprint(struct bytes header, char out[65])
{
    struct seen seen = { 0 };
    bool is_over;
    uint8_t digest[32] = { 0 };
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    size_t end = letter_each_field(header, take_field, &seen, &is_over);
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    if (bytes_trim(seen.values[0]).size == 0)
        add_value(hash, bytes_slice(header, 0, end));
    for (size_t i = 0; i < NAMES && bytes_trim(seen.values[0]).size > 0; i++)
        add_value(hash, seen.values[i]);
    EVP_DigestFinal_ex(hash, digest, NULL);
    EVP_MD_CTX_free(hash);
    hex_encode((struct bytes){ digest, sizeof digest }, out, 65);
}
