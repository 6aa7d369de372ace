#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "octets.h"
#include "proto/sasl/sasl.h"

#define TOKEN "eyJ0eXAiOiJKV1QifQ.e30.sig"

static void assert_base64(const struct buf *made, const char *expected)
{
    char text[512];
    assert_true(base64_encode(buf_bytes(made), text, sizeof text));
    assert_string_equal(text, expected);
}

static void test_xoauth2_bytes(void **state)
{
    struct buf out;
    buf_init(&out, 512);
    assert_true(
        sasl_xoauth2("test@contoso.onmicrosoft.com", BYTES_LIT("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"), &out));
    assert_base64(
        &out, "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0Nj"
              "bFJDM0VvQUEBAQ==");
    buf_clear(&out);
    assert_true(sasl_xoauth2("shop@contoso.example", BYTES_LIT(TOKEN), &out));
    assert_base64(&out, "dXNlcj1zaG9wQGNvbnRvc28uZXhhbXBsZQFhdXRoPUJlYXJlciBleUowZVhBaU9pSktWMVFpZlEuZTMwLnNpZwEB");
    buf_fini(&out);
}

static void test_oauthbearer_bytes(void **state)
{
    struct buf out;
    buf_init(&out, 512);
    assert_true(sasl_oauthbearer("shop@contoso.example", "smtp.office365.com", 587, BYTES_LIT(TOKEN), &out));
    assert_base64(
        &out, "bixhPXNob3BAY29udG9zby5leGFtcGxlLAFob3N0PXNtdHAub2ZmaWNlMzY1LmNvbQFwb3J0PTU4NwFhdXRoPUJlYXJlciBleUowZVhB"
              "aU9pSktWMVFpZlEuZTMwLnNpZwEB");
    buf_clear(&out);
    assert_true(sasl_oauthbearer("a,b=c", "h", 25, BYTES_LIT("t"), &out));
    assert_true(bytes_starts_nocase(buf_bytes(&out), "n,a=a=2Cb=3Dc,\001"));
    buf_fini(&out);
}

static void test_what_would_forge_fields_is_not_sent(void **state)
{
    struct buf out;
    buf_init(&out, 512);
    assert_false(sasl_xoauth2("a\001auth=Bearer x", BYTES_LIT("t"), &out));
    assert_false(sasl_xoauth2("a", BYTES_LIT("t\r\n"), &out));
    assert_false(sasl_xoauth2("a", BYTES_NONE, &out));
    assert_false(sasl_oauthbearer("a", "h\001", 1, BYTES_LIT("t"), &out));
    assert_false(sasl_plain("a", BYTES_LIT("p\0q"), &out));
    assert_int_equal(out.size, 0);
    struct buf small;
    buf_init(&small, 8);
    assert_false(sasl_xoauth2("a", BYTES_LIT(TOKEN), &small));
    buf_fini(&small);
    buf_fini(&out);
}

static void test_plain_parse(void **state)
{
    static const struct {
        struct bytes in;
        const char *user, *password; /* NULL: refused */
    } cases[] = {
        { OCTETS("\0joe\0pass word"), "joe", "pass word" },
        { OCTETS("joe\0joe\0p"), "joe", "p" },
        { OCTETS("\0j\xc3\xb6\0p"), "j\xc3\xb6", "p" },
        { OCTETS("ann\0joe\0p"), NULL, NULL },
        { OCTETS("\0joe\0p\0q"), NULL, NULL },
        { OCTETS("\0joe\0"), NULL, NULL },
        { OCTETS("\0\0p"), NULL, NULL },
        { OCTETS("\0joe"), NULL, NULL },
        { OCTETS("joe"), NULL, NULL },
        { OCTETS(""), NULL, NULL },
        { OCTETS("\0j\xff\0p"), NULL, NULL },
        { OCTETS("\0j\r\n\0p"), NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes user, password;
        struct fault why = { 0 };
        bool is_good = sasl_plain_parse(cases[i].in, &user, &password, &why);
        assert_int_equal(is_good, cases[i].user != NULL);
        if (is_good) {
            assert_true(bytes_equal(user, bytes_of(cases[i].user)));
            assert_true(bytes_equal(password, bytes_of(cases[i].password)));
        } else {
            assert_int_equal(why.kind, FAULT_REJECT);
            assert_true(why.text[0]);
        }
    }
}

static void test_what_is_built_is_parsed(void **state)
{
    struct arena *arena = arena_new();
    struct buf out;
    struct bytes user, token;
    const char *name;
    buf_init(&out, 512);
    assert_true(sasl_xoauth2("joe@x", BYTES_LIT(TOKEN), &out));
    assert_true(sasl_xoauth2_parse(buf_bytes(&out), &user, &token, NULL));
    assert_true(bytes_equal(user, BYTES_LIT("joe@x")) && bytes_equal(token, BYTES_LIT(TOKEN)));
    buf_clear(&out);
    assert_true(sasl_oauthbearer("a,b=c@x", "host", 993, BYTES_LIT(TOKEN), &out));
    assert_true(sasl_oauthbearer_parse(buf_bytes(&out), arena, &name, &token, NULL));
    assert_string_equal(name, "a,b=c@x");
    assert_true(bytes_equal(token, BYTES_LIT(TOKEN)));
    buf_fini(&out);
    arena_free(arena);
}

static void test_malformed_tokens(void **state)
{
    static const struct bytes xoauth2[] = {
        OCTETS(""),
        OCTETS("user=\001auth=Bearer t\001\001"),
        OCTETS("user=joe"),
        OCTETS("user=joe\001"),
        OCTETS("user=joe\001auth=Bearer \001\001"),
        OCTETS("joe\001auth=Bearer t\001\001"),
    };
    static const struct bytes bearer[] = {
        OCTETS(""),
        OCTETS("n,a=joe,auth=Bearer t\001\001"),
        OCTETS("p=tls-unique,a=joe,\001auth=Bearer t\001\001"),
        OCTETS("n,a=j=2,\001auth=Bearer t\001\001"),
        OCTETS("n,,\001auth=Bearer t\001\001"),
        OCTETS("n,a=joe,\001host=x\001\001"),
    };
    struct arena *arena = arena_new();
    struct bytes user, token;
    const char *name;
    struct fault why;
    for (size_t i = 0; i < sizeof xoauth2 / sizeof xoauth2[0]; i++)
        assert_false(sasl_xoauth2_parse(xoauth2[i], &user, &token, &why));
    for (size_t i = 0; i < sizeof bearer / sizeof bearer[0]; i++)
        assert_false(sasl_oauthbearer_parse(bearer[i], arena, &name, &token, &why));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xoauth2_bytes),
        cmocka_unit_test(test_oauthbearer_bytes),
        cmocka_unit_test(test_what_would_forge_fields_is_not_sent),
        cmocka_unit_test(test_plain_parse),
        cmocka_unit_test(test_what_is_built_is_parsed),
        cmocka_unit_test(test_malformed_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
