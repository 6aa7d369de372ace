/* Forms, addresses, scopes, PKCE: the small words of OAuth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/http.h"
#include "object/directory.h"
#include "token/form.h"
#include "token/pkce.h"
#include "token/scope.h"

static void test_pkce_vector(void **unused)
{
    char challenge[PKCE_WORD_SIZE]; /* RFC 7636, appendix B */
    pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", challenge);
    assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void test_words_are_random(void **unused)
{
    char a[PKCE_WORD_SIZE], b[PKCE_WORD_SIZE];
    pkce_word(a);
    pkce_word(b);
    assert_int_equal(strlen(a), 43);
    assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_string_not_equal(a, b);
}

static void test_form_encoding(void **unused)
{
    struct form f;
    form_init(&f);
    form_add(&f, "client_secret", "a~b.c_d-e+f/g=h%i&j k");
    form_add(&f, "left_out", "");
    form_add(&f, "left_out", NULL);
    form_add(&f, "name", "gr\xc3\xbc\xc3\x9f");
    assert_string_equal(buf_str(&f.text), "client_secret=a~b.c_d-e%2Bf%2Fg%3Dh%25i%26j%20k&name=gr%C3%BC%C3%9F");
    assert_false(f.is_over);
    form_fini(&f);
}

static void test_form_has_a_ceiling(void **unused)
{
    struct form f;
    char *large = calloc(1, FORM_LIMIT);
    memset(large, '=', FORM_LIMIT - 1);
    form_init(&f);
    form_add(&f, "x", large);
    assert_true(f.is_over);
    form_fini(&f);
    free(large);
}

static void test_redirected_addresses(void **unused)
{
    static const struct {
        const char *url, *code, *state, *error;
    } cases[] = {
        { "http://localhost:8400/?code=0.A%2Bb&state=s-1&session_state=x", "0.A+b", "s-1", NULL },
        { "  http://localhost/?state=s&code=c\r\n", "c", "s", NULL },
        { "http://localhost/?code=c&state=s#", "c", "s", NULL },
        { "http://localhost/#code=c&state=s", "c", "s", NULL },
        { "http://localhost/?error=access_denied&error_description=AADSTS65004%3A+no&state=s", NULL, "s",
          "access_denied" },
        { "http://localhost/?code=a&code=b&state=s", "a", "s", NULL },
        { "http://localhost/?xcode=a&state=s", NULL, "s", NULL },
        { "http://localhost/?code=%zz&state=s", NULL, "s", NULL },
        { "http://localhost/?code=%4&state=s", NULL, "s", NULL },
        { "http://localhost/?code=a%00b&state=s", NULL, "s", NULL },
        { "http://localhost/?code=&state=s", "", "s", NULL },
        { "http://localhost/", NULL, NULL, NULL },
        { "0.AbareCode", NULL, NULL, NULL },
        { "code=c&state=s", NULL, NULL, NULL }, /* only the query: not the whole address */
        { "", NULL, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *life = arena_new();
        struct bytes query = form_query_of_url(bytes_trim(bytes_of(cases[i].url)));
        assert_true(text_equal(form_find(query, "code", life), cases[i].code));
        assert_true(text_equal(form_find(query, "state", life), cases[i].state));
        assert_true(text_equal(form_find(query, "error", life), cases[i].error));
        arena_free(life);
    }
}

static void test_scope_comparison(void **unused)
{
    static const struct {
        const char *granted, *permission;
        bool is_granted;
    } cases[] = {
        { "https://outlook.office.com/SMTP.Send", "https://outlook.office.com/SMTP.Send", true },
        { "https://outlook.office365.com/IMAP.AccessAsUser.All https://outlook.office365.com/smtp.send",
          "https://outlook.office.com/SMTP.Send", true },
        { "SMTP.Send", "https://outlook.office.com/SMTP.Send", true },
        { "openid profile", "https://outlook.office.com/SMTP.Send", false },
        { "https://outlook.office.com/SMTP.SendAsApp", "https://outlook.office.com/SMTP.Send", false },
        { "https://outlook.office.com/XSMTP.Send", "https://outlook.office.com/SMTP.Send", false },
        { "", "https://outlook.office.com/SMTP.Send", true }, /* none named: as asked (RFC 6749 5.1) */
        { "https://mail.google.com/ openid", "https://mail.google.com/", true },
        { "openid https://www.googleapis.com/auth/userinfo.email", "https://mail.google.com/", false },
        { "anything", "https://outlook.office365.com/.default", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(scope_is_granted(cases[i].granted, cases[i].permission), cases[i].is_granted);
}

static void test_scopes_asked_for(void **unused)
{
    static const struct {
        const char *provider;
        uint32_t protocols;
        const char *sign_in, *redemption, *refresh;
    } cases[] = {
        { "microsoft365", 0,
          "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All "
          "https://outlook.office.com/POP.AccessAsUser.All openid profile email offline_access",
          "https://outlook.office.com/SMTP.Send openid profile email offline_access",
          "https://outlook.office.com/SMTP.Send offline_access" },
        { "microsoft365", OBJECT_IMAP,
          "https://outlook.office.com/IMAP.AccessAsUser.All openid profile email offline_access",
          "https://outlook.office.com/IMAP.AccessAsUser.All openid profile email offline_access",
          "https://outlook.office.com/IMAP.AccessAsUser.All offline_access" },
        { "microsoft365", OBJECT_SMTP, "https://outlook.office.com/SMTP.Send openid profile email offline_access",
          "https://outlook.office.com/SMTP.Send openid profile email offline_access",
          "https://outlook.office.com/SMTP.Send offline_access" },
        { "microsoft365", OBJECT_SMTP | OBJECT_IMAP,
          "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All openid profile email "
          "offline_access",
          "https://outlook.office.com/SMTP.Send openid profile email offline_access",
          "https://outlook.office.com/SMTP.Send offline_access" },
        { "google", OBJECT_SMTP | OBJECT_IMAP | OBJECT_POP3, "https://mail.google.com/ openid email",
          "https://mail.google.com/ openid email", "https://mail.google.com/" },
    };
    struct directory *d = directory_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *life = arena_new();
        const struct provider *p = directory_provider(d, cases[i].provider);
        struct mailbox m = { .grant = OBJECT_GRANT_CODE, .protocols = cases[i].protocols };
        assert_string_equal(scope_for_sign_in(p, &m, life), cases[i].sign_in);
        assert_string_equal(scope_for_redemption(p, scope_home(p, &m), life), cases[i].redemption);
        assert_string_equal(scope_for_refresh(p, scope_home(p, &m), life), cases[i].refresh);
        arena_free(life);
    }
    directory_free(d);
}

static void test_one_resource_per_request(void **unused)
{
    struct provider p = { .scope_smtp = "https://a.example/S",
                          .scope_imap = "https://b.example/I",
                          .scope_common = "" };
    struct mailbox m = { .protocols = OBJECT_SMTP | OBJECT_IMAP };
    struct arena *life = arena_new();
    assert_string_equal(scope_for_sign_in(&p, &m, life), "https://a.example/S");
    arena_free(life);
}

static void test_safe_addresses(void **unused)
{
    static const struct {
        const char *url;
        bool is_safe;
    } cases[] = {
        { "https://login.microsoftonline.com/x", true },
        { "HTTPS://x", true },
        { "http://localhost:8400/", true },
        { "http://localhost", true },
        { "http://127.0.0.1:1/", true },
        { "http://[::1]:9/x", true },
        { "http://localhost.example.org/", false },
        { "http://127.0.0.1.example.org/", false },
        { "http://localhost@example.org/", false },
        { "http://example.org/", false },
        { "ftp://localhost/", false },
        { "file:///etc/passwd", false },
        { "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(http_url_is_safe(cases[i].url), cases[i].is_safe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pkce_vector),          cmocka_unit_test(test_words_are_random),
        cmocka_unit_test(test_form_encoding),        cmocka_unit_test(test_form_has_a_ceiling),
        cmocka_unit_test(test_redirected_addresses), cmocka_unit_test(test_scope_comparison),
        cmocka_unit_test(test_scopes_asked_for),     cmocka_unit_test(test_one_resource_per_request),
        cmocka_unit_test(test_safe_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
