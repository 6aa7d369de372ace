/* The pure parts: sliding windows, back-off. */
#include "bench.h"

#include "queue/pace.h"
#include "queue/retry.h"

static void test_a_window_never_lets_more_pass(void **state)
{
    struct pace p;
    unsigned passed[600] = { 0 };
    pace_init(&p, 1000, 60);
    for (int64_t now = 0; now < 600000; now += 100)
        if (pace_room(&p, now, 30) > 0) {
            pace_add(&p, now, 1);
            passed[now / 1000]++;
        }
    for (size_t start = 0; start + 60 <= 600; start++) {
        unsigned sum = 0;
        for (size_t i = start; i < start + 60; i++)
            sum += passed[i];
        assert_true(sum <= 30);
    }
    pace_fini(&p);
}

static void test_a_full_window_says_when_it_frees(void **state)
{
    struct pace p;
    pace_init(&p, 1000, 60);
    pace_add(&p, 5500, 2);
    pace_add(&p, 9000, 1);
    assert_int_equal(pace_room(&p, 9000, 3), 0);
    assert_int_equal(pace_free_at(&p, 9000), 66000);
    assert_int_equal(pace_room(&p, 65999, 3), 0);
    assert_int_equal(pace_room(&p, 66000, 3), 2);
    assert_int_equal(pace_room(&p, 66000, 0), UINT32_MAX);
    pace_fini(&p);
}

static void test_a_window_forgets_after_a_long_pause_and_bears_a_clock_gone_back(void **state)
{
    struct pace p;
    pace_init(&p, 1000, 60);
    pace_add(&p, 1000000, 7);
    pace_add(&p, 990000, 1);
    assert_int_equal(pace_total(&p, 1000000), 8);
    pace_add(&p, 10, 5); /* outside the window: does not count */
    assert_int_equal(pace_total(&p, 1000000), 8);
    assert_int_equal(pace_total(&p, 9000000), 0);
    pace_fini(&p);
}

static void test_stored_slots_count_like_fresh_ones(void **state)
{
    struct pace p;
    pace_init(&p, 600000, 144);
    pace_add_slot(&p, 1000, 40);
    pace_add_slot(&p, 1100, 50);
    assert_int_equal(pace_total(&p, 1144 * 600000LL), 90);
    assert_int_equal(pace_total(&p, 1145 * 600000LL), 50);
    pace_fini(&p);
}

static void test_back_off_doubles_within_its_spread(void **state)
{
    static const struct {
        uint32_t failures, wish_s;
        int64_t least, most;
    } cases[] = {
        { 1, 0, 48000, 72000 },        { 2, 0, 96000, 144000 },
        { 3, 0, 192000, 288000 },      { 7, 0, 2880000, 4320000 },
        { 1000, 0, 2880000, 4320000 }, { 1, 90, 90000, 90000 },
        { 9, 90, 90000, 90000 },       { 1, 9999999, 86400000, 86400000 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct retry r = { .first_s = 60, .max_s = 3600, .seed = 7 };
        int64_t least = INT64_MAX, most = 0;
        for (int k = 0; k < 500; k++) {
            int64_t delay = retry_delay_ms(&r, cases[i].failures, cases[i].wish_s);
            least = delay < least ? delay : least;
            most = delay > most ? delay : most;
        }
        assert_true(least >= cases[i].least && most <= cases[i].most);
        if (!cases[i].wish_s)
            assert_true(most - least > cases[i].least / 4); /* spread, not all at once */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_window_never_lets_more_pass),
        cmocka_unit_test(test_a_full_window_says_when_it_frees),
        cmocka_unit_test(test_a_window_forgets_after_a_long_pause_and_bears_a_clock_gone_back),
        cmocka_unit_test(test_stored_slots_count_like_fresh_ones),
        cmocka_unit_test(test_back_off_doubles_within_its_spread),
    };
    return cmocka_run_group_tests_name("queue-pace", tests, NULL, NULL);
}
