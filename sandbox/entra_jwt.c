#include "sandbox/entra_jwt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/secret.h"
#include "base/text.h"

#define KEYS_MAX 4
#define TOKEN_MAX (64 * 1024)

struct signing_key {
    EVP_PKEY *key;
    char kid[64];
    char *modulus, *exponent, *certificate; /* base64url, base64url, base64 DER */
};

struct entra_keyring {
    struct signing_key keys[KEYS_MAX]; /* the first signs */
    size_t count;
    char *file; /* keeps the one that signs */
};

static void key_fini(struct signing_key *k)
{
    EVP_PKEY_free(k->key);
    free(k->modulus);
    free(k->exponent);
    free(k->certificate);
}

void entra_thumbprint(X509 *certificate, bool is_sha256, char *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(certificate, is_sha256 ? EVP_sha256() : EVP_sha1(), digest, &size);
    base64url_encode((struct bytes){ digest, size }, out, 64);
}

static char *number_text(EVP_PKEY *key, const char *name)
{
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        return mem_strdup("");
    size_t size = (size_t)BN_num_bytes(number);
    uint8_t *raw = mem_alloc(size);
    BN_bn2bin(number, raw);
    char *text = mem_alloc(base64_size(size) + 1);
    base64url_encode((struct bytes){ raw, size }, text, base64_size(size) + 1);
    free(raw);
    BN_free(number);
    return text;
}

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *c = X509_new();
    uint64_t serial;
    secret_random(&serial, sizeof serial);
    X509_set_version(c, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(c), -86400);
    X509_gmtime_adj(X509_getm_notAfter(c), 5L * 365 * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC,
                               (const unsigned char *)"accounts.accesscontrol.windows.net", -1, -1, 0);
    X509_set_issuer_name(c, X509_get_subject_name(c));
    X509_set_pubkey(c, key);
    X509_sign(c, key, EVP_sha256());
    return c;
}

static char *der_text(X509 *certificate)
{
    uint8_t *der = NULL;
    int size = i2d_X509(certificate, &der);
    size_t room = base64_size(size > 0 ? (size_t)size : 0) + 1;
    char *text = mem_alloc(room);
    if (size > 0)
        base64_encode((struct bytes){ der, (size_t)size }, text, room);
    OPENSSL_free(der);
    return text;
}

/* Both are taken; only what is good is kept. */
static bool adopt(struct signing_key *k, EVP_PKEY *key, X509 *certificate, bool is_good)
{
    if (is_good) {
        k->key = key;
        entra_thumbprint(certificate, false, k->kid);
        k->certificate = der_text(certificate);
        k->modulus = number_text(key, OSSL_PKEY_PARAM_RSA_N);
        k->exponent = number_text(key, OSSL_PKEY_PARAM_RSA_E);
    } else {
        EVP_PKEY_free(key);
    }
    X509_free(certificate);
    return is_good;
}

/* Under another name first: one who dies here leaves the old key or the new one. */
static bool save(const char *file, EVP_PKEY *key, X509 *certificate, struct fault *why)
{
    char fresh[PATH_MAX];
    snprintf(fresh, sizeof fresh, "%s.new", file);
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool is_good = out && PEM_write_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                   PEM_write_X509(out, certificate) == 1;
    if (out)
        is_good = fclose(out) == 0 && is_good;
    is_good = is_good && rename(fresh, file) == 0;
    return is_good || fault_errno(why, FAULT_LOCAL, errno, "writing %s", file);
}

static bool load(const char *file, struct signing_key *out)
{
    FILE *in = fopen(file, "re");
    EVP_PKEY *key = in ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : NULL;
    X509 *certificate = key ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
    if (in)
        fclose(in);
    return adopt(out, key, certificate,
                 certificate && EVP_PKEY_is_a(key, "RSA") && X509_check_private_key(certificate, key) == 1);
}

static bool key_make(struct signing_key *out, const char *file, struct fault *why)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    if (key == NULL)
        return fault_set(why, FAULT_LOCAL, "", "OpenSSL could not make a signing key");
    X509 *certificate = self_signed(key);
    return adopt(out, key, certificate, save(file, key, certificate, why));
}

struct entra_keyring *entra_keyring_new(const char *dir, struct fault *why)
{
    struct entra_keyring *k = mem_alloc(sizeof *k);
    k->file = mem_printf("%s/signing.pem", dir);
    if (load(k->file, &k->keys[0])) {
        k->count = 1;
        return k;
    }
    if (entra_keyring_roll(k, false, why))
        return k;
    entra_keyring_free(k);
    return NULL;
}

void entra_keyring_free(struct entra_keyring *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < k->count; i++)
        key_fini(&k->keys[i]);
    free(k->file);
    free(k);
}

bool entra_keyring_roll(struct entra_keyring *k, bool keep, struct fault *why)
{
    struct signing_key fresh = { 0 };
    if (!key_make(&fresh, k->file, why))
        return false;
    size_t kept = keep ? (k->count < KEYS_MAX - 1 ? k->count : KEYS_MAX - 1) : 0;
    for (size_t i = kept; i < k->count; i++)
        key_fini(&k->keys[i]);
    memmove(&k->keys[1], &k->keys[0], kept * sizeof *k->keys);
    k->keys[0] = fresh;
    k->count = kept + 1;
    return true;
}

json_t *entra_keyring_jwks(const struct entra_keyring *k, const char *issuer)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < k->count; i++) {
        const struct signing_key *key = &k->keys[i];
        json_array_append_new(keys, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[s], s:s*}", "kty", "RSA", "use", "sig",
                                              "kid", key->kid, "x5t", key->kid, "n", key->modulus, "e", key->exponent,
                                              "x5c", key->certificate, "issuer", issuer));
    }
    return json_pack("{s:o}", "keys", keys);
}

static bool add_part(struct buf *out, const void *data, size_t size)
{
    size_t room = base64_size(size) + 1;
    char *text = mem_alloc(room);
    bool is_good = base64url_encode((struct bytes){ data, size }, text, room) && buf_add_str(out, text);
    free(text);
    return is_good;
}

static bool add_json_part(struct buf *out, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    bool is_good = text != NULL && add_part(out, text, strlen(text));
    free(text);
    return is_good;
}

static bool add_signature(struct buf *out, EVP_PKEY *key, struct bytes signed_part)
{
    uint8_t signature[JWT_SIGNATURE_MAX];
    size_t size = sizeof signature;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_good = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                   EVP_DigestSign(ctx, signature, &size, signed_part.data, signed_part.size) == 1;
    EVP_MD_CTX_free(ctx);
    return is_good && buf_add_byte(out, '.') && add_part(out, signature, size);
}

bool entra_keyring_sign(const struct entra_keyring *k, const json_t *claims, struct buf *out)
{
    const struct signing_key *key = &k->keys[0];
    json_t *header = json_pack("{s:s, s:s, s:s, s:s}", "typ", "JWT", "alg", "RS256", "x5t", key->kid, "kid", key->kid);
    struct buf token;
    buf_init(&token, TOKEN_MAX);
    bool is_good = add_json_part(&token, header) && buf_add_byte(&token, '.') && add_json_part(&token, claims);
    is_good = is_good && add_signature(&token, key->key, buf_bytes(&token)) && buf_add_bytes(out, buf_bytes(&token));
    buf_fini(&token);
    json_decref(header);
    return is_good;
}

static json_t *json_part(struct bytes part)
{
    uint8_t *clear = mem_alloc(part.size + 1);
    size_t size = 0;
    json_t *json = NULL;
    if (base64url_decode(part, clear, part.size + 1, &size))
        json = json_loadb((const char *)clear, size, JSON_REJECT_DUPLICATES, NULL);
    free(clear);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

bool entra_jwt_split(struct bytes token, struct entra_jwt *out)
{
    memset(out, 0, sizeof *out);
    size_t first = bytes_find(token, BYTES_LIT("."));
    if (first == SIZE_MAX || token.size > TOKEN_MAX)
        return false;
    size_t second = bytes_find(bytes_slice(token, first + 1, token.size), BYTES_LIT("."));
    if (second == SIZE_MAX)
        return false;
    second += first + 1;
    out->signed_part = bytes_slice(token, 0, second);
    if (!base64url_decode(bytes_slice(token, second + 1, token.size), out->signature, sizeof out->signature,
                          &out->signature_size))
        return false;
    out->header = json_part(bytes_slice(token, 0, first));
    out->claims = json_part(bytes_slice(token, first + 1, second));
    if (out->header != NULL && out->claims != NULL)
        return true;
    entra_jwt_fini(out);
    return false;
}

void entra_jwt_fini(struct entra_jwt *j)
{
    json_decref(j->header);
    json_decref(j->claims);
    j->header = j->claims = NULL;
}

bool entra_jwt_verify(const struct entra_jwt *j, EVP_PKEY *key, const char *alg)
{
    bool is_pss = strcmp(alg, "PS256") == 0;
    if ((!is_pss && strcmp(alg, "RS256") != 0) || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    bool is_good = EVP_DigestVerifyInit(ctx, &options, EVP_sha256(), NULL, key) == 1;
    if (is_good && is_pss)
        is_good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1 &&
                  EVP_PKEY_CTX_set_rsa_mgf1_md(options, EVP_sha256()) == 1;
    is_good = is_good &&
              EVP_DigestVerify(ctx, j->signature, j->signature_size, j->signed_part.data, j->signed_part.size) == 1;
    EVP_MD_CTX_free(ctx);
    return is_good;
}

json_t *entra_keyring_open(const struct entra_keyring *k, struct bytes token)
{
    struct entra_jwt jwt;
    if (!entra_jwt_split(token, &jwt))
        return NULL;
    const char *kid = json_string_value(json_object_get(jwt.header, "kid"));
    const char *alg = json_string_value(json_object_get(jwt.header, "alg"));
    json_t *claims = NULL;
    for (size_t i = 0; i < k->count && claims == NULL && kid != NULL && alg != NULL; i++) {
        if (strcmp(k->keys[i].kid, kid) == 0 && strcmp(alg, "RS256") == 0 &&
            entra_jwt_verify(&jwt, k->keys[i].key, alg))
            claims = json_incref(jwt.claims);
    }
    entra_jwt_fini(&jwt);
    return claims;
}
