/* sandbox/inject and exchange_window: answers in the way, and counts within a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/exchange.h"
#include "sandbox/exchange_window.h"
#include "sandbox/inject.h"

struct inject_case {
    const char *text;
    bool is_good;
};

static const struct inject_case cases[] = {
    { "data=421 4.3.2 Service not available", true },
    { "end=drop", true },
    { "end=drop-after", true },
    { "connect=stall", true },
    { "mail=slow:100", true },
    { "rcpt:bob=550 5.1.10 No", true },
    { "end=cut:10", true },
    { "off", true },
    { "data", false },
    { "nowhere=421 x", false },
    { "data=hello", false },
    { "data=42 x", false },
    { "data=421x", false },
    { "data=421 a\r\nb", false },
    { "data=slow:x", false },
    { "data=", false },
};

static void test_syntax(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct injections *j = injections_new(&exchange_inject_rules);
        struct fault why;
        if (injections_add(j, cases[i].text, 0, &why) != cases[i].is_good)
            fail_msg("%s", cases[i].text);
        injections_free(j);
    }
}

static void test_uses_and_words(void **state)
{
    struct injections *j = injections_new(&exchange_inject_rules);
    struct fault why;
    assert_true(injections_add(j, "rcpt:bob=550 no", 2, &why));
    assert_true(injections_add(j, "rcpt=451 later", 0, &why));
    assert_string_equal(injections_take(j, "rcpt", BYTES_LIT("RCPT TO:<BOB@x>")).reply, "550 no");
    assert_string_equal(injections_take(j, "rcpt", BYTES_LIT("RCPT TO:<ann@x>")).reply, "451 later");
    assert_string_equal(injections_take(j, "rcpt", BYTES_LIT("RCPT TO:<bob@x>")).reply, "550 no");
    assert_string_equal(injections_take(j, "rcpt", BYTES_LIT("RCPT TO:<bob@x>")).reply, "451 later");
    assert_int_equal(injections_take(j, "mail", BYTES_LIT("MAIL")).what, INJECT_NOTHING);
    assert_true(injections_add(j, "off", 0, &why));
    assert_int_equal(injections_take(j, "rcpt", BYTES_LIT("RCPT TO:<bob@x>")).what, INJECT_NOTHING);
    injections_free(j);
}

static void test_window(void **state)
{
    struct window w = { 0 };
    for (int64_t t = 0; t < 1000; t++)
        window_add(&w, t * 100, 2);
    assert_int_equal(window_sum(&w, 99900, 10000), 200);
    assert_int_equal(window_sum(&w, 99900, 1000), 20);
    window_add(&w, 100000, 5);
    assert_int_equal(window_sum(&w, 100000, 1000), 23);
    assert_int_equal(window_sum(&w, 200000, 1000), 0);
    size_t room = w.room;
    for (int64_t t = 0; t < 10000; t++) { /* room is used again */
        window_add(&w, 300000 + t, 1);
        assert_true(window_sum(&w, 300000 + t, 10) <= 10);
    }
    assert_int_equal(w.room, room);
    window_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_syntax), cmocka_unit_test(test_uses_and_words),
                                        cmocka_unit_test(test_window) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
