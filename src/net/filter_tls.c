/* net/filter_tls.c - TLS over whatever filter lies below, through an OpenSSL BIO of our own.
 *
 * A record is 16 KiB at most, and a system call for each would cost more than its cipher. So writing gathers records and sends them
 * by one call; until all of them are gone nothing of what is in them counts as taken, and the writer offers it again. */
#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "loop/loop.h"
#include "net/filter.h"
#include "net/tls_private.h"

enum { GATHER = 64 << 10 };

/* The records of one writing, for all connections: a thread has one loop. Each is a little longer than what is in it. */
static uint8_t gathered[GATHER + 8192];
static size_t gathered_size;

struct tls_filter {
    struct filter base;
    struct tls_context *context;
    SSL *ssl;
    const char *peer;   /* lent by the connection */
    char *host;         /* NULL: we are the server */
    char *bad_subject;  /* of the certificate that did not pass */
    struct buf records; /* of the last writing that did not leave with it */
    size_t records_at;  /* of them the filter below has */
    size_t ahead;       /* octets of the writer's that are in them */
    bool is_gathering;
    unsigned below_wants;
    struct fault below_fault;
    char text[96];
    bool is_up;
    bool is_dry; /* what OpenSSL holds is less than a record: nothing can be read before more arrives */
};

/* -- BIO: OpenSSL's way down -- */

static int bio_result(BIO *bio, enum filter_result result, size_t size, int retry_flag)
{
    BIO_clear_retry_flags(bio);
    if (result == FILTER_OK)
        return (int)size;
    if (result == FILTER_AGAIN)
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    return result == FILTER_END ? 0 : -1;
}

static int bio_read(BIO *bio, char *out, int size)
{
    struct tls_filter *t = BIO_get_data(bio);
    size_t got = 0;
    enum filter_result r = t->base.below->kind->read(t->base.below, out, (size_t)size, &got, &t->below_wants,
                                                     &t->below_fault);
    return bio_result(bio, r, got, BIO_FLAGS_READ);
}

static bool gather(const char *data, size_t size)
{
    if (size > sizeof gathered - gathered_size)
        return false;
    memcpy(gathered + gathered_size, data, size);
    gathered_size += size;
    return true;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    struct tls_filter *t = BIO_get_data(bio);
    size_t put = (size_t)size;
    enum filter_result r;
    if (t->is_gathering)
        r = gather(data, put) ? FILTER_OK : FILTER_AGAIN;
    else if (t->records.size > 0) /* what OpenSSL has to say by itself waits behind them */
        r = buf_add(&t->records, data, put) ? FILTER_OK : FILTER_AGAIN;
    else
        r = t->base.below->kind->write(t->base.below, data, put, &put, &t->below_wants, &t->below_fault);
    return bio_result(bio, r, put, BIO_FLAGS_WRITE);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;
    if (method)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "filter");
    assert(method);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    BIO_meth_set_create(method, bio_create);
    return method;
}

/* -- Why a handshake failed, in words that help -- */

static const struct {
    int reason;
    const char *as_server, *as_client;
} reasons[] = {
    { SSL_R_WRONG_VERSION_NUMBER, "the client does not speak TLS: this port expects TLS from the first byte",
      "the server does not speak TLS here: wrong port, or one that wants STARTTLS" },
    { SSL_R_HTTP_REQUEST, "the client speaks plain HTTP to a TLS port", "the server speaks plain HTTP" },
    { SSL_R_UNSUPPORTED_PROTOCOL, "the client offers only TLS versions older than 1.2",
      "the server offers only TLS versions older than 1.2" },
    { SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the client refuses our TLS versions (1.2 and 1.3)",
      "the server refuses our TLS versions (1.2 and 1.3)" },
    { SSL_R_NO_SHARED_CIPHER, "no cipher in common with the client", "no cipher in common with the server" },
    { SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the client found nothing in common with our TLS settings",
      "the server found nothing in common with our TLS settings" },
    { SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the client does not trust the authority of our certificate",
      "the server does not trust our certificate" },
    { SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the client refuses our certificate", "the server refuses our certificate" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the client says that our certificate has expired",
      "the server says that our certificate has expired" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the client refuses our certificate",
      "the server refuses our certificate" },
    { SSL_R_TLSV1_UNRECOGNIZED_NAME, "the client asks for a name that we do not have",
      "the server knows no host of that name" },
};

static const char *reason_text(const struct tls_filter *t, int reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].reason == reason)
            return t->host ? reasons[i].as_client : reasons[i].as_server;
    return NULL;
}

/* Remembers whose certificate did not pass; the verdict itself stays OpenSSL's. */
static int on_verified(int is_ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_filter *t = SSL_get_app_data(ssl);
    X509 *at = X509_STORE_CTX_get_current_cert(store);
    if (is_ok || !at || t->bad_subject)
        return is_ok;
    char subject[160], clean[160];
    X509_NAME_oneline(X509_get_subject_name(at), subject, sizeof subject);
    text_sanitize(bytes_of(subject), clean, sizeof clean);
    t->bad_subject = mem_strdup(clean);
    return is_ok;
}

static enum filter_result handshake_fault(struct tls_filter *t, int error, struct fault *why)
{
    long verdict = SSL_get_verify_result(t->ssl);
    if (t->host && verdict != X509_V_OK) {
        ERR_clear_error();
        fault_set(why, FAULT_HOLD, "tls.certificate", "TLS with %s: the certificate is not acceptable: %s%s%s", t->peer,
                  X509_verify_cert_error_string(verdict), t->bad_subject ? "; it says " : "",
                  t->bad_subject ? t->bad_subject : "");
        return FILTER_FAULT;
    }
    if (error == SSL_ERROR_SYSCALL && t->below_fault.kind != FAULT_NONE) {
        *why = t->below_fault;
        fault_wrap(why, "TLS with %s", t->peer);
        return FILTER_FAULT;
    }
    const char *words = reason_text(t, ERR_GET_REASON(ERR_peek_error()));
    if (!words && error != SSL_ERROR_SSL)
        words = "the other side ended the connection in the middle of the handshake";
    fault_set(why, FAULT_RETRY, "tls.failed", "TLS with %s: %s", t->peer, words ? words : tls_error_text());
    ERR_clear_error();
    return FILTER_FAULT;
}

/* Only one that was verified, for a host of this name, comes here; it is continued with the same peer only. */
int filter_tls_on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_filter *t = SSL_get_app_data(ssl);
    if (!t->host || SSL_get_verify_result(ssl) != X509_V_OK)
        return 0;
    tls_context_remember(t->context, t->peer, session);
    return 1;
}

/* -- Filter -- */

static struct tls_filter *of(struct filter *f)
{
    return (struct tls_filter *)f;
}

static enum filter_result start(struct filter *f, unsigned *wants, struct fault *why)
{
    struct tls_filter *t = of(f);
    ERR_clear_error();
    int n = SSL_do_handshake(t->ssl);
    if (n == 1) {
        t->is_up = true;
        snprintf(t->text, sizeof t->text, "%s %s", SSL_get_version(t->ssl), SSL_get_cipher_name(t->ssl));
        return FILTER_OK;
    }
    int error = SSL_get_error(t->ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        *wants = error == SSL_ERROR_WANT_READ ? LOOP_READ : LOOP_WRITE;
        return FILTER_AGAIN;
    }
    return handshake_fault(t, error, why);
}

static enum filter_result open_failed(struct tls_filter *t, int error, unsigned *wants, struct fault *why)
{
    switch (error) {
    case SSL_ERROR_WANT_READ:
        t->is_dry = true;
        *wants = LOOP_READ;
        return FILTER_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *wants = LOOP_WRITE;
        return FILTER_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return FILTER_END;
    case SSL_ERROR_SYSCALL:
        if (t->below_fault.kind != FAULT_NONE) {
            *why = t->below_fault;
            return FILTER_FAULT;
        }
        return FILTER_END;
    default:
        fault_set(why, FAULT_RETRY, "tls.failed", "TLS broke: %s", tls_error_text());
        return FILTER_FAULT;
    }
}

/* As many records as fit, so that the owner sees a turn's input in one piece. */
static enum filter_result read_some(struct filter *f, void *out, size_t size, size_t *got, unsigned *wants,
                                    struct fault *why)
{
    struct tls_filter *t = of(f);
    size_t total = 0;
    t->is_dry = false;
    while (total < size) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(t->ssl, (uint8_t *)out + total, size - total, &n) != 1) {
            enum filter_result r = open_failed(t, SSL_get_error(t->ssl, 0), wants, why);
            if (total == 0)
                return r;
            break; /* what ended the reading is found again next time */
        }
        total += n;
        if (!SSL_has_pending(t->ssl))
            break; /* to look again would cost a system call, and readiness tells if there is more */
    }
    *got = total;
    return FILTER_OK;
}

static enum filter_result encrypt(struct tls_filter *t, const void *data, size_t size, unsigned *wants,
                                  struct fault *why)
{
    size_t most = size < GATHER ? size : GATHER;
    while (t->ahead < most) {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, (const uint8_t *)data + t->ahead, most - t->ahead, &n) != 1) {
            enum filter_result r = open_failed(t, SSL_get_error(t->ssl, 0), wants, why);
            if (t->ahead > 0)
                return FILTER_OK; /* first what is good; this is found again next time */
            if (r == FILTER_END)
                fault_set(why, FAULT_RETRY, "net.lost", "the other side closed it");
            return r == FILTER_END ? FILTER_FAULT : r;
        }
        t->ahead += n;
    }
    return FILTER_OK;
}

static enum filter_result write_some(struct filter *f, const void *data, size_t size, size_t *put, unsigned *wants,
                                     struct fault *why)
{
    struct tls_filter *t = of(f);
    struct bytes left = bytes_slice(buf_bytes(&t->records), t->records_at, t->records.size);
    enum filter_result r = FILTER_OK;
    size_t sent = 0;
    *put = 0;
    if (t->ahead == 0) {
        gathered_size = 0;
        t->is_gathering = true;
        r = encrypt(t, data, size, wants, why);
        t->is_gathering = false;
        left = (struct bytes){ gathered, gathered_size };
    }
    if (r != FILTER_OK)
        return r;
    r = f->below->kind->write(f->below, left.data, left.size, &sent, wants, why);
    if (sent == left.size) {
        buf_release(&t->records);
        *put = t->ahead;
        t->records_at = t->ahead = 0;
        return r;
    }
    if (t->records.size == 0)
        buf_add_bytes(&t->records, bytes_slice(left, sent, left.size));
    else
        t->records_at += sent;
    return r;
}

static void finish(struct filter *f)
{
    struct tls_filter *t = of(f);
    ERR_clear_error();
    if (t->is_up)
        SSL_shutdown(t->ssl);
    ERR_clear_error();
    f->below->kind->finish(f->below);
}

static bool holds_input(const struct filter *f)
{
    const struct tls_filter *t = (const struct tls_filter *)f;
    return !t->is_dry && (SSL_has_pending(t->ssl) || SSL_get_shutdown(t->ssl) & SSL_RECEIVED_SHUTDOWN);
}

static void free_tls(struct filter *f)
{
    struct tls_filter *t = of(f);
    /* A connection that ends without a goodbye would take its session along, and the next handshake would be a long one. */
    if (t->is_up)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    tls_context_free(t->context);
    buf_fini(&t->records);
    free(t->host);
    free(t->bad_subject);
    free(t);
}

static const struct filter_kind tls_kind = { start, read_some, write_some, finish, holds_input, free_tls };

/* SNI is for names only (RFC 6066 section 3); an address is checked against the certificate's IP entries. */
static void expect_host(SSL *ssl, const char *host)
{
    uint8_t address[16];
    bool is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    bool ok;
    if (is_address) {
        ok = X509_VERIFY_PARAM_set1_ip_asc(expected, host) == 1;
    } else {
        X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = SSL_set_tlsext_host_name(ssl, host) == 1 && X509_VERIFY_PARAM_set1_host(expected, host, 0) == 1;
    }
    assert(ok);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
    SSL_set_connect_state(ssl);
}

struct filter *filter_tls_new(struct filter *below, struct tls_context *tls, const char *host, const char *peer)
{
    struct tls_filter *t = mem_alloc(sizeof *t);
    BIO *bio = BIO_new(bio_method());
    t->base = (struct filter){ &tls_kind, below };
    t->context = tls;
    t->peer = peer;
    buf_init(&t->records, 2 * sizeof gathered);
    t->ssl = SSL_new(tls_context_ssl(tls));
    assert(t->ssl && bio);
    BIO_set_data(bio, t);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    if (host) {
        SSL_SESSION *last = tls_context_session(tls, peer);
        t->host = mem_strdup(host);
        expect_host(t->ssl, host);
        if (last)
            SSL_set_session(t->ssl, last);
    } else {
        SSL_set_accept_state(t->ssl);
    }
    return &t->base;
}

const char *filter_tls_text(const struct filter *f)
{
    return f->kind == &tls_kind ? ((const struct tls_filter *)f)->text : "";
}

static void name_text(X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert(bio);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    char *text;
    long length = BIO_get_mem_data(bio, &text);
    text_sanitize((struct bytes){ (const uint8_t *)text, (size_t)length }, out, size);
    BIO_free(bio);
}

bool filter_tls_certificate(const struct filter *f, struct tls_certificate *out)
{
    struct tm end;
    const struct tls_filter *t = (const struct tls_filter *)f;
    X509 *shown = f->kind == &tls_kind ? SSL_get0_peer_certificate(t->ssl) : NULL;
    if (!shown || ASN1_TIME_to_tm(X509_get0_notAfter(shown), &end) != 1)
        return false;
    name_text(X509_get_subject_name(shown), out->subject, sizeof out->subject);
    name_text(X509_get_issuer_name(shown), out->issuer, sizeof out->issuer);
    out->expires_ms = (int64_t)timegm(&end) * 1000;
    return true;
}
