#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"

struct world w;

static const char *const objects[][2] = {
    { "registration", "{\"name\":\"contoso\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                      "\",\"client_id\":\"" CLIENT "\",\"credential\":\"secret\"}" },
    { "registration", "{\"name\":\"public\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                      "\",\"client_id\":\"" CLIENT "\",\"credential\":\"none\"}" },
    { "registration", "{\"name\":\"certified\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                      "\",\"client_id\":\"" CLIENT "\",\"credential\":\"certificate\"}" },
    { "mailbox", "{\"address\":\"info@contoso.example\",\"registration\":\"contoso\",\"grant\":\"code\"}" },
    { "mailbox", "{\"address\":\"device@contoso.example\",\"registration\":\"public\",\"grant\":\"device\"}" },
    { "mailbox", "{\"address\":\"app1@contoso.example\",\"registration\":\"contoso\",\"grant\":\"app\"}" },
    { "mailbox", "{\"address\":\"app2@contoso.example\",\"registration\":\"contoso\",\"grant\":\"app\"}" },
    { "mailbox", "{\"address\":\"cert@contoso.example\",\"registration\":\"certified\",\"grant\":\"app\"}" },
    { "mailbox", "{\"address\":\"old@example.org\",\"provider\":\"google\",\"grant\":\"basic\"}" },
};

static void on_state(void *ctx, const char *mailbox, bool needs_person, const struct fault *why)
{
    w.said_count++;
    w.said_needs_person = needs_person;
    snprintf(w.said_mailbox, sizeof w.said_mailbox, "%s", mailbox);
    snprintf(w.said_id, sizeof w.said_id, "%s", why ? why->id : "");
    assert_int_equal(needs_person, why != NULL);
}

static void open_all(void)
{
    char path[96], key[96];
    struct fault why = { 0 };
    snprintf(path, sizeof path, "%s/vault", w.state);
    snprintf(key, sizeof key, "%s/master.key", w.state);
    w.vault = vault_open(path, master_key_read("file", key, path, NULL), &why);
    if (!w.vault)
        fail_msg("%s", why.text);
    w.http = fake_http_new();
    struct tokens_parts parts = { w.loop, &w.http->http, w.vault, w.directory, on_state, NULL };
    struct tokens_settings settings = { 600000, 7 * 24 * 3600 * 1000LL, 30 };
    w.tokens = tokens_new(&parts, &settings, &why);
    assert_non_null(w.tokens);
    tokens_report(w.tokens);
    w.said_needs_person = false; /* of whichever mailbox came last */
    w.said_count = 0;
}

static void close_all(void)
{
    http_free(&w.http->http);
    tokens_free(w.tokens);
    vault_free(w.vault);
}

int world_set_up(void **unused)
{
    memset(&w, 0, sizeof w);
    log_to_stderr(false);
    snprintf(w.state, sizeof w.state, "/tmp/test-token-XXXXXX");
    assert_non_null(mkdtemp(w.state));
    w.loop = loop_new_virtual(1800000000000);
    w.directory = directory_new();
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        enum object_kind kind;
        assert_true(object_kind_from_name(objects[i][0], &kind));
        world_object(kind, objects[i][1]);
    }
    open_all();
    world_store_secret(VAULT_REGISTRATION_SECRET, "contoso", "s3cret~+/=%");
    return 0;
}

int world_tear_down(void **unused)
{
    char command[128];
    close_all();
    directory_free(w.directory);
    loop_free(w.loop);
    snprintf(command, sizeof command, "rm -rf %s", w.state);
    return system(command);
}

void world_restart(void)
{
    close_all();
    open_all();
}

void world_object(enum object_kind kind, const char *text)
{
    struct fault why = { 0 };
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    const char *key = json_string_value(json_object_get(json, kind == OBJECT_MAILBOX ? "address" : "name"));
    if (!directory_apply(w.directory, kind, key, json, &why))
        fail_msg("%s", why.text);
    if (w.tokens)
        tokens_object_changed(w.tokens, kind, key);
    json_decref(json);
}

void world_store_secret(const char *kind, const char *name, const char *value)
{
    assert_true(vault_put(w.vault, kind, name, bytes_of(value), NULL));
}

void world_sign_in(const char *address, const char *refresh)
{
    char record[512];
    snprintf(record, sizeof record,
             "{\"user\":\"%s\",\"scopes\":\"\",\"since\":1799999000000,\"used\":1799999000000,\"refresh\":\"%s\"}",
             address, refresh);
    world_store_secret(VAULT_GRANT, address, record);
    world_restart();
}

const char *world_stored_refresh(const char *address)
{
    static char out[1024];
    struct secret *plain;
    assert_true(vault_get(w.vault, VAULT_GRANT, address, &plain, NULL));
    out[0] = '\0';
    if (plain) {
        json_t *json = json_loads((const char *)secret_bytes(plain).data, 0, NULL);
        snprintf(out, sizeof out, "%s", json_string_value(json_object_get(json, "refresh")));
        json_decref(json);
    }
    secret_free(plain);
    return out;
}

void world_on_token(void *ctx, uint64_t tag, const struct token_reply *r)
{
    struct heard *h = ctx;
    h->count++;
    h->is_ok = r->is_ok;
    h->sasl = r->sasl;
    h->serial = r->serial;
    h->why = r->why;
    snprintf(h->user, sizeof h->user, "%s", r->user ? r->user : "");
    snprintf(h->secret, sizeof h->secret, "%.*s", (int)r->secret.size,
             r->secret.data ? (const char *)r->secret.data : "");
}

void world_ask(struct heard *h, const char *mailbox, uint32_t protocol, uint64_t refused)
{
    struct token_want want = { mailbox, protocol, refused, false };
    tokens_ask(w.tokens, &want, world_on_token, h, 7);
}

static char *encode(const void *data, size_t size)
{
    size_t room = base64_size(size) + 1;
    char *out = mem_alloc(room);
    assert_true(base64url_encode((struct bytes){ data, size }, out, room));
    return out;
}

char *world_id_token(EVP_PKEY *key, const char *alg, const char *kid, const char *claims)
{
    char header[128];
    uint8_t signature[512];
    size_t size = sizeof signature;
    snprintf(header, sizeof header, "{\"typ\":\"JWT\",\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
    char *first = encode(header, strlen(header)), *second = encode(claims, strlen(claims));
    char *signed_text = mem_printf("%s.%s", first, second);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(md, signature, &size, (const uint8_t *)signed_text, strlen(signed_text)), 1);
    EVP_MD_CTX_free(md);
    char *third = encode(signature, size);
    char *jwt = mem_printf("%s.%s", signed_text, strcmp(alg, "none") == 0 ? "" : third);
    free(first);
    free(second);
    free(third);
    free(signed_text);
    return jwt;
}

EVP_PKEY *world_key(int number)
{
    static EVP_PKEY *keys[2];
    if (!keys[number])
        keys[number] = EVP_RSA_gen(2048);
    return keys[number];
}

static char *number_of(EVP_PKEY *key, const char *name)
{
    BIGNUM *n = NULL;
    uint8_t bytes[512];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    int size = BN_bn2bin(n, bytes);
    BN_free(n);
    return encode(bytes, (size_t)size);
}

char *world_jwks(EVP_PKEY *key, const char *kid)
{
    char *n = number_of(key, OSSL_PKEY_PARAM_RSA_N), *e = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    char *out = mem_printf(
        "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"P-256\"},"
        "{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"%s\",\"x5t\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"}]}",
        kid, kid, kid, n, e);
    free(n);
    free(e);
    return out;
}
