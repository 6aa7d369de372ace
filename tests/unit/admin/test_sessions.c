/* Sessions: found by their id alone, ended by time, by number and by will. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "admin/sessions.h"

static const struct session_limits limits = { .idle_ms = 1000, .whole_ms = 5000 };

static void count_ended(void *ctx, const struct session *s)
{
    ++*(int *)ctx;
    assert_true(s->name[0] != '\0'); /* still whole */
}

static void one_is_found_by_its_id_and_by_nothing_else(void **state)
{
    struct sessions *all = sessions_new(NULL, NULL);
    char id[SESSION_ID_SIZE], other[SESSION_ID_SIZE];
    const struct session *s = sessions_open(all, "anna", 0, id);
    assert_int_equal(strlen(id), SESSION_ID_SIZE - 1);
    assert_ptr_equal(sessions_find(all, id, &limits, 1), s);
    assert_string_equal(s->name, "anna");
    memcpy(other, id, sizeof other);
    other[5] ^= 1;
    assert_null(sessions_find(all, other, &limits, 1));
    assert_null(sessions_find(all, "", &limits, 1));
    assert_null(sessions_find(all, "../../etc/passwd", &limits, 1));
    assert_null(sessions_find(all, s->csrf, &limits, 1));
    assert_true(session_csrf_is(s, s->csrf));
    assert_false(session_csrf_is(s, id));
    assert_false(session_csrf_is(s, NULL));
    assert_false(session_csrf_is(s, ""));
    sessions_free(all);
}

static void it_ends_when_unused_or_old(void **state)
{
    int ended = 0;
    struct sessions *all = sessions_new(count_ended, &ended);
    char id[SESSION_ID_SIZE];
    sessions_open(all, "anna", 0, id);
    for (int64_t now = 900; now < 4500; now += 900)
        assert_non_null(sessions_find(all, id, &limits, now)); /* use keeps it */
    assert_non_null(sessions_find(all, id, &limits, 4500));
    assert_null(sessions_find(all, id, &limits, 5000)); /* but not for ever */
    assert_int_equal(ended, 1);
    sessions_open(all, "anna", 0, id);
    assert_null(sessions_find(all, id, &limits, 1000));
    sessions_open(all, "anna", 0, id);
    sessions_sweep(all, &limits, 999);
    assert_int_equal(sessions_count(all), 1);
    sessions_sweep(all, &limits, 1000);
    assert_int_equal(sessions_count(all), 0);
    assert_int_equal(ended, 3);
    sessions_free(all);
}

static void a_look_does_not_keep_it(void **state)
{
    struct sessions *all = sessions_new(NULL, NULL);
    char id[SESSION_ID_SIZE];
    const struct session *s = sessions_open(all, "anna", 0, id);
    assert_ptr_equal(sessions_peek(all, id, &limits, 900), s);
    assert_null(sessions_peek(all, id, &limits, 1000));
    assert_int_equal(sessions_count(all), 0);
    sessions_free(all);
}

static void there_are_never_more_than_so_many(void **state)
{
    int ended = 0;
    struct sessions *all = sessions_new(count_ended, &ended);
    char first[SESSION_ID_SIZE], second[SESSION_ID_SIZE], id[SESSION_ID_SIZE];
    sessions_open(all, "anna", 0, first);
    sessions_open(all, "anna", 0, second);
    for (int i = 2; i < SESSIONS_MOST; i++)
        sessions_open(all, "anna", 0, id);
    assert_non_null(sessions_find(all, first, &limits, 1)); /* used since: the second has to go */
    sessions_open(all, "ben", 1, id);
    assert_int_equal(sessions_count(all), SESSIONS_MOST);
    assert_int_equal(ended, 1);
    assert_non_null(sessions_find(all, first, &limits, 1));
    assert_null(sessions_find(all, second, &limits, 1));
    sessions_free(all);
}

static void those_of_one_end_together(void **state)
{
    struct sessions *all = sessions_new(NULL, NULL);
    char own[SESSION_ID_SIZE], other[SESSION_ID_SIZE], bens[SESSION_ID_SIZE];
    const struct session *kept = sessions_open(all, "anna", 0, own);
    sessions_open(all, "Anna", 0, other);
    sessions_open(all, "ben", 0, bens);
    sessions_end_of(all, "ANNA", kept);
    assert_non_null(sessions_find(all, own, &limits, 0));
    assert_null(sessions_find(all, other, &limits, 0));
    sessions_end_of(all, "anna", NULL);
    assert_null(sessions_find(all, own, &limits, 0));
    assert_non_null(sessions_find(all, bens, &limits, 0));
    sessions_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_found_by_its_id_and_by_nothing_else),
        cmocka_unit_test(it_ends_when_unused_or_old),
        cmocka_unit_test(a_look_does_not_keep_it),
        cmocka_unit_test(there_are_never_more_than_so_many),
        cmocka_unit_test(those_of_one_end_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
