/* What is written, when, and what a value can't do to a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"

static int events = -1; /* reading end */
static char text[131072];

static int set_up(void **state)
{
    FILE *file = tmpfile();
    events = dup(fileno(file));
    log_init("queue", LOG_LEVEL_INFO);
    log_to_stderr(false);
    log_to_events(dup(fileno(file)));
    fclose(file);
    return 0;
}

static int tear_down(void **state)
{
    log_to_events(-1);
    close(events);
    return 0;
}

/* All that is in the file. */
static const char *written(void)
{
    ssize_t n = pread(events, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    return text;
}

static void a_line_is_json_with_its_keys(void **state)
{
    struct fault f;
    fault_set(&f, FAULT_HOLD, "smtp.x", "no");
    log_info("mail.accepted", LOG_TEXT("message", "00ff"), LOG_NUMBER("ms", -12), LOG_UNSIGNED("bytes", UINT64_MAX),
             LOG_BOOL("is_new", true), LOG_BYTES("from", BYTES_LIT("a@b")), LOG_TEXT("app", NULL), LOG_FAULT(&f));
    assert_string_equal(written(), "");
    log_flush();
    const char *line = written();
    assert_int_equal(strncmp(line, "{\"t\":\"20", 8), 0);
    assert_int_equal(line[29], 'Z');
    assert_string_equal(
        line + 30,
        "\",\"level\":\"info\",\"role\":\"queue\",\"event\":\"mail.accepted\",\"message\":\"00ff\",\"ms\":-12,"
        "\"bytes\":18446744073709551615,\"is_new\":true,\"from\":\"a@b\",\"text\":\"no\","
        "\"finding\":\"smtp.x\",\"kind\":\"hold\"}\n");
}

static void errors_do_not_wait_and_lower_levels_do_not_pass(void **state)
{
    log_debug("x.debug");
    log_info("x.info");
    assert_string_equal(written(), "");
    log_error("x.error");
    assert_non_null(strstr(written(), "x.info"));
    assert_non_null(strstr(written(), "x.error"));
    assert_null(strstr(written(), "x.debug"));
}

static void values_can_not_break_out(void **state)
{
    log_error("x", LOG_TEXT("text", "a\"b\\c\nd\x01\x7f\xC2\x9b\xff\xC3\xA9"));
    assert_non_null(strstr(written(), "\"text\":\"a\\\"b\\\\c\\u000ad\\u0001\\u007f\\u009b?\xC3\xA9\"}\n"));
}

static void long_values_are_cut_and_lines_stay_bounded(void **state)
{
    char wide[2000];
    memset(wide, 1, sizeof wide);
    wide[sizeof wide - 1] = 0;
    log_error("x", LOG_TEXT("a", wide), LOG_TEXT("b", wide), LOG_TEXT("c", wide), LOG_TEXT("d", wide),
              LOG_TEXT("e", wide), LOG_NUMBER("last", 1));
    const char *line = written();
    size_t size = strlen(line);
    assert_true(size > 2400 && size < 8192);
    assert_string_equal(line + size - 2, "}\n");
}

static void many_lines_all_arrive(void **state)
{
    char wide[300];
    memset(wide, 'w', sizeof wide);
    wide[sizeof wide - 1] = 0;
    for (int i = 0; i < 250; i++)
        log_info("x", LOG_TEXT("a", wide));
    log_flush();
    int lines = 0;
    for (const char *at = written(); (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 250);
}

static void standard_error_gets_the_readable_form(void **state)
{
    int old = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    dup2(fileno(file), STDERR_FILENO);
    log_to_stderr(true);
    log_error("x.y", LOG_TEXT("plain", "a@b"), LOG_TEXT("quoted", "two \"words\"\n"), LOG_TEXT("pair", "k=v"));
    log_to_stderr(false);
    dup2(old, STDERR_FILENO);
    close(old);
    ssize_t n = pread(fileno(file), text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    fclose(file);
    assert_non_null(strstr(text, " error queue x.y plain=a@b quoted=\"two \\\"words\\\"\\x0a\" pair=\"k=v\"\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_json_with_its_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_do_not_wait_and_lower_levels_do_not_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_can_not_break_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_values_are_cut_and_lines_stay_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_lines_all_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(standard_error_gets_the_readable_form, set_up, tear_down),
    };
    unsetenv("JOURNAL_STREAM");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
