#include "certificates.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void extend(X509 *certificate, X509 *issuer, int id, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, id, value);
    assert(e);
    X509_add_ext(certificate, e, -1);
    X509_EXTENSION_free(e);
}

static X509 *blank(EVP_PKEY *key, const char *name, long from_s, long to_s)
{
    static long serial = 1;
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), to_s);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    return x;
}

static void write_pem(X509 *x, EVP_PKEY *key, struct test_pem *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    buf_init(&out->certificate, 1 << 16);
    buf_init(&out->key, 1 << 16);
    PEM_write_bio_X509(bio, x);
    long size = BIO_get_mem_data(bio, &data);
    buf_add(&out->certificate, data, (size_t)size);
    BIO_free(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    size = BIO_get_mem_data(bio, &data);
    buf_add(&out->key, data, (size_t)size);
    BIO_free(bio);
}

void test_authority(struct test_pem *out)
{
    static unsigned count;
    char name[32];
    snprintf(name, sizeof name, "Test Authority %u", ++count);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = blank(key, name, -86400, 864000);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
    extend(x, x, NID_subject_key_identifier, "hash");
    X509_sign(x, key, EVP_sha256());
    write_pem(x, key, out);
    X509_free(x);
    EVP_PKEY_free(key);
}

static BIO *reader(const struct buf *b)
{
    return BIO_new_mem_buf(b->data, (int)b->size);
}

void test_certificate(const struct test_pem *authority, const char *names, long from_s, long to_s, struct test_pem *out)
{
    BIO *certificate = reader(&authority->certificate), *key_pem = reader(&authority->key);
    X509 *issuer = PEM_read_bio_X509(certificate, NULL, NULL, NULL);
    EVP_PKEY *issuer_key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL), *key = EVP_EC_gen("P-256");
    X509 *x = blank(key, "Test Server", from_s, to_s);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    extend(x, issuer, NID_subject_alt_name, names);
    X509_sign(x, issuer_key, EVP_sha256());
    write_pem(x, key, out);
    X509_free(x);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
    BIO_free(certificate);
    BIO_free(key_pem);
}

void test_pem_fini(struct test_pem *p)
{
    buf_fini(&p->certificate);
    buf_fini(&p->key);
}
