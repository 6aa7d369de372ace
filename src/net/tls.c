/* net/tls.c - contexts: made once per listener or upstream, shared by their connections. */
#include "net/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "net/tls_private.h"

struct tls_context {
    SSL_CTX *ssl;
    struct map *sessions; /* client: peer -> SSL_SESSION */
    unsigned refs;
};

enum {
    PEERS_MAX = 256, /* whose sessions are remembered */
    READ_AHEAD = 64 << 10,
};

SSL_CTX *tls_context_ssl(struct tls_context *c)
{
    return c->ssl;
}

SSL_SESSION *tls_context_session(const struct tls_context *c, const char *peer)
{
    return c->sessions ? map_get(c->sessions, peer) : NULL;
}

static bool free_session(void *ctx, const char *peer, void *session)
{
    SSL_SESSION_free(session);
    return true;
}

static void forget_sessions(struct tls_context *c)
{
    map_each(c->sessions, free_session, NULL);
    map_clear(c->sessions);
}

void tls_context_remember(struct tls_context *c, const char *peer, SSL_SESSION *session)
{
    if (map_count(c->sessions) >= PEERS_MAX && !map_get(c->sessions, peer))
        forget_sessions(c);
    SSL_SESSION_free(map_put(c->sessions, peer, session));
}

const char *tls_error_text(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return reason ? reason : "no reason given";
}

static bool certificate_fault(struct fault *why, const char *what)
{
    return fault_set(why, FAULT_CONFIG, "tls.file", "%s (%s)", what, tls_error_text());
}

static struct tls_context *context_new(const SSL_METHOD *method)
{
    struct tls_context *c = mem_alloc(sizeof *c);
    *c = (struct tls_context){ .ssl = SSL_CTX_new(method), .refs = 1 };
    assert(c->ssl);
    SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
    /* A peer that just goes away is told apart by the protocols above, which all say when they are done. */
    SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c->ssl,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(c->ssl, 1);
    SSL_CTX_set_default_read_buffer_len(c->ssl,
                                        READ_AHEAD); /* of which nothing is kept while there is nothing to read */
    return c;
}

/* An empty file reads like one without PEM in it. */
static BIO *reader(struct bytes pem)
{
    BIO *bio = BIO_new_mem_buf(pem.size ? (const void *)pem.data : "", (int)pem.size);
    assert(bio);
    return bio;
}

/* A key with a passphrase must be refused, not asked for on the daemon's terminal. */
static int no_passphrase(char *out, int size, int is_writing, void *ctx)
{
    return -1;
}

static bool use_chain(SSL_CTX *ssl, BIO *pem, struct fault *why)
{
    X509 *leaf = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL);
    if (!leaf)
        return certificate_fault(why, "the certificate file holds no PEM certificate");
    bool ok = SSL_CTX_use_certificate(ssl, leaf) == 1;
    X509_free(leaf);
    if (!ok)
        return certificate_fault(why, "the certificate can't be used");
    X509 *more;
    while ((more = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL))) {
        if (SSL_CTX_add0_chain_cert(ssl, more) != 1) {
            X509_free(more);
            return certificate_fault(why, "a certificate of the chain can't be used");
        }
    }
    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (!is_end)
        return certificate_fault(why, "a certificate of the chain is damaged");
    ERR_clear_error();
    return true;
}

static bool use_key(SSL_CTX *ssl, BIO *pem, struct fault *why)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
    if (!key) {
        int reason = ERR_GET_REASON(ERR_peek_last_error());
        if (reason == PEM_R_BAD_PASSWORD_READ || reason == PEM_R_BAD_DECRYPT)
            return certificate_fault(why, "the key file is encrypted with a passphrase: give it without one");
        return certificate_fault(why, "the key file holds no PEM private key");
    }
    ERR_clear_error();
    bool ok = SSL_CTX_use_PrivateKey(ssl, key) == 1;
    EVP_PKEY_free(key);
    if (!ok || SSL_CTX_check_private_key(ssl) != 1)
        return certificate_fault(
            why, "certificate and key do not belong together: the first certificate in the file must be "
                 "the server's own");
    return true;
}

struct tls_context *tls_server_new(struct bytes certificate_pem, struct bytes key_pem, struct fault *why)
{
    struct tls_context *c = context_new(TLS_server_method());
    BIO *certificate = reader(certificate_pem), *key = reader(key_pem);
    bool ok = use_chain(c->ssl, certificate, why) && use_key(c->ssl, key, why);
    BIO_free(certificate);
    BIO_free(key);
    SSL_CTX_set_options(c->ssl, SSL_OP_CLEANSE_PLAINTEXT); /* programs send their passwords */
    SSL_CTX_set_dh_auto(c->ssl, 1);
    SSL_CTX_set_num_tickets(c->ssl, 1);
    if (ok)
        return c;
    tls_context_free(c);
    return NULL;
}

static bool trust(SSL_CTX *ssl, struct bytes ca_pem, struct fault *why)
{
    if (ca_pem.size == 0)
        return SSL_CTX_set_default_verify_paths(ssl) == 1 ||
               certificate_fault(why, "the system's certificate store can't be read: install ca-certificates");
    BIO *pem = reader(ca_pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    size_t count = 0;
    X509 *one;
    while ((one = PEM_read_bio_X509_AUX(pem, NULL, no_passphrase, NULL))) {
        count += X509_STORE_add_cert(store, one) == 1;
        X509_free(one);
    }
    BIO_free(pem);
    if (count == 0)
        return certificate_fault(why, "the CA file holds no PEM certificate");
    ERR_clear_error();
    return true;
}

struct tls_context *tls_client_new(struct bytes ca_pem, struct fault *why)
{
    struct tls_context *c = context_new(TLS_client_method());
    SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
    c->sessions = map_new();
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ssl, filter_tls_on_session);
    if (trust(c->ssl, ca_pem, why))
        return c;
    tls_context_free(c);
    return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    c->refs++;
    return c;
}

void tls_context_free(struct tls_context *c)
{
    if (!c || --c->refs > 0)
        return;
    if (c->sessions)
        forget_sessions(c);
    map_free(c->sessions);
    SSL_CTX_free(c->ssl);
    free(c);
}
