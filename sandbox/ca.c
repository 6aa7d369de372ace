#include "sandbox/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/secret.h"

#define DAY_S (24L * 60 * 60)
#define CA_YEARS 10

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

static bool openssl_failed(struct fault *why, const char *what)
{
    return fault_set(why, FAULT_LOCAL, "", "OpenSSL could not make %s", what);
}

static char *pem_text(BIO *bio)
{
    char *data = NULL;
    long size = BIO_get_mem_data(bio, &data);
    char *text = mem_strndup(data, size > 0 ? (size_t)size : 0);
    BIO_free(bio);
    return text;
}

static char *certificate_pem(X509 *leaf, X509 *issuer)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, leaf);
    if (issuer != NULL)
        PEM_write_bio_X509(bio, issuer);
    return pem_text(bio);
}

static char *key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return pem_text(bio);
}

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static X509 *blank_certificate(EVP_PKEY *key, const char *name, long from_s, long until_s)
{
    X509 *certificate = X509_new();
    uint64_t serial;
    secret_random(&serial, sizeof serial);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Postern sandbox", -1, -1, 0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    return certificate;
}

static void authority_fini(struct authority *a)
{
    X509_free(a->certificate);
    EVP_PKEY_free(a->key);
}

static bool authority_make(struct authority *a, struct fault *why)
{
    a->key = EVP_EC_gen("P-256");
    if (a->key == NULL)
        return openssl_failed(why, "a key");
    a->certificate = blank_certificate(a->key, "Postern sandbox throw-away CA", -DAY_S, CA_YEARS * 365 * DAY_S);
    X509 *c = a->certificate;
    X509_set_issuer_name(c, X509_get_subject_name(c));
    bool is_good = add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE") &&
                   add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                   add_extension(c, c, NID_subject_key_identifier, "hash") && X509_sign(c, a->key, EVP_sha256()) > 0;
    return is_good || openssl_failed(why, "a CA certificate");
}

/* The subject alternative names, in OpenSSL's notation. */
static char *alternative_names(enum ca_kind kind, const char *const *hosts, size_t hosts_count)
{
    if (kind == CA_WRONG_NAME)
        return mem_strdup("DNS:somewhere-else.example");
    struct buf names;
    buf_init(&names, 16 * 1024);
    buf_add_str(&names, "DNS:localhost,DNS:sandbox.test,DNS:*.sandbox.test,IP:127.0.0.1,IP:::1");
    for (size_t i = 0; i < hosts_count; i++)
        buf_addf(&names, ",DNS:%s", hosts[i]);
    char *text = mem_strdup(buf_str(&names));
    buf_fini(&names);
    return text;
}

static bool issue(const struct authority *by, enum ca_kind kind, const char *names, struct ca_pair *out,
                  struct fault *why)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL)
        return openssl_failed(why, "a key");
    bool is_expired = kind == CA_EXPIRED;
    X509 *c = blank_certificate(key, "localhost", is_expired ? -30 * DAY_S : -DAY_S, is_expired ? -DAY_S : 365 * DAY_S);
    X509_set_issuer_name(c, X509_get_subject_name(by->certificate));
    bool is_good = add_extension(c, by->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
                   add_extension(c, by->certificate, NID_key_usage, "critical,digitalSignature") &&
                   add_extension(c, by->certificate, NID_ext_key_usage, "serverAuth") &&
                   add_extension(c, by->certificate, NID_subject_alt_name, names) &&
                   add_extension(c, by->certificate, NID_authority_key_identifier, "keyid:always") &&
                   X509_sign(c, by->key, EVP_sha256()) > 0;
    if (is_good) {
        out->certificate_pem = certificate_pem(c, by->certificate);
        out->key_pem = key_pem(key);
    }
    X509_free(c);
    EVP_PKEY_free(key);
    return is_good || openssl_failed(why, "a server certificate; is every --host a DNS name?");
}

static bool authority_load(struct authority *a, const char *certificate_path, const char *key_path)
{
    FILE *certificate_file = fopen(certificate_path, "re");
    FILE *key_file = fopen(key_path, "re");
    if (certificate_file != NULL)
        a->certificate = PEM_read_X509(certificate_file, NULL, NULL, NULL);
    if (key_file != NULL)
        a->key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
    if (certificate_file != NULL)
        fclose(certificate_file);
    if (key_file != NULL)
        fclose(key_file);
    time_t next_month = time(NULL) + 30 * DAY_S;
    bool is_good = a->certificate != NULL && a->key != NULL && X509_check_private_key(a->certificate, a->key) == 1 &&
                   X509_cmp_time(X509_get0_notAfter(a->certificate), &next_month) > 0;
    if (!is_good)
        authority_fini(a);
    if (!is_good)
        *a = (struct authority){ NULL, NULL };
    return is_good;
}

static bool write_text(const char *path, const char *text, mode_t mode, struct fault *why)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    size_t size = strlen(text);
    bool is_good = fd >= 0 && write(fd, text, size) == (ssize_t)size;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return is_good || fault_errno(why, FAULT_LOCAL, error, "writing %s", path);
}

static bool authority_open(struct authority *a, const char *dir, struct fault *why)
{
    char certificate_path[PATH_MAX], key_path[PATH_MAX];
    snprintf(certificate_path, sizeof certificate_path, "%s/ca.pem", dir);
    snprintf(key_path, sizeof key_path, "%s/ca.key", dir);
    if (authority_load(a, certificate_path, key_path))
        return true;
    if (!authority_make(a, why))
        return false;
    char *certificate = certificate_pem(a->certificate, NULL);
    char *key = key_pem(a->key);
    bool is_good = write_text(key_path, key, 0600, why) && write_text(certificate_path, certificate, 0644, why);
    secret_wipe(key, strlen(key));
    free(key);
    free(certificate);
    return is_good;
}

bool sandbox_ca_open(struct sandbox_ca *ca, const char *dir, const char *const *hosts, size_t hosts_count,
                     struct fault *why)
{
    struct authority ours = { NULL, NULL }, stranger = { NULL, NULL };
    memset(ca, 0, sizeof *ca);
    bool is_good = authority_open(&ours, dir, why) && authority_make(&stranger, why);
    for (unsigned kind = 0; is_good && kind < CA_KINDS; kind++) {
        char *names = alternative_names((enum ca_kind)kind, hosts, hosts_count);
        is_good = issue(kind == CA_UNKNOWN ? &stranger : &ours, (enum ca_kind)kind, names, &ca->servers[kind], why);
        free(names);
    }
    if (is_good) {
        ca->ca_pem = certificate_pem(ours.certificate, NULL);
        ca->ca_file = mem_printf("%s/ca.pem", dir);
    }
    authority_fini(&ours);
    authority_fini(&stranger);
    if (!is_good)
        sandbox_ca_close(ca);
    return is_good;
}

void sandbox_ca_close(struct sandbox_ca *ca)
{
    for (unsigned kind = 0; kind < CA_KINDS; kind++) {
        free(ca->servers[kind].certificate_pem);
        free(ca->servers[kind].key_pem);
    }
    free(ca->ca_pem);
    free(ca->ca_file);
    memset(ca, 0, sizeof *ca);
}
