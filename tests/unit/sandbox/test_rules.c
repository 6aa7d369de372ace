/* sandbox/entra_rules: redirect URIs, PKCE, scopes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/entra_rules.h"

struct redirect_case {
    const char *registered, *asked;
    bool matches;
};

static const struct redirect_case redirect_cases[] = {
    { "http://localhost", "http://localhost", true },
    { "http://localhost", "http://localhost/", true },
    { "http://localhost", "http://localhost:8400", true },
    { "http://localhost", "http://localhost:8400/", true },
    { "http://localhost", "http://LOCALHOST:1/", true },
    { "http://localhost", "http://localhost:8400/x", false },
    { "http://localhost", "https://localhost:8400/", false },
    { "http://localhost", "http://localhost.evil.example/", false },
    { "http://localhost", "http://127.0.0.1/", false },
    { "http://localhost/cb", "http://localhost:5/cb", true },
    { "http://localhost/cb", "http://localhost:5/CB", false },
    { "http://localhost/cb", "http://localhost:5/cb/", false },
    { "http://localhost/cb", "http://localhost:5/cb?x=1", false },
    { "https://localhost/cb", "https://localhost:5/cb", true },
    { "http://127.0.0.1", "http://127.0.0.1:99/", true },
    { "https://127.0.0.1", "https://127.0.0.1:99/", false },
    { "https://mail.example.org/cb", "https://mail.example.org/cb", true },
    { "https://mail.example.org/cb", "https://mail.example.org:443/cb", false },
    { "https://mail.example.org/cb", "https://mail.example.org/cb/", false },
    { "https://mail.example.org/cb", "https://MAIL.example.org/cb", true },
    { "https://mail.example.org/cb", "http://mail.example.org/cb", false },
    { "urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob", true },
    { "http://localhost", "", false },
};

static void test_redirects(void **state)
{
    for (size_t i = 0; i < sizeof redirect_cases / sizeof *redirect_cases; i++) {
        const struct redirect_case *c = &redirect_cases[i];
        if (entra_redirect_matches(c->registered, c->asked) != c->matches)
            fail_msg("%s against %s", c->asked, c->registered);
    }
}

static void test_origin(void **state)
{
    assert_true(bytes_equal(entra_redirect_origin("http://localhost:5/cb?x"), BYTES_LIT("http://localhost:5")));
    assert_true(bytes_equal(entra_redirect_origin("http://a; script-src *"), BYTES_LIT("http://a")));
    assert_int_equal(entra_redirect_origin("mailto:x").size, 0);
}

/* RFC 7636, appendix B. */
static void test_pkce(void **state)
{
    const char *verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const char *challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert_true(entra_pkce_matches("S256", challenge, verifier));
    assert_false(entra_pkce_matches("S256", challenge, challenge));
    assert_false(entra_pkce_matches("plain", challenge, verifier));
    assert_true(entra_pkce_matches("", verifier, verifier));
    assert_true(entra_pkce_is_valid(verifier));
    assert_false(entra_pkce_is_valid("short"));
    assert_false(entra_pkce_is_valid("dBjftJeZ4CVP mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    char longest[130];
    memset(longest, 'a', sizeof longest);
    longest[128] = 0;
    assert_true(entra_pkce_is_valid(longest));
    longest[128] = 'a';
    longest[129] = 0;
    assert_false(entra_pkce_is_valid(longest));
}

#define OUTLOOK "https://outlook.office.com/"
#define GRAPH "https://graph.microsoft.com/"

struct scope_case {
    const char *text;
    enum entra_scopes_use use;
    unsigned code;
    const char *audience; /* of the first; NULL: none */
};

static const struct scope_case scope_cases[] = {
    { "openid profile email offline_access", ENTRA_AT_TOKEN, 0, NULL },
    { OUTLOOK "SMTP.Send offline_access", ENTRA_AT_TOKEN, 0, "https://outlook.office.com" },
    { "https://outlook.office365.com/SMTP.Send", ENTRA_AT_TOKEN, 0, "https://outlook.office365.com" },
    { "SMTP.Send", ENTRA_AT_TOKEN, 0, "https://graph.microsoft.com" },
    { "smtp.send OPENID", ENTRA_AT_TOKEN, 0, "https://graph.microsoft.com" },
    { OUTLOOK "SMTP.Send " GRAPH "Mail.Send.Shared", ENTRA_AT_AUTHORIZE, 0, "https://outlook.office.com" },
    { OUTLOOK "SMTP.Send " GRAPH "Mail.Send.Shared", ENTRA_AT_TOKEN, 28000, NULL },
    { OUTLOOK "SMTP.Send " GRAPH "Mail.Send.Shared", ENTRA_AT_DEVICE, 28000, NULL },
    { OUTLOOK "SMTP.Send " GRAPH "Mail.Send.Shared", ENTRA_AT_REFRESH, 0, "https://outlook.office.com" },
    { OUTLOOK "SMTP.Send Mail.Read", ENTRA_AT_TOKEN, 0, "https://outlook.office.com" },
    { "Mail.Read " OUTLOOK "SMTP.Send", ENTRA_AT_TOKEN, 0, "https://graph.microsoft.com" },
    { OUTLOOK ".default", ENTRA_AT_TOKEN, 0, "https://outlook.office.com" },
    { OUTLOOK ".default offline_access", ENTRA_AT_TOKEN, 0, "https://outlook.office.com" },
    { OUTLOOK ".default " OUTLOOK "SMTP.Send", ENTRA_AT_TOKEN, 70011, NULL },
    { OUTLOOK "SMTP.Sent", ENTRA_AT_TOKEN, 70011, NULL },
    { "https://nowhere.example/x", ENTRA_AT_TOKEN, 500011, NULL },
};

static void test_scopes(void **state)
{
    for (size_t i = 0; i < sizeof scope_cases / sizeof *scope_cases; i++) {
        const struct scope_case *c = &scope_cases[i];
        struct arena *arena = arena_new();
        struct entra_scopes s;
        const char *offending;
        entra_scopes_parse(c->text, arena, &s);
        if (entra_scopes_check(&s, c->use, &offending) != c->code)
            fail_msg("%s", c->text);
        if (c->audience != NULL)
            assert_string_equal(s.items[0].uri, c->audience);
        arena_free(arena);
    }
}

static void test_too_many_scopes(void **state)
{
    struct arena *arena = arena_new();
    struct entra_scopes s;
    struct buf text;
    const char *offending;
    buf_init(&text, 4096);
    for (size_t i = 0; i <= ENTRA_SCOPES_MAX; i++)
        buf_add_str(&text, "Mail.Read ");
    entra_scopes_parse(buf_str(&text), arena, &s);
    assert_int_equal(s.count, ENTRA_SCOPES_MAX);
    assert_int_equal(entra_scopes_check(&s, ENTRA_AT_AUTHORIZE, &offending), 70011);
    buf_fini(&text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirects), cmocka_unit_test(test_origin),          cmocka_unit_test(test_pkce),
        cmocka_unit_test(test_scopes),    cmocka_unit_test(test_too_many_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
