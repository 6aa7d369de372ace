/* token/assertion.c - signed by OpenSSL directly: the key stays in one EVP_PKEY instead of being copied into a JWK. */
#include "token/assertion.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/certificate.h"

#define LIFETIME_S 600
#define ASSERTION_LIMIT 8192

static bool add_part(struct buf *jwt, struct bytes part)
{
    size_t size = (part.size * 4 + 2) / 3;
    char *at = (char *)buf_reserve(jwt, size + 1);
    if (!at || !base64url_encode(part, at, size + 1))
        return false;
    buf_grew(jwt, size);
    return true;
}

static bool add_json(struct buf *jwt, json_t *json /* taken */)
{
    char *text = json_dumps(json, JSON_COMPACT);
    bool ok = text && add_part(jwt, bytes_of(text));
    free(text);
    json_decref(json);
    return ok;
}

static json_t *header_of(const X509 *x509)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char thumbprint[64];
    if (!X509_digest(x509, EVP_sha256(), hash, &size) ||
        !base64url_encode((struct bytes){ hash, size }, thumbprint, sizeof thumbprint))
        return NULL;
    return json_pack("{s:s, s:s, s:s}", "alg", "PS256", "typ", "JWT", "x5t#S256", thumbprint);
}

/* A random UUID (RFC 4122, version 4). */
static void make_jti(char out[37])
{
    uint8_t r[16];
    char hex[33];
    secret_random(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    hex_encode((struct bytes){ r, sizeof r }, hex, sizeof hex);
    const size_t ends[] = { 8, 12, 16, 20, 32 };
    size_t at = 0, from = 0;
    for (size_t i = 0; i < 5; i++) {
        memcpy(out + at, hex + from, ends[i] - from);
        at += ends[i] - from;
        from = ends[i];
        out[at++] = i < 4 ? '-' : '\0';
    }
}

static json_t *claims_of(const char *client_id, const char *audience, int64_t now_s)
{
    char jti[37];
    make_jti(jti);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "aud", audience, "iss", client_id, "sub", client_id, "jti",
                     jti, "nbf", (json_int_t)now_s, "iat", (json_int_t)now_s, "exp", (json_int_t)now_s + LIFETIME_S);
}

static bool sign(EVP_PKEY *key, struct bytes text, uint8_t *out, size_t *size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL; /* owned by md */
    bool ok = md && EVP_DigestSignInit(md, &options, EVP_sha256(), NULL, key) > 0 &&
              EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) > 0 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) > 0 &&
              EVP_DigestSign(md, out, size, text.data, text.size) > 0;
    EVP_MD_CTX_free(md);
    return ok;
}

static struct secret *assemble(EVP_PKEY *key, const X509 *x509, const char *client_id, const char *audience,
                               int64_t now_s)
{
    struct buf jwt;
    buf_init(&jwt, ASSERTION_LIMIT);
    buf_reserve(&jwt, ASSERTION_LIMIT / 2);
    uint8_t signature[2048];
    size_t size = sizeof signature;
    bool ok = add_json(&jwt, header_of(x509)) && buf_add_byte(&jwt, '.') &&
              add_json(&jwt, claims_of(client_id, audience, now_s)) && sign(key, buf_bytes(&jwt), signature, &size) &&
              buf_add_byte(&jwt, '.') && add_part(&jwt, (struct bytes){ signature, size });
    struct secret *out = ok ? secret_new(jwt.data, jwt.size) : NULL;
    if (jwt.data)
        secret_wipe(jwt.data, jwt.capacity);
    buf_fini(&jwt);
    return out;
}

struct secret *assertion_make(struct bytes pem, const char *client_id, const char *audience, int64_t now_s,
                              struct fault *why)
{
    EVP_PKEY *key;
    X509 *x509;
    if (!certificate_load(pem, &key, &x509, why))
        return NULL;
    struct secret *out = assemble(key, x509, client_id, audience, now_s);
    if (!out)
        fault_set(why, FAULT_CONFIG, "registration.certificate", "can't sign with the registration's key");
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(x509);
    return out;
}
