/* sandbox/entra_jwt: what our keys sign opens again, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/entra_jwt.h"

static char folder[32], file[64];

static int make_folder(void **state)
{
    strcpy(folder, "/tmp/pst-jwt-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/signing.pem", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(file);
    return rmdir(folder);
}

static void sign(struct entra_keyring *k, struct buf *out)
{
    json_t *claims = json_pack("{s:s}", "sub", "me");
    buf_init(out, 8192);
    assert_true(entra_keyring_sign(k, claims, out));
    json_decref(claims);
}

static bool opens(struct entra_keyring *k, struct bytes token)
{
    json_t *claims = entra_keyring_open(k, token);
    bool is_open = claims != NULL;
    if (is_open)
        assert_string_equal(json_string_value(json_object_get(claims, "sub")), "me");
    json_decref(claims);
    return is_open;
}

static void test_sign_and_open(void **state)
{
    struct entra_keyring *k = entra_keyring_new(folder, NULL);
    struct buf token;
    sign(k, &token);
    assert_true(opens(k, buf_bytes(&token)));
    for (size_t at = 0; at < token.size; at += 7) { /* no byte may be another one */
        uint8_t kept = token.data[at];
        token.data[at] = kept == 'Q' ? 'g' : 'Q';
        assert_false(opens(k, buf_bytes(&token)));
        token.data[at] = kept;
    }
    for (size_t size = 0; size < token.size; size += 11)
        assert_false(opens(k, bytes_slice(buf_bytes(&token), 0, size)));
    assert_false(opens(k, BYTES_LIT("eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.")));
    buf_fini(&token);
    entra_keyring_free(k);
}

static size_t keys_of(struct entra_keyring *k)
{
    json_t *set = entra_keyring_jwks(k, "https://issuer.example");
    size_t count = json_array_size(json_object_get(set, "keys"));
    json_decref(set);
    return count;
}

static void test_rollover(void **state)
{
    struct entra_keyring *k = entra_keyring_new(folder, NULL);
    struct buf old, new;
    sign(k, &old);
    assert_true(entra_keyring_roll(k, true, NULL));
    sign(k, &new);
    assert_int_equal(keys_of(k), 2);
    assert_true(opens(k, buf_bytes(&old)) && opens(k, buf_bytes(&new)));
    assert_true(entra_keyring_roll(k, false, NULL));
    assert_int_equal(keys_of(k), 1);
    assert_false(opens(k, buf_bytes(&old)) || opens(k, buf_bytes(&new)));
    for (unsigned i = 0; i < 6; i++)
        assert_true(entra_keyring_roll(k, true, NULL));
    assert_int_equal(keys_of(k), 4);
    buf_fini(&old);
    buf_fini(&new);
    entra_keyring_free(k);
}

/* A tenant's key set outlives a restart; what was there and is no key does not keep it from starting. */
static void test_kept(void **state)
{
    struct buf token;
    struct entra_keyring *k = entra_keyring_new(folder, NULL);
    assert_true(entra_keyring_roll(k, false, NULL));
    sign(k, &token);
    entra_keyring_free(k);
    k = entra_keyring_new(folder, NULL);
    assert_true(opens(k, buf_bytes(&token)));
    entra_keyring_free(k);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(truncate(file, st.st_size / 2), 0);
    k = entra_keyring_new(folder, NULL);
    assert_non_null(k);
    assert_false(opens(k, buf_bytes(&token)));
    entra_keyring_free(k);
    buf_fini(&token);
    assert_null(entra_keyring_new("/nowhere/at/all", NULL));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_sign_and_open), TEST(test_rollover), TEST(test_kept) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
