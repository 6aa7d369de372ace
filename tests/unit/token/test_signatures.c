/* What is signed: assertions that others can verify, id_tokens that nobody can forge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/assertion.h"
#include "token/certificate.h"
#include "token/idtoken.h"
#include "world.h"

#define NOW_S 1800000000

static json_t *part_of(const char *jwt, int number, struct bytes *raw)
{
    static uint8_t plain[8192];
    size_t size;
    for (; number > 0; number--)
        jwt = strchr(jwt, '.') + 1;
    struct bytes text = { (const uint8_t *)jwt, strcspn(jwt, ".") };
    assert_true(base64url_decode(text, plain, sizeof plain, &size));
    if (raw)
        *raw = (struct bytes){ plain, size };
    return json_loadb((const char *)plain, size, 0, NULL);
}

static X509 *read_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x509);
    return x509;
}

/* As Entra would: with nothing but the uploaded certificate. */
static void verify_pss(X509 *x509, const char *jwt)
{
    struct bytes signature;
    json_decref(part_of(jwt, 2, &signature));
    size_t size = (size_t)(strrchr(jwt, '.') - jwt);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;
    assert_int_equal(EVP_DigestVerifyInit(md, &options, EVP_sha256(), NULL, X509_get0_pubkey(x509)), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32), 1);
    assert_int_equal(EVP_DigestVerify(md, signature.data, signature.size, (const uint8_t *)jwt, size), 1);
    EVP_MD_CTX_free(md);
}

static void test_assertion(void **unused)
{
    struct fault why = { 0 };
    struct certificate *c = certificate_make("Postern contoso", 2048, NOW_S * 1000LL, &why);
    assert_non_null(c);
    struct secret *one = assertion_make(secret_bytes(c->pem), CLIENT, TOKEN_URL, NOW_S, &why);
    struct secret *two = assertion_make(secret_bytes(c->pem), CLIENT, TOKEN_URL, NOW_S, &why);
    const char *jwt = (const char *)secret_bytes(one).data;
    X509 *x509 = read_certificate(c->public_pem);
    verify_pss(x509, jwt);

    uint8_t hash[32];
    char thumbprint[64];
    X509_digest(x509, EVP_sha256(), hash, NULL);
    base64url_encode((struct bytes){ hash, 32 }, thumbprint, sizeof thumbprint);
    json_t *header = part_of(jwt, 0, NULL), *claims = part_of(jwt, 1, NULL);
    json_t *other = part_of((const char *)secret_bytes(two).data, 1, NULL);
    assert_string_equal(json_string_value(json_object_get(header, "alg")), "PS256");
    assert_string_equal(json_string_value(json_object_get(header, "typ")), "JWT");
    assert_string_equal(json_string_value(json_object_get(header, "x5t#S256")), thumbprint);
    assert_string_equal(json_string_value(json_object_get(claims, "aud")), TOKEN_URL);
    assert_string_equal(json_string_value(json_object_get(claims, "iss")), CLIENT);
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), CLIENT);
    assert_int_equal(json_integer_value(json_object_get(claims, "nbf")), NOW_S);
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), NOW_S + 600);
    const char *jti = json_string_value(json_object_get(claims, "jti"));
    assert_int_equal(strlen(jti), 36);
    assert_string_not_equal(jti, json_string_value(json_object_get(other, "jti")));
    json_decref(header);
    json_decref(claims);
    json_decref(other);
    X509_free(x509);
    secret_free(one);
    secret_free(two);
    certificate_free(c);
}

static void test_made_certificate(void **unused)
{
    struct certificate *c = certificate_make("Postern m\xc3\xbcnchen", 2048, NOW_S * 1000LL, NULL);
    X509 *x509 = read_certificate(c->public_pem);
    time_t soon = NOW_S, late = NOW_S + 731 * 86400;
    assert_true(X509_cmp_time(X509_get0_notBefore(x509), &soon) < 0);
    assert_true(X509_cmp_time(X509_get0_notAfter(x509), &soon) > 0);
    assert_true(X509_cmp_time(X509_get0_notAfter(x509), &late) < 0);
    assert_int_equal(X509_verify(x509, X509_get0_pubkey(x509)), 1);
    assert_int_equal(strncmp(c->expires, "2029-01-", 8), 0);
    assert_int_equal(strlen(c->sha256), 64);
    assert_null(strstr(c->public_pem, "PRIVATE"));
    assert_non_null(strstr((const char *)secret_bytes(c->pem).data, "PRIVATE"));
    X509_free(x509);

    struct certificate *again = certificate_take(secret_bytes(c->pem), NOW_S * 1000LL, NULL);
    assert_non_null(again);
    assert_string_equal(again->sha256, c->sha256);
    certificate_free(again);
    assert_null(certificate_take(secret_bytes(c->pem), (NOW_S + 800 * 86400LL) * 1000, NULL)); /* expired */
    certificate_free(c);
}

static char *private_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    long size = BIO_get_mem_data(bio, &data);
    char *text = mem_strndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

static void test_refused_key_pairs(void **unused)
{
    struct certificate *c = certificate_make("a", 2048, NOW_S * 1000LL, NULL);
    struct certificate *small = certificate_make("small", 1024, NOW_S * 1000LL, NULL);
    char *other = private_pem(world_key(0));
    char *mixed = mem_printf("%s%s", other, c->public_pem);
    const char *const texts[] = {
        "",
        "not PEM",
        c->public_pem,
        other,
        mixed,
        small ? (const char *)secret_bytes(small->pem).data : "",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fault why = { 0 };
        assert_null(certificate_take(bytes_of(texts[i]), NOW_S * 1000LL, &why));
        assert_string_not_equal(why.text, "");
    }
    free(mixed);
    free(other);
    certificate_free(small);
    certificate_free(c);
}

#define CLAIMS(aud, iss, nonce, exp, nbf) \
    "{\"aud\":\"" aud "\",\"iss\":\"" iss "\",\"nonce\":\"" nonce "\",\"exp\":" #exp ",\"nbf\":" #nbf \
    ",\"tid\":\"" TENANT "\",\"preferred_username\":\"Info@Contoso.example\"}"
#define GOOD_CLAIMS CLAIMS(CLIENT, ISSUER, "n1", 1800003600, 1799999700)

struct attack {
    const char *alg, *kid, *claims, *issuer, *nonce;
    int key;
    bool is_good;
};

static void try(const struct attack *a, size_t number)
{
    char *jwt = world_id_token(world_key(a->key), a->alg, a->kid, a->claims), *keys = world_jwks(world_key(0), "k1");
    json_t *jwks = json_loads(keys, 0, NULL);
    struct arena *life = arena_new();
    struct idtoken_expected expected = { a->issuer ? a->issuer : ISSUER, CLIENT, a->nonce, NOW_S };
    struct idtoken_claims claims;
    struct fault why = { 0 };
    bool is_unknown;
    bool ok = idtoken_verify(bytes_of(jwt), jwks, &expected, life, &claims, &is_unknown, &why);
    if (ok != a->is_good)
        fail_msg("case %zu: %s", number, why.text);
    if (ok)
        assert_true(idtoken_is_user(&claims, "info@contoso.example"));
    else
        assert_string_equal(why.id, "grant.id-token");
    assert_int_equal(is_unknown, !ok && strcmp(a->kid, "k2") == 0);
    arena_free(life);
    json_decref(jwks);
    free(keys);
    free(jwt);
}

static void test_id_token_attacks(void **unused)
{
    static const struct attack attacks[] = {
        { "RS256", "k1", GOOD_CLAIMS, NULL, "n1", 0, true },
        { "RS256", "k1", GOOD_CLAIMS, NULL, NULL, 0, true }, /* device code: no nonce was sent */
        { "RS256", "k1", GOOD_CLAIMS, "https://login.microsoftonline.com/{tenantid}/v2.0", "n1", 0, true },
        { "RS256", "k1", GOOD_CLAIMS, "https://evil.example/{tenantid}/v2.0", "n1", 0, false },
        { "none", "k1", GOOD_CLAIMS, NULL, "n1", 0, false },
        { "HS256", "k1", GOOD_CLAIMS, NULL, "n1", 0, false },
        { "RS384", "k1", GOOD_CLAIMS, NULL, "n1", 0, false },
        { "rs256", "k1", GOOD_CLAIMS, NULL, "n1", 0, false },
        { "RS256", "k1", GOOD_CLAIMS, NULL, "n1", 1, false }, /* another key under a known kid */
        { "RS256", "k2", GOOD_CLAIMS, NULL, "n1", 1, false }, /* a kid that is not published */
        { "RS256", "k1", CLAIMS("other", ISSUER, "n1", 1800003600, 1799999700), NULL, "n1", 0, false },
        { "RS256", "k1", CLAIMS(CLIENT, "https://evil.example/", "n1", 1800003600, 1799999700), NULL, "n1", 0, false },
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER "/", "n1", 1800003600, 1799999700), NULL, "n1", 0, false },
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "n2", 1800003600, 1799999700), NULL, "n1", 0, false },
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "", 1800003600, 1799999700), NULL, "n1", 0, false },
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "n1", 1799999600, 1799999000), NULL, "n1", 0, false }, /* 400 s ago */
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "n1", 1799999800, 1799999000), NULL, "n1", 0, true },  /* 200 s: skew */
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "n1", 1800003600, 1800000400), NULL, "n1", 0, false },
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "n1", 1800003600, 1800000200), NULL, "n1", 0, true },
        { "RS256", "k1", CLAIMS(CLIENT, ISSUER, "n1", "soon", 0), NULL, "n1", 0, false },
        { "RS256", "k1",
          "{\"aud\":[\"" CLIENT "\"],\"iss\":\"" ISSUER "\",\"nonce\":\"n1\",\"exp\":1800003600,"
          "\"upn\":\"info@contoso.example\"}",
          NULL, "n1", 0, true },
        { "RS256", "k1",
          "{\"aud\":[\"" CLIENT "\",\"other\"],\"iss\":\"" ISSUER "\",\"nonce\":\"n1\",\"exp\":1800003600}", NULL, "n1",
          0, false },
        { "RS256", "k1", "{}", NULL, "n1", 0, false },
        { "RS256", "k1", "[]", NULL, "n1", 0, false },
        { "RS256", "k1", "", NULL, "n1", 0, false },
    };
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
        try(&attacks[i], i);
}

static void test_altered_id_tokens(void **unused)
{
    char *jwt = world_id_token(world_key(0), "RS256", "k1", GOOD_CLAIMS), *keys = world_jwks(world_key(0), "k1");
    json_t *jwks = json_loads(keys, 0, NULL);
    struct idtoken_expected expected = { ISSUER, CLIENT, "n1", NOW_S };
    size_t size = strlen(jwt);
    for (size_t i = 0; i < size - 1; i += 7) { /* the very last letter has bits that stand for nothing */
        struct arena *life = arena_new();
        struct idtoken_claims claims;
        bool is_unknown;
        char kept = jwt[i];
        jwt[i] = kept == 'A' ? 'B' : 'A';
        assert_false(idtoken_verify(bytes_of(jwt), jwks, &expected, life, &claims, &is_unknown, NULL));
        jwt[i] = kept;
        assert_false(
            idtoken_verify((struct bytes){ (uint8_t *)jwt, i }, jwks, &expected, life, &claims, &is_unknown, NULL));
        arena_free(life);
    }
    json_decref(jwks);
    free(keys);
    free(jwt);
}

static void test_odd_key_sets(void **unused)
{
    static const char *const sets[] = {
        "{}",
        "{\"keys\":7}",
        "{\"keys\":[]}",
        "{\"keys\":[7,null,{}]}",
        "{\"keys\":[{\"kid\":\"k1\",\"kty\":\"RSA\"}]}",
        "{\"keys\":[{\"kid\":\"k1\",\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kid\":\"k1\",\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kid\":\"k1\",\"kty\":\"oct\",\"k\":\"AQAB\"}]}",
    };
    char *jwt = world_id_token(world_key(0), "RS256", "k1", GOOD_CLAIMS);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct arena *life = arena_new();
        json_t *jwks = json_loads(sets[i], 0, NULL);
        struct idtoken_expected expected = { ISSUER, CLIENT, "n1", NOW_S };
        struct idtoken_claims claims;
        bool is_unknown;
        assert_false(idtoken_verify(bytes_of(jwt), jwks, &expected, life, &claims, &is_unknown, NULL));
        json_decref(jwks);
        arena_free(life);
    }
    free(jwt);
}

static int free_keys(void **unused)
{
    EVP_PKEY_free(world_key(0));
    EVP_PKEY_free(world_key(1));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assertion),         cmocka_unit_test(test_made_certificate),
        cmocka_unit_test(test_refused_key_pairs), cmocka_unit_test(test_id_token_attacks),
        cmocka_unit_test(test_altered_id_tokens), cmocka_unit_test(test_odd_key_sets),
    };
    return cmocka_run_group_tests(tests, NULL, free_keys);
}
