/* What survives: the process dies between any two of its steps, the queue role goes and comes, the server numbers its mail anew. Nothing
 * is lost, and at most what was in hand is repeated. */
#include <stdio.h>

#include "inbox_fixture.h"

enum { MAILS = 4 };

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

static bool idles(struct fixture *f)
{
    return mail_server_idling(f->server) == 1;
}

static void add_mails(struct fixture *f)
{
    for (int n = 0; n < MAILS; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        fixture_add(f, subject);
    }
}

/* -- dying at every step -- */

static void expect_all_once(struct fixture *f, unsigned step)
{
    size_t repeated = 0;

    for (int n = 0; n < MAILS; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        size_t count = fixture_delivered(f, subject);
        if (count == 0)
            fail_msg("%s was lost in a death at step %u", subject, step);
        repeated += count - 1;
    }
    if (repeated > 1)
        fail_msg("%zu were repeated after a death at step %u", repeated, step);
}

/* True: the death came before all was done. */
static bool dies_once(const char *more, unsigned step, bool arrives)
{
    struct fixture *f;

    fixture_setup((void **)&f);
    fixture_endpoint(f, "crm", more);
    fixture_start(f);
    fixture_until(f, idles);
    f->dies_at = step;
    f->dies_after = arrives;
    add_mails(f);
    until_done(f, MAILS);
    bool is_dead = f->steps >= step;
    expect_all_once(f, step);
    assert_int_equal(f->kept_count, MAILS);
    if (strstr(more, "delete"))
        assert_int_equal(mail_server_count(f->server), 0);
    else
        assert_true(mail_server_message(f->server, 103)->is_seen);
    fixture_teardown((void **)&f);
    return is_dead;
}

static void die_at_every_step(const char *more)
{
    unsigned step = 1;

    while (dies_once(more, step, false) && dies_once(more, step, true))
        step++;
    assert_true(step > 3 * MAILS);
}

static void a_death_at_any_step_loses_nothing(void **state)
{
    die_at_every_step("");
}

static void a_death_while_mail_is_deleted_loses_nothing(void **state)
{
    die_at_every_step(",\"after\":\"delete\"");
}

static void a_death_at_the_first_look_loses_nothing(void **state)
{
    for (unsigned step = 1; step < 20; step++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", ",\"include_old\":true");
        f->dies_at = step;
        f->dies_after = step % 2;
        add_mails(f);
        fixture_start(f);
        until_done(f, MAILS);
        expect_all_once(f, step);
        fixture_teardown((void **)&f);
    }
}

static void a_death_in_the_middle_of_a_hand_over_repeats_that_one(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    add_mails(f);
    fixture_pass(f, 3000);
    assert_int_equal(f->running, 1);
    fixture_die(f);
    f->holds = false;
    fixture_start(f);
    until_done(f, MAILS);
    assert_int_equal(fixture_delivered(f, "mail 0"), 2);
    assert_int_equal(f->deliveries[0].id, f->deliveries[1].id);
    assert_int_equal(fixture_delivered(f, NULL), MAILS + 1);
}

/* -- the queue role -- */

static void a_hand_over_outlives_the_queue_role(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    add_mails(f);
    fixture_pass(f, 3000);
    assert_int_equal(f->running, 1);
    inbox_queue_down(f->inbox);
    fixture_turns(f);
    assert_int_equal(mail_server_open(f->server), 0);
    f->holds = false;
    fixture_pass(f, 1000); /* it ends while nobody can be told */
    assert_int_equal(f->running, 0);
    fixture_recall(f);
    until_done(f, MAILS);
    assert_int_equal(fixture_delivered(f, NULL), MAILS);
}

static void nothing_is_handed_over_that_could_not_be_written_down(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->is_full = true;
    add_mails(f);
    fixture_pass(f, 60 * 1000);
    assert_int_equal(f->deliveries_count, 0);
    f->is_full = false;
    fixture_pass(f, 10 * 1000);
    until_done(f, MAILS);
    assert_int_equal(fixture_delivered(f, NULL), MAILS);
}

static void an_outcome_that_could_not_be_written_down_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    fixture_add(f, "new");
    fixture_pass(f, 3000);
    f->is_full = true;
    f->holds = false;
    fixture_pass(f, 60 * 1000);
    assert_int_equal(f->deliveries_count, 1);
    f->is_full = false;
    until_done(f, 1);
    assert_int_equal(f->deliveries_count, 1);
}

/* -- objects -- */

static void a_removed_endpoint_is_forgotten(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    assert_int_equal(f->places_count, 1);
    fixture_remove_object(f, OBJECT_ENDPOINT, "crm");
    fixture_turns(f);
    assert_int_equal(f->places_count, 0);
    assert_int_equal(mail_server_open(f->server), 0);
}

static void what_a_changed_endpoint_has_seen_it_does_not_see_again(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_start(f);
    fixture_until(f, idles);
    add_mails(f);
    until_done(f, MAILS);
    fixture_endpoint(f, "crm", ",\"folder\":\"Other\"");
    fixture_pass(f, 20 * 1000);
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_pass(f, 20 * 1000);
    assert_int_equal(fixture_delivered(f, NULL), MAILS);
    assert_int_equal(f->places_count, 2);
}

#define OTHER "other@contoso.example"

static void endpoint_is_at(struct fixture *f, const char *mailbox)
{
    fixture_object(f, OBJECT_ENDPOINT, "crm",
                   "{\"name\":\"crm\",\"mailbox\":\"%s\",\"kind\":\"maildir\",\"maildir\":\"/tmp/nowhere\","
                   "\"after\":\"leave\"}",
                   mailbox);
}

static void a_person_retries(struct fixture *f, struct kept *k)
{
    struct inbox_item m = k->m;

    k->m.state = m.state = INBOX_WAITING;
    m.next_ms = loop_wall_ms(f->loop);
    m.fd = -1;
    inbox_item(f->inbox, &m);
    fixture_pass(f, 10 * 1000);
}

/* The same folder's name, the same UIDs, but another mailbox. */
static void mail_of_the_mailbox_before_stays_and_is_not_taken_for_another(void **state)
{
    struct fixture *f = *state;
    fixture_object(f, OBJECT_MAILBOX, OTHER, "{\"address\":\"" OTHER "\",\"registration\":\"reg\",\"grant\":\"code\"}");
    endpoint_is_at(f, BOX);
    fixture_start(f);
    fixture_until(f, idles);
    add_mails(f);
    until_done(f, MAILS);
    f->result = HANDOFF_PARK;
    fixture_add(f, "parked");
    fixture_pass(f, 5000);
    f->result = HANDOFF_RETRY;
    fixture_add(f, "waits");
    fixture_pass(f, 5000);
    size_t tries = f->deliveries_count;

    f->result = HANDOFF_DONE;
    endpoint_is_at(f, OTHER);
    fixture_pass(f, 60 * 1000);
    assert_int_equal(f->places_count, 2);
    assert_int_equal(fixture_count(f, INBOX_PARKED), 2);
    assert_string_equal(fixture_kept(f, "waits")->m.finding, "inbox.moved-on");
    fixture_die(f);
    fixture_start(f);
    fixture_pass(f, 10 * 1000);
    a_person_retries(f, fixture_kept(f, "waits"));
    assert_int_equal(f->deliveries_count, tries);
    assert_int_equal(fixture_count(f, INBOX_PARKED), 2); /* and it is said why */

    endpoint_is_at(f, BOX);
    fixture_pass(f, 10 * 1000);
    a_person_retries(f, fixture_kept(f, "waits"));
    a_person_retries(f, fixture_kept(f, "parked"));
    assert_int_equal(f->deliveries_count, tries + 2);
    assert_int_equal(fixture_count(f, INBOX_DONE), MAILS + 2);
}

/* -- new numbers -- */

static void new_numbers_neither_lose_nor_repeat(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    mail_server_add_at(f->server, "Subject: ancient\r\nDate: Sun, 1 Nov 2026 09:00:00 +0000\r\n\r\nx\r\n", 1000);
    fixture_start(f);
    fixture_until(f, idles);
    add_mails(f);
    until_done(f, MAILS);

    f->fails_for = "waits";
    fixture_add(f, "waits");
    fixture_pass(f, 5000);
    assert_int_equal(fixture_delivered(f, "waits"), 1);
    mail_server_say_bye(f->server, "Connection is closed. 13");
    mail_server_renumber(f->server);
    fixture_add(f, "came meanwhile");
    f->fails_for = NULL;
    until_done(f, MAILS + 2);
    fixture_pass(f, 60 * 1000);
    assert_int_equal(fixture_delivered(f, "came meanwhile"), 1);
    assert_int_equal(fixture_delivered(f, "waits"), 2);
    assert_int_equal(fixture_delivered(f, "ancient"), 0);
    assert_int_equal(fixture_delivered(f, NULL), MAILS + 3);
    assert_int_equal(f->kept_count, MAILS + 2);
    assert_int_equal(f->places[0].uidvalidity, 8);
}

static void new_numbers_and_a_death_at_any_step(void **state)
{
    for (unsigned step = 1; step < 25; step++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
        fixture_start(f);
        fixture_until(f, idles);
        add_mails(f);
        until_done(f, MAILS);
        f->fails_for = "waits";
        fixture_add(f, "waits");
        fixture_pass(f, 5000);
        mail_server_say_bye(f->server, "Connection is closed. 13");
        mail_server_renumber(f->server);
        fixture_add(f, "came meanwhile");
        f->fails_for = NULL;
        f->dies_at = step;
        f->dies_after = step % 2;
        until_done(f, MAILS + 2);
        fixture_pass(f, 20 * 1000);
        expect_all_once(f, step);
        assert_true(fixture_delivered(f, "came meanwhile") >= 1);
        assert_true(fixture_delivered(f, NULL) <= MAILS + 2 + 2);
        assert_int_equal(f->kept_count, MAILS + 2);
        fixture_teardown((void **)&f);
    }
}

static void renumber(struct fixture *f)
{
    mail_server_say_bye(f->server, "Connection is closed. 13");
    mail_server_renumber(f->server);
}

/* The disk has room for the place's new number, and none for its item's; then the process dies. */
static void a_place_is_renumbered_after_its_items(void **state)
{
    static const char *const ways[] = { ",\"after\":\"leave\"", ",\"watch\":\"pop3\",\"after\":\"leave\"" };
    for (size_t n = 0; n < 2; n++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", ways[n]);
        fixture_start(f);
        fixture_pass(f, 5000);
        f->fails_for = "waits";
        fixture_add(f, "waits");
        fixture_pass(f, 65 * 1000);
        size_t tries = fixture_delivered(f, "waits");
        assert_true(tries > 0);
        f->refuses_items = true;
        renumber(f);
        fixture_pass(f, 70 * 1000);
        fixture_die(f);
        f->refuses_items = false;
        f->fails_for = NULL;
        fixture_start(f);
        fixture_pass(f, 30 * 60 * 1000);
        assert_true(fixture_delivered(f, "waits") > tries);
        assert_int_equal(fixture_count(f, INBOX_DONE), 1);
        assert_int_equal(f->kept_count, 1);
        fixture_teardown((void **)&f);
    }
}

/* As a process before this one may have left it. */
static void what_kept_an_old_number_is_found_again(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_start(f);
    fixture_until(f, idles);
    add_mails(f);
    until_done(f, MAILS);
    f->fails_for = "waits";
    fixture_add(f, "waits");
    fixture_pass(f, 5000);
    fixture_die(f);
    struct kept *k = fixture_kept(f, "waits");
    k->m.uidvalidity = 6;
    k->m.uid = 55;
    f->fails_for = NULL;
    fixture_start(f);
    until_done(f, MAILS + 1);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(fixture_delivered(f, NULL), MAILS + 2);

    /* A person has one tried that was parked under an old number. */
    k->m.uidvalidity = 6;
    k->m.uid = 55;
    a_person_retries(f, k);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(fixture_delivered(f, "waits"), 3);
}

/* Its item is finished while the folder is gone through. */
static void a_hand_over_that_ends_while_numbers_change_is_kept_in_mind(void **state)
{
    for (int turns = 0; turns < 60; turns += 3) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
        fixture_start(f);
        fixture_until(f, idles);
        f->holds = true;
        fixture_add(f, "copy");
        fixture_add(f, "copy");
        fixture_pass(f, 3000);
        renumber(f);
        fixture_pass(f, 5 * 1000 + 500);
        for (int n = 0; n < turns; n++)
            fixture_turn(f);
        f->holds = false;
        loop_advance(f->loop, 20);
        until_done(f, 2);
        fixture_pass(f, 60 * 1000);
        assert_int_equal(f->kept_count, 2);
        assert_int_equal(fixture_delivered(f, "copy"), 2);
        fixture_teardown((void **)&f);
    }
}

static void mail_that_went_away_is_parked_with_words(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    f->result = HANDOFF_RETRY;
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t uid = fixture_add(f, "new");
    fixture_pass(f, 5000);
    mail_server_remove(f->server, uid);
    fixture_pass(f, 60 * 1000);
    assert_int_equal(fixture_count(f, INBOX_PARKED), 1);
    assert_string_equal(fixture_kept(f, "new")->m.last, "the message is no longer in the folder");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_at_any_step_loses_nothing),
        cmocka_unit_test(a_death_while_mail_is_deleted_loses_nothing),
        cmocka_unit_test(a_death_at_the_first_look_loses_nothing),
        T(a_death_in_the_middle_of_a_hand_over_repeats_that_one),
        T(a_hand_over_outlives_the_queue_role),
        T(nothing_is_handed_over_that_could_not_be_written_down),
        T(an_outcome_that_could_not_be_written_down_is_not_tried_again),
        T(a_removed_endpoint_is_forgotten),
        T(what_a_changed_endpoint_has_seen_it_does_not_see_again),
        T(mail_of_the_mailbox_before_stays_and_is_not_taken_for_another),
        T(new_numbers_neither_lose_nor_repeat),
        cmocka_unit_test(new_numbers_and_a_death_at_any_step),
        cmocka_unit_test(a_place_is_renumbered_after_its_items),
        T(what_kept_an_old_number_is_found_again),
        cmocka_unit_test(a_hand_over_that_ends_while_numbers_change_is_kept_in_mind),
        T(mail_that_went_away_is_parked_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
