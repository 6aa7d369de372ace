/* The same by POP3, where a UIDL is all there is to know a message by, and deletions count with the answer to QUIT. */
#include <stdio.h>
#include <time.h>

#include "inbox_fixture.h"

static size_t wanted;

static bool are_done(struct fixture *f)
{
    return fixture_count(f, INBOX_DONE) == wanted && f->pending_count == 0;
}

static void until_done(struct fixture *f, size_t count)
{
    wanted = count;
    fixture_until(f, are_done);
}

#define POP3 ",\"watch\":\"pop3\",\"after\":\"leave\""
#define POP3_DELETE ",\"watch\":\"pop3\",\"after\":\"delete\""

static void add_mails(struct fixture *f, int count)
{
    for (int n = 0; n < count; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        fixture_add(f, subject);
    }
}

static char *dated(struct fixture *f, const char *subject)
{
    char more[200], date[64];
    time_t now = (time_t)(loop_wall_ms(f->loop) / 1000);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm);
    snprintf(more, sizeof more, "Received: from mx.fabrikam.example by contoso.example; %s\r\n", date);
    return fixture_message(subject, more);
}

static void add_dated(struct fixture *f, const char *subject)
{
    char *text = dated(f, subject);

    mail_server_add(f->server, text);
    free(text);
}

static void begin(struct fixture *f, const char *more)
{
    fixture_endpoint(f, "crm", more);
    add_dated(f, "old");
    loop_advance(f->loop, 10 * 1000);
    fixture_start(f);
    fixture_pass(f, 5000);
}

static void new_mail_is_handed_over_and_left(void **state)
{
    struct fixture *f = *state;
    begin(f, POP3);
    assert_int_equal(fixture_count(f, INBOX_SKIPPED), 1); /* the old one is written down */
    add_mails(f, 3);
    until_done(f, 3);
    fixture_pass(f, 5 * 60 * 1000);
    assert_int_equal(fixture_delivered(f, NULL), 3);
    assert_int_equal(fixture_delivered(f, "old"), 0);
    assert_int_equal(mail_server_count(f->server), 4);
    assert_int_equal(mail_server_open(f->server), 0);
    struct kept *k = fixture_kept(f, "mail 1");
    assert_string_equal(k->m.uidl, "u102");
    assert_string_equal(k->m.sender, "anna@fabrikam.example");
}

static void old_mail_is_handed_over_where_asked_for(void **state)
{
    struct fixture *f = *state;
    add_mails(f, 60);
    begin(f, POP3 ",\"include_old\":true");
    until_done(f, 61);
    assert_int_equal(fixture_delivered(f, NULL), 61);
}

static void mail_is_deleted_where_asked_for(void **state)
{
    struct fixture *f = *state;
    begin(f, POP3_DELETE);
    add_mails(f, 3);
    until_done(f, 3);
    assert_int_equal(mail_server_count(f->server), 1);
    assert_int_equal(fixture_delivered(f, NULL), 3);
    fixture_pass(f, 3 * 60 * 1000);
    assert_true(f->places[0].floor > 0); /* what is gone may be forgotten */
}

static void expect_all_once(struct fixture *f, int count, unsigned step, size_t repeats)
{
    size_t repeated = 0;

    for (int n = 0; n < count; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        if (fixture_delivered(f, subject) == 0)
            fail_msg("%s was lost at step %u", subject, step);
        repeated += fixture_delivered(f, subject) - 1;
    }
    if (repeated > repeats || fixture_delivered(f, "old") > 0)
        fail_msg("%zu were repeated at step %u", repeated, step);
}

static void a_death_at_any_step_loses_nothing(void **state)
{
    for (unsigned step = 1; step < 30; step++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        begin(f, step % 3 ? POP3_DELETE : POP3);
        f->dies_at = step;
        f->dies_after = step % 2;
        add_mails(f, 4);
        until_done(f, 4);
        expect_all_once(f, 4, step, 1);
        assert_int_equal(f->kept_count, 5);
        fixture_teardown((void **)&f);
    }
}

static void a_death_at_the_first_look_fires_no_old_mail(void **state)
{
    for (unsigned step = 1; step < 14; step++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        for (int n = 0; n < 5; n++)
            add_dated(f, "old");
        loop_advance(f->loop, 10 * 1000);
        f->dies_at = step;
        f->dies_after = step % 2;
        begin(f, POP3);
        fixture_pass(f, 70 * 1000);
        add_mails(f, 2);
        until_done(f, 2);
        expect_all_once(f, 2, step, 1);
        fixture_teardown((void **)&f);
    }
}

/* Broken off by a death or a lost connection at any step, with mail that arrives before it is taken up again. */
static void a_first_look_that_is_broken_off_takes_no_new_mail_for_old(bool dies, unsigned step)
{
    struct fixture *f;

    fixture_setup((void **)&f);
    for (int n = 0; n < 120; n++) /* more than two batches */
        add_dated(f, "old");
    loop_advance(f->loop, 10 * 1000);
    fixture_endpoint(f, "crm", POP3);
    f->dies_at = dies ? step : 100000;
    f->dies_after = true;
    fixture_start(f);
    for (int n = 0; n < 4000 && f->steps < step; n++) {
        fixture_turn(f);
        if (n % 40 == 39)
            loop_advance(f->loop, 200);
    }
    if (!dies)
        mail_server_say_bye(f->server, "so long");
    loop_advance(f->loop, 2000);
    add_dated(f, "mail 0");
    fixture_pass(f, 3 * 60 * 1000);
    if (fixture_delivered(f, "mail 0") != 1 || fixture_delivered(f, NULL) != 1)
        fail_msg("%zu new and %zu in all after step %u", fixture_delivered(f, "mail 0"), fixture_delivered(f, NULL),
                 step);
    assert_true(f->places[0].floor > 0);
    fixture_teardown((void **)&f);
}

static void a_first_look_that_is_broken_off_tells_old_mail_from_new(void **state)
{
    for (unsigned step = 2; step < 122; step += 9) {
        a_first_look_that_is_broken_off_takes_no_new_mail_for_old(true, step);
        a_first_look_that_is_broken_off_takes_no_new_mail_for_old(false, step);
    }
}

static void a_cut_at_any_line_loses_and_repeats_nothing(void **state)
{
    for (unsigned line = 1; line < 30; line++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        begin(f, line % 2 ? POP3_DELETE : POP3);
        mail_server_cut_after(f->server, line);
        add_mails(f, 3);
        until_done(f, 3);
        expect_all_once(f, 3, line, 0);
        if (line % 2)
            assert_int_equal(mail_server_count(f->server), 1);
        fixture_teardown((void **)&f);
    }
}

static void new_numbers_neither_lose_nor_repeat(void **state)
{
    struct fixture *f = *state;
    begin(f, POP3);
    mail_server_remove(f->server, 100);
    fixture_pass(f, 70 * 1000);
    add_mails(f, 3);
    until_done(f, 3);
    fixture_pass(f, 30 * 1000);
    mail_server_renumber(f->server);
    fixture_add(f, "came meanwhile");
    until_done(f, 4);
    fixture_pass(f, 3 * 60 * 1000);
    assert_int_equal(fixture_delivered(f, NULL), 4);
    assert_int_equal(fixture_delivered(f, "came meanwhile"), 1);
}

static void a_refused_token_is_renewed_once(void **state)
{
    struct fixture *f = *state;
    mail_server_refuse_token(f->server, "token-one");
    f->next_token = "token-two";
    begin(f, POP3);
    add_mails(f, 1);
    until_done(f, 1);
    assert_int_equal(f->serial, 2);
    assert_null(strstr(mail_server_heard(f->server), "XOAUTH2 d")); /* always in two lines */
}

static void an_endpoint_that_changes_its_protocol_sees_nothing_twice(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_start(f);
    fixture_pass(f, 5000);
    add_mails(f, 3);
    until_done(f, 3);
    fixture_endpoint(f, "crm", POP3);
    fixture_pass(f, 70 * 1000);
    fixture_add(f, "new");
    until_done(f, 4);
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_pass(f, 20 * 1000);
    fixture_add(f, "newer");
    until_done(f, 5);
    fixture_pass(f, 70 * 1000);
    assert_int_equal(fixture_delivered(f, NULL), 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(new_mail_is_handed_over_and_left),
        T(old_mail_is_handed_over_where_asked_for),
        T(mail_is_deleted_where_asked_for),
        cmocka_unit_test(a_death_at_any_step_loses_nothing),
        cmocka_unit_test(a_death_at_the_first_look_fires_no_old_mail),
        cmocka_unit_test(a_first_look_that_is_broken_off_tells_old_mail_from_new),
        cmocka_unit_test(a_cut_at_any_line_loses_and_repeats_nothing),
        T(new_numbers_neither_lose_nor_repeat),
        T(a_refused_token_is_renewed_once),
        T(an_endpoint_that_changes_its_protocol_sees_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
