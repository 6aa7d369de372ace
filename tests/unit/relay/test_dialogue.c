/* A transcript: bounded, printable, whole at both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay/dialogue.h"

static void both_sides_are_marked(void **state)
{
    struct dialogue d;
    dialogue_init(&d);
    dialogue_note(&d, "connected to %s", "x");
    dialogue_server(&d, BYTES_LIT("250-one\r\n250 two\r\n"));
    dialogue_client(&d, BYTES_LIT("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"));
    assert_string_equal(dialogue_text(&d),
                        "* connected to x\nS: 250-one\nS: 250 two\nC: MAIL FROM:<a@b>\nC: RCPT TO:<c@d>\n");
    dialogue_reset(&d);
    assert_string_equal(dialogue_text(&d), "");
    dialogue_fini(&d);
}

static void odd_bytes_are_escaped(void **state)
{
    struct dialogue d;
    dialogue_init(&d);
    dialogue_server(&d, (struct bytes){ (const uint8_t *)"250 \0\x1b[31m\xff\r\n", 13 });
    const char *text = dialogue_text(&d);
    assert_null(strchr(text, 0x1b));
    assert_null(strchr(text, (char)0xff));
    assert_non_null(strstr(text, "[31m"));
    dialogue_fini(&d);
}

static void the_middle_of_a_long_one_is_left_out(void **state)
{
    struct dialogue d;
    char line[64];
    dialogue_init(&d);
    for (int i = 0; i < 5000; i++) {
        int size = snprintf(line, sizeof line, "line %d\r\n", i);
        dialogue_server(&d, (struct bytes){ (const uint8_t *)line, (size_t)size });
    }
    const char *text = dialogue_text(&d);
    assert_true(strlen(text) < DIALOGUE_SIZE);
    assert_true(strlen(text) > DIALOGUE_SIZE / 2);
    assert_int_equal(strncmp(text, "S: line 0\nS: line 1\n", 20), 0);
    assert_string_equal(text + strlen(text) - strlen("S: line 4999\n"), "S: line 4999\n");
    const char *gap = strstr(text, "bytes left out]\nS: line ");
    assert_non_null(gap);
    dialogue_fini(&d);
}

static void a_line_without_end_is_cut(void **state)
{
    struct dialogue d;
    char line[5000];
    dialogue_init(&d);
    memset(line, 'x', sizeof line);
    dialogue_server(&d, (struct bytes){ (const uint8_t *)line, sizeof line });
    size_t size = strlen(dialogue_text(&d));
    assert_true(size > 500 && size < 1100);
    dialogue_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_marked),
        cmocka_unit_test(odd_bytes_are_escaped),
        cmocka_unit_test(the_middle_of_a_long_one_is_left_out),
        cmocka_unit_test(a_line_without_end_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
