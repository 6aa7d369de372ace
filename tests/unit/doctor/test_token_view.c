/* What a token says of itself, and what is concluded from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "doctor/token_view.h"

#define NOW_S 1795251600
#define TENANT "11111111-2222-3333-4444-555555555555"

static void view_of(const char *claims, struct token_view *out)
{
    char payload[4096], token[5000];
    assert_true(base64url_encode(bytes_of(claims), payload, sizeof payload));
    snprintf(token, sizeof token, "eyJhbGciOiJSUzI1NiJ9.%s.c2ln", payload);
    token_view_read(bytes_of(token), out);
}

struct view_case {
    const char *claims, *tenant, *id; /* NULL: nothing wrong */
    const char *protocol;             /* NULL: smtp */
};

#define EXCHANGE "\"aud\":\"https://outlook.office.com\""
#define USER "\"scp\":\"IMAP.AccessAsUser.All SMTP.Send\""

static void the_claims_explain_a_refusal(void **state)
{
    static const struct view_case cases[] = {
        { "{" EXCHANGE "," USER "}", "", NULL },
        { "{\"aud\":\"00000002-0000-0ff1-ce00-000000000000\"," USER "}", TENANT, NULL },
        { "{\"aud\":\"https://outlook.office365.us\"," USER "}", "", NULL },
        { "{\"aud\":\"https://graph.microsoft.com\"," USER "}", "", "token.audience" },
        { "{\"aud\":\"00000003-0000-0000-c000-000000000000\"," USER "}", "", "token.audience" },
        { "{\"aud\":\"https://mail.elsewhere.example\"}", "", NULL },
        { "{" EXCHANGE ",\"scp\":\"IMAP.AccessAsUser.All\"}", "", "token.scope" },
        { "{" EXCHANGE ",\"scp\":\"SMTP.SendX\"}", "", "token.scope" },
        { "{" EXCHANGE ",\"scp\":\"smtp.send\"}", "", NULL },
        { "{" EXCHANGE "," USER ",\"exp\":1795251599}", "", "token.expired" },
        { "{" EXCHANGE "," USER ",\"exp\":1795251601}", "", NULL },
        { "{" EXCHANGE "," USER ",\"nbf\":1795259999}", "", "token.expired" },
        { "{" EXCHANGE "," USER ",\"tid\":\"" TENANT "\"}", TENANT, NULL },
        { "{" EXCHANGE "," USER ",\"tid\":\"99999999-2222-3333-4444-555555555555\"}", TENANT, "token.tenant" },
        { "{" EXCHANGE "," USER ",\"tid\":\"99999999-2222-3333-4444-555555555555\"}", "contoso.example", NULL },
        { "{" EXCHANGE ",\"idtyp\":\"app\"}", "", "token.roles" },
        { "{" EXCHANGE ",\"roles\":[\"IMAP.AccessAsApp\"]}", "", "token.roles" },
        { "{" EXCHANGE ",\"roles\":[\"IMAP.AccessAsApp\",\"SMTP.SendAsApp\"]}", "", "token.service-principal" },
        { "{" EXCHANGE ",\"sub\":\"o1\",\"oid\":\"o1\"}", "", "token.roles" },
        { "{" EXCHANGE "," USER "}", "", NULL, "imap" },
        { "{" EXCHANGE "," USER "}", "", "token.scope-pop3", "pop3" },
        { "{" EXCHANGE ",\"scp\":\"SMTP.Send POP.AccessAsUser.All\"}", "", "token.scope-imap", "imap" },
        { "{" EXCHANGE ",\"scp\":\"SMTP.Send POP.AccessAsUser.All\"}", "", NULL, "pop3" },
        { "{" EXCHANGE ",\"roles\":[\"SMTP.SendAsApp\"]}", "", "token.roles-imap", "imap" },
        { "{" EXCHANGE ",\"roles\":[\"IMAP.AccessAsApp\"]}", "", "token.service-principal", "imap" },
        { "{" EXCHANGE ",\"roles\":[\"IMAP.AccessAsApp\"]}", "", "token.roles-pop3", "pop3" },
        { "[]", "", NULL },
        { "not json", "", NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct token_view v;
        view_of(cases[i].claims, &v);
        const char *id = token_view_finding(&v, cases[i].protocol ? cases[i].protocol : "smtp", cases[i].tenant,
                                            NOW_S * 1000LL);
        if (!text_equal(id, cases[i].id))
            fail_msg("%s: %s, not %s", cases[i].claims, id ? id : "nothing", cases[i].id ? cases[i].id : "nothing");
    }
}

static void opaque_and_broken_tokens_say_nothing(void **state)
{
    static const char *const tokens[] = { "", "EwBopaque", ".", "..", "a.b", "a.!!!.c", "a.e30", "ya29.x.y.z" };
    char text[1024];

    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct token_view v;
        token_view_read(bytes_of(tokens[i]), &v);
        assert_false(v.is_readable);
        assert_null(token_view_finding(&v, "smtp", TENANT, 0));
        token_view_text(&v, text, sizeof text);
        assert_non_null(strstr(text, "opaque"));
    }
}

static void a_token_larger_than_expected_is_left_alone(void **state)
{
    char *token = malloc(60000);
    struct token_view v;
    memset(token, 'A', 59999);
    token[1] = token[59990] = '.';
    token[59999] = '\0';
    token_view_read(bytes_of(token), &v);
    assert_false(v.is_readable);
    free(token);
}

static void the_text_names_what_matters(void **state)
{
    struct token_view v;
    char text[1024];
    view_of("{" EXCHANGE ",\"roles\":[\"SMTP.SendAsApp\"],\"tid\":\"" TENANT
            "\",\"oid\":\"o-1\",\"appid\":\"c-1\",\"exp\":1795255200}",
            &v);
    assert_true(v.is_app);
    assert_string_equal(v.app_id, "c-1");
    token_view_text(&v, text, sizeof text);
    assert_string_equal(text, "audience https://outlook.office.com, roles \"SMTP.SendAsApp\", tenant " TENANT
                              ", object id o-1, until 2026-11-21T10:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_claims_explain_a_refusal),
        cmocka_unit_test(opaque_and_broken_tokens_say_nothing),
        cmocka_unit_test(a_token_larger_than_expected_is_left_alone),
        cmocka_unit_test(the_text_names_what_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
