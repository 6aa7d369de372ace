/* Questions with a deadline, whoever asks them. */
#include "msg/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct ask *failed[4];
static unsigned failures;
static enum ask_failure how_failed;

static struct ask *answered[4];
static unsigned answers;

static void on_answered(struct ask *a, const void *message)
{
    assert_string_equal(message, "so it is");
    answered[answers++] = a;
}

static void on_failed(struct ask *a, enum ask_failure how)
{
    failed[failures++] = a;
    how_failed = how;
}

static const struct ask_kind kind = { on_answered, on_failed };

static void questions_are_answered_once_or_fail(void **state)
{
    struct loop *l = loop_new_virtual(0);
    struct asks q;
    struct ask a = { 0 }, b = { 0 }, c = { 0 };
    failures = 0;
    asks_init(&q, l, 30000);
    ask_forget(&a);
    uint64_t first = ask_begin(&q, &a, &kind), second = ask_begin(&q, &b, &kind);
    assert_true(first != second);
    assert_true(asks_answer(&q, second, "so it is"));
    assert_ptr_equal(answered[0], &b);
    assert_false(asks_answer(&q, second, "so it is"));
    assert_false(asks_answer(&q, 0, ""));
    loop_advance(l, 10000);
    ask_begin(&q, &c, &kind);
    loop_advance(l, 20000);
    assert_int_equal(failures, 1);
    assert_ptr_equal(failed[0], &a);
    assert_int_equal(how_failed, ASK_LATE);
    assert_false(asks_answer(&q, first, ""));
    loop_advance(l, 9999);
    assert_int_equal(failures, 1);
    asks_fail_all(&q);
    assert_int_equal(failures, 2);
    assert_int_equal(how_failed, ASK_PEER_LOST);
    loop_advance(l, 60000);
    assert_int_equal(failures, 2);
    assert_int_equal(answers, 1);
    asks_fini(&q);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_are_answered_once_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
