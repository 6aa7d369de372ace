#include "token/certificate.h"

#include <assert.h>
#include <ctype.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

#define BAD_PEM "registration.certificate"

static bool fault_openssl(struct fault *why, const char *what)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return fault_set(why, FAULT_LOCAL, "", "%s: %s", what, text);
}

static bool set_thumbprint(const X509 *x509, const EVP_MD *digest, char *out, size_t out_size)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    return X509_digest(x509, digest, hash, &size) && hex_encode((struct bytes){ hash, size }, out, out_size);
}

static void set_expiry(struct certificate *c, const X509 *x509)
{
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end))
        strftime(c->expires, sizeof c->expires, "%Y-%m-%dT%H:%M:%SZ", &end);
}

/* The memory of a BIO is copied out and wiped with it (BIO_s_secmem). */
static struct certificate *describe(EVP_PKEY *key, X509 *x509, struct fault *why)
{
    struct certificate *c = mem_alloc(sizeof *c);
    BIO *both = BIO_new(BIO_s_secmem()), *public = BIO_new(BIO_s_mem());
    char *data = NULL;
    bool ok = both && public && PEM_write_bio_PrivateKey(both, key, NULL, NULL, 0, NULL, NULL) &&
              PEM_write_bio_X509(both, x509) && PEM_write_bio_X509(public, x509) &&
              set_thumbprint(x509, EVP_sha256(), c->sha256, sizeof c->sha256) &&
              set_thumbprint(x509, EVP_sha1(), c->sha1, sizeof c->sha1);
    if (ok) {
        long size = BIO_get_mem_data(both, &data);
        c->pem = secret_new(data, (size_t)size);
        size = BIO_get_mem_data(public, &data);
        c->public_pem = mem_strndup(data, (size_t)size);
        set_expiry(c, x509);
        for (char *at = c->sha1; *at; at++)
            *at = (char)toupper((unsigned char)*at);
    } else {
        fault_openssl(why, "can't write the key and its certificate");
    }
    BIO_free(both);
    BIO_free(public);
    if (ok)
        return c;
    certificate_free(c);
    return NULL;
}

static bool set_extension(X509 *x509, int id, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, id, value);
    bool ok = extension && X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *x509)
{
    uint8_t random[16];
    secret_random(random, sizeof random);
    random[0] &= 0x7f; /* positive */
    random[0] |= 0x40;
    BIGNUM *number = BN_bin2bn(random, sizeof random, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return ok;
}

static bool sign_self(X509 *x509, EVP_PKEY *key, const char *subject, int64_t now_ms)
{
    time_t now = (time_t)(now_ms / 1000), from = now - 300; /* a server's clock may be a little behind */
    X509_NAME *name = X509_get_subject_name(x509);
    return X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)subject, -1, -1, 0) &&
           X509_set_issuer_name(x509, name) && ASN1_TIME_set(X509_getm_notBefore(x509), from) &&
           ASN1_TIME_adj(X509_getm_notAfter(x509), now, CERTIFICATE_DAYS, 0) && X509_set_pubkey(x509, key) &&
           set_extension(x509, NID_basic_constraints, "critical,CA:FALSE") &&
           set_extension(x509, NID_key_usage, "critical,digitalSignature") && X509_sign(x509, key, EVP_sha256()) > 0;
}

struct certificate *certificate_make(const char *subject, int bits, int64_t now_ms, struct fault *why)
{
    struct certificate *c = NULL;
    EVP_PKEY *key = EVP_RSA_gen((unsigned)bits);
    X509 *x509 = X509_new();
    if (key && x509 && sign_self(x509, key, subject, now_ms))
        c = describe(key, x509, why);
    else
        fault_openssl(why, "can't make a key and its certificate");
    X509_free(x509);
    EVP_PKEY_free(key);
    return c;
}

/* Without a passphrase callback OpenSSL would ask the terminal. */
static int no_passphrase(char *out, int size, int is_write, void *ctx)
{
    return -1;
}

bool certificate_load(struct bytes pem, EVP_PKEY **key, X509 **x509, struct fault *why)
{
    *key = NULL;
    *x509 = NULL;
    BIO *first = BIO_new_mem_buf(pem.data, (int)pem.size), *second = BIO_new_mem_buf(pem.data, (int)pem.size);
    if (first && second) {
        *key = PEM_read_bio_PrivateKey(first, NULL, no_passphrase, NULL);
        *x509 = PEM_read_bio_X509(second, NULL, no_passphrase, NULL);
    }
    BIO_free(first);
    BIO_free(second);
    ERR_clear_error();
    bool ok = true;
    if (!*key)
        ok = fault_set(why, FAULT_CONFIG, BAD_PEM, "there is no private key in PEM form without a passphrase");
    else if (!*x509)
        ok = fault_set(why, FAULT_CONFIG, BAD_PEM, "there is no certificate in PEM form beside the private key");
    if (ok)
        return true;
    EVP_PKEY_free(*key);
    X509_free(*x509);
    *key = NULL;
    *x509 = NULL;
    return false;
}

struct certificate *certificate_take(struct bytes pem, int64_t now_ms, struct fault *why)
{
    time_t now = (time_t)(now_ms / 1000);
    EVP_PKEY *key;
    X509 *x509;
    if (!certificate_load(pem, &key, &x509, why))
        return NULL;
    struct certificate *c = NULL;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < 2048)
        fault_set(why, FAULT_CONFIG, BAD_PEM, "the key must be an RSA key of at least 2048 bits: Entra takes no other");
    else if (!X509_check_private_key(x509, key))
        fault_set(why, FAULT_CONFIG, BAD_PEM, "the certificate does not belong to the private key");
    else if (X509_cmp_time(X509_get0_notAfter(x509), &now) < 0)
        fault_set(why, FAULT_CONFIG, BAD_PEM, "the certificate has expired");
    else
        c = describe(key, x509, why);
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(x509);
    return c;
}

void certificate_free(struct certificate *c)
{
    if (!c)
        return;
    secret_free(c->pem);
    free(c->public_pem);
    free(c);
}
