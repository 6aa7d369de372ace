/* Signatures: the right ones (RFC 4231), keys that are made, replaced and forgotten, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/raw_link.h"
#include "vault/sign.h"

static char state[64];
static struct vault *v;

static void open_vault(void)
{
    struct fault why = { 0 };
    char path[96], key[96];
    snprintf(path, sizeof path, "%s/vault", state);
    snprintf(key, sizeof key, "%s/master.key", state);
    v = vault_open(path, master_key_read("file", key, path, &why), &why);
    if (!v)
        fail_msg("%s", why.text);
}

static int set_up(void **unused)
{
    snprintf(state, sizeof state, "/tmp/test-sign-XXXXXX");
    assert_non_null(mkdtemp(state));
    open_vault();
    return 0;
}

static int tear_down(void **unused)
{
    char command[128];
    vault_free(v);
    snprintf(command, sizeof command, "rm -rf %s", state);
    return system(command);
}

static void give_key(const char *endpoint, uint8_t octet, size_t size)
{
    uint8_t key[256];
    memset(key, octet, size);
    struct secret *taken = sign_new_key(v, endpoint, (struct bytes){ key, size }, NULL);
    assert_non_null(taken);
    assert_int_equal(secret_bytes(taken).size, size);
    secret_free(taken);
}

static void test_signatures_are_those_of_rfc_4231(void **unused)
{
    char out[SIGN_SIZE];
    give_key("Hooks", 0x0b, 20);
    assert_true(sign_text(v, "endpoint/hooks", BYTES_LIT("Hi There"), out, NULL));
    assert_string_equal(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    give_key("hooks", 0xaa, 131);
    assert_true(
        sign_text(v, "endpoint/HOOKS", BYTES_LIT("Test Using Larger Than Block-Size Key - Hash Key First"), out, NULL));
    assert_string_equal(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_a_key_lives_until_it_is_replaced_or_forgotten(void **unused)
{
    char first[SIGN_SIZE], again[SIGN_SIZE], second[SIGN_SIZE];
    struct fault why = { 0 };
    assert_false(sign_has_key(v, "e"));
    struct secret *a = sign_new_key(v, "e", BYTES_NONE, NULL);
    assert_true(sign_has_key(v, "E"));
    assert_int_equal(secret_bytes(a).size, 64);
    assert_true(sign_text(v, "endpoint/e", BYTES_LIT("x"), first, NULL));
    vault_free(v);
    open_vault();
    assert_true(sign_text(v, "endpoint/e", BYTES_LIT("x"), again, NULL));
    assert_string_equal(first, again);
    struct secret *b = sign_new_key(v, "e", BYTES_NONE, NULL);
    assert_false(secret_equal(a, b));
    assert_true(sign_text(v, "endpoint/e", BYTES_LIT("x"), second, NULL));
    assert_string_not_equal(first, second);
    assert_true(sign_forget_key(v, "e", NULL) && sign_forget_key(v, "e", NULL));
    assert_false(sign_has_key(v, "e"));
    assert_false(sign_text(v, "endpoint/e", BYTES_LIT("x"), second, &why));
    assert_string_equal(why.id, "endpoint.no-key");
    secret_free(a);
    secret_free(b);
}

static void test_a_link_is_checked_to_its_last_digit(void **unused)
{
    char text[RAW_LINK_TEXT_SIZE], other[RAW_LINK_TEXT_SIZE], signature[SIGN_SIZE];
    struct fault why = { 0 };
    raw_link_text(0xabc, 1700000000, text);
    raw_link_text(0xabc, 1700000001, other);
    assert_string_equal(text, "postern raw link\n0000000000000abc\n1700000000");
    assert_true(sign_text(v, RAW_LINK_KEY, bytes_of(text), signature, NULL));
    assert_true(sign_is(v, RAW_LINK_KEY, bytes_of(text), signature, &why));
    assert_false(sign_is(v, RAW_LINK_KEY, bytes_of(other), signature, &why));
    signature[63] ^= 1;
    assert_false(sign_is(v, RAW_LINK_KEY, bytes_of(text), signature, &why));
    assert_false(sign_is(v, RAW_LINK_KEY, bytes_of(text), "", &why));
    assert_int_equal(why.kind, FAULT_NONE);
    signature[63] ^= 1;
    char *url = raw_link_url("https://mail.example.org", 0xabc, 1700000000, "00ff");
    assert_string_equal(url, "https://mail.example.org/raw/0000000000000abc?ends=1700000000&signature=00ff");
    free(url);
}

static void test_what_is_no_key_is_refused(void **unused)
{
    char out[SIGN_SIZE];
    struct fault why = { 0 };
    assert_null(sign_new_key(v, "e", BYTES_LIT("too short"), &why));
    assert_int_equal(why.kind, FAULT_REJECT);
    assert_false(sign_text(v, "grant/box@example.org", BYTES_LIT("x"), out, &why));
    assert_false(sign_text(v, "", BYTES_LIT("x"), out, &why));
    assert_false(sign_text(v, "endpoint/", BYTES_LIT("x"), out, &why));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_signatures_are_those_of_rfc_4231),
        TEST(test_a_key_lives_until_it_is_replaced_or_forgotten),
        TEST(test_a_link_is_checked_to_its_last_digit),
        TEST(test_what_is_no_key_is_refused),
    };
    log_to_stderr(false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
