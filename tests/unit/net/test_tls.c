/* TLS contexts: which files are taken, and how each kind of bad file is named. */
#include "net/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certificates.h"

static struct test_pem authority, server, other;

static int make_all(void **state)
{
    test_authority(&authority);
    test_certificate(&authority, "DNS:localhost", -3600, 3600, &server);
    test_certificate(&authority, "DNS:localhost", -3600, 3600, &other);
    return 0;
}

static int drop_all(void **state)
{
    test_pem_fini(&authority);
    test_pem_fini(&server);
    test_pem_fini(&other);
    return 0;
}

static void good_files_make_contexts(void **state)
{
    struct fault why;
    struct tls_context *c = tls_server_new(buf_bytes(&server.certificate), buf_bytes(&server.key), &why);
    assert_non_null(c);
    assert_ptr_equal(tls_context_ref(c), c);
    tls_context_free(c);
    tls_context_free(c);
    c = tls_client_new(buf_bytes(&authority.certificate), &why);
    assert_non_null(c);
    tls_context_free(c);
    c = tls_client_new(BYTES_NONE, &why);
    assert_non_null(c);
    tls_context_free(c);
}

static void a_chain_is_taken_whole(void **state)
{
    struct buf chain;
    struct fault why;
    buf_init(&chain, 1 << 16);
    buf_add_bytes(&chain, buf_bytes(&server.certificate));
    buf_add_bytes(&chain, buf_bytes(&authority.certificate));
    struct tls_context *c = tls_server_new(buf_bytes(&chain), buf_bytes(&server.key), &why);
    assert_non_null(c);
    tls_context_free(c);
    buf_add_str(&chain, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_null(tls_server_new(buf_bytes(&chain), buf_bytes(&server.key), &why));
    assert_non_null(strstr(why.text, "chain is damaged"));
    buf_fini(&chain);
}

static struct bytes encrypted_key(BIO *bio)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(), (const unsigned char *)"pass", 4, NULL, NULL);
    EVP_PKEY_free(key);
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    return (struct bytes){ (const uint8_t *)data, (size_t)size };
}

static void bad_server_files_are_named(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct bytes good = buf_bytes(&server.certificate), key = buf_bytes(&server.key), junk = BYTES_LIT("junk");
    const struct {
        struct bytes certificate, key;
        const char *says;
    } cases[] = {
        { junk, key, "certificate file holds no PEM" },
        { good, junk, "key file holds no PEM" },
        { good, buf_bytes(&other.key), "do not belong together" },
        { good, encrypted_key(bio), "passphrase" },
        { key, key, "certificate file holds no PEM" },
        { good, good, "key file holds no PEM" },
        { BYTES_NONE, key, "certificate file" },
        { good, BYTES_NONE, "key file" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault why = { 0 };
        assert_null(tls_server_new(cases[i].certificate, cases[i].key, &why));
        assert_int_equal(why.kind, FAULT_CONFIG);
        assert_string_equal(why.id, "tls.file");
        if (!strstr(why.text, cases[i].says))
            fail_msg("case %zu says: %s", i, why.text);
    }
    BIO_free(bio);
}

static void a_ca_file_without_certificates_is_refused(void **state)
{
    struct fault why = { 0 };
    assert_null(tls_client_new(BYTES_LIT("nothing here"), &why));
    assert_int_equal(why.kind, FAULT_CONFIG);
    assert_non_null(strstr(why.text, "CA file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_make_contexts),
        cmocka_unit_test(a_chain_is_taken_whole),
        cmocka_unit_test(bad_server_files_are_named),
        cmocka_unit_test(a_ca_file_without_certificates_is_refused),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
