/* sandbox/entra_error: the table is whole, and its texts come out as Entra's do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/entra_error.h"

static void test_table_is_sorted_and_worded(void **state)
{
    size_t count;
    const struct aadsts *rows = aadsts_rows(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || rows[i - 1].code < rows[i].code);
        assert_ptr_equal(aadsts_find(rows[i].code), &rows[i]);
        assert_true(strlen(rows[i].error) > 0 && strlen(rows[i].text) > 10);
    }
    assert_null(aadsts_find(1));
}

static void test_text(void **state)
{
    struct arena *arena = arena_new();
    struct entra_refusal r;
    assert_false(entra_refuse(&r, 700016, "the-client", "Contoso", NULL));
    char *text = entra_refusal_text(&r, arena, "\r\n", "T", "C", "2026-11-20 19:00:00Z");
    assert_ptr_equal(strstr(text,
                            "AADSTS700016: Application with identifier 'the-client' was not found in the directory "
                            "'Contoso'. "),
                     text);
    assert_non_null(strstr(text, "\r\nTrace ID: T\r\nCorrelation ID: C\r\nTimestamp: 2026-11-20 19:00:00Z"));
    assert_false(entra_refuse(&r, 28000, NULL, NULL, NULL));
    text = entra_refusal_text(&r, arena, " ", "T", "C", "now");
    assert_null(strstr(text, "{0}"));
    assert_non_null(strstr(text, " Trace ID: T Correlation ID: C Timestamp: now"));
    arena_free(arena);
}

static void test_status_follows_the_error(void **state)
{
    struct entra_refusal r;
    entra_refuse(&r, 7000215, NULL, NULL, NULL);
    assert_int_equal(entra_refusal_status(&r), 401);
    entra_refuse(&r, 70008, NULL, NULL, NULL);
    assert_int_equal(entra_refusal_status(&r), 400);
    r.error = "invalid_client";
    assert_int_equal(entra_refusal_status(&r), 401);
    entra_refuse(&r, 90033, NULL, NULL, NULL);
    assert_int_equal(entra_refusal_status(&r), 503);
}

static void test_unknown_code_is_an_error_all_the_same(void **state)
{
    struct entra_refusal r;
    assert_false(entra_refuse(&r, 424242, NULL, NULL, NULL));
    assert_string_equal(entra_refusal_error(&r), "server_error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_sorted_and_worded),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_status_follows_the_error),
        cmocka_unit_test(test_unknown_code_is_an_error_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
