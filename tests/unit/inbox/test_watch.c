/* A folder is watched: new mail is handed over once, old mail is not, and the message is put away as the endpoint asks. */
#include <stdio.h>

#include "inbox_fixture.h"

static size_t wanted;

static bool idles(struct fixture *f)
{
    return mail_server_idling(f->server) == 1;
}

static bool are_done(struct fixture *f)
{
    return fixture_count(f, INBOX_DONE) == wanted;
}

static void until_done(struct fixture *f, size_t count)
{
    wanted = count;
    fixture_until(f, are_done);
}

static bool is_said(struct fixture *f, const char *what)
{
    return strstr(mail_server_heard(f->server), what) != NULL;
}

static void new_mail_is_handed_over_and_marked(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_add(f, "old");
    fixture_start(f);
    fixture_until(f, idles);

    uint32_t uid = fixture_add(f, "new");
    until_done(f, 1);
    assert_int_equal(fixture_delivered(f, "new"), 1);
    assert_int_equal(fixture_delivered(f, NULL), 1);
    assert_true(mail_server_message(f->server, uid)->is_seen);
    assert_false(mail_server_message(f->server, 100)->is_seen);
    struct kept *k = fixture_kept(f, "new");
    assert_string_equal(k->m.sender, "anna@fabrikam.example");
    assert_string_equal(k->m.recipients, BOX);
    assert_string_equal(k->m.message_id, "<new@fabrikam.example>");
    assert_int_equal(k->m.attempts, 1);
    fixture_until(f, idles);
    assert_int_equal(mail_server_connections(f->server), 1);
}

static void old_mail_is_handed_over_where_asked_for(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"include_old\":true");
    for (int n = 0; n < 120; n++) { /* more than a batch */
        char subject[20];
        snprintf(subject, sizeof subject, "old %d", n);
        fixture_add(f, subject);
    }
    fixture_start(f);
    until_done(f, 120);
    assert_int_equal(fixture_delivered(f, NULL), 120);
    for (size_t n = 1; n < 120; n++) /* in order */
        assert_true(f->deliveries[n].id > f->deliveries[n - 1].id);
    assert_string_equal(f->deliveries[119].subject, "old 119");
    assert_int_equal(f->running_most, 1);
}

static void a_message_is_deleted_where_asked_for(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"delete\"");
    fixture_add(f, "old");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "new");
    until_done(f, 1);
    assert_int_equal(mail_server_count(f->server), 1);
    assert_non_null(mail_server_message(f->server, 100));
}

static void a_missing_folder_is_made(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"move\",\"move_to\":\"Done\"");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "one");
    fixture_add(f, "two");
    until_done(f, 2);
    assert_int_equal(mail_server_moved(f->server), 2);
    assert_string_equal(mail_server_folder(f->server), "Done");
    assert_int_equal(mail_server_count(f->server), 0);
}

static void a_message_is_left_alone_where_asked_for(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t uid = fixture_add(f, "new");
    until_done(f, 1);
    fixture_turns(f);
    assert_false(mail_server_message(f->server, uid)->is_seen);
    assert_false(is_said(f, "STORE"));
}

static bool one_is_delivered(struct fixture *f)
{
    return f->deliveries_count == 1;
}

static void without_idle_the_folder_is_polled(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"poll_s\":120");
    mail_server_without(f->server, "IDLE");
    fixture_start(f);
    fixture_pass(f, 5000);
    fixture_add(f, "new");
    fixture_pass(f, 100 * 1000);
    assert_int_equal(f->deliveries_count, 0);
    fixture_pass(f, 30 * 1000);
    assert_int_equal(f->deliveries_count, 1);
    assert_int_equal(mail_server_connections(f->server), 1);
    assert_false(is_said(f, "IDLE"));
}

static void a_slow_poll_keeps_no_connection(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"watch\":\"poll\",\"poll_s\":1800");
    fixture_start(f);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(mail_server_open(f->server), 0);
    fixture_add(f, "new");
    fixture_pass(f, 1810 * 1000);
    assert_int_equal(f->deliveries_count, 1);
    assert_int_equal(mail_server_connections(f->server), 2);
}

/* A server that forgets to tell of new mail is looked at all the same, and IDLE never lasts longer than set. */
static void idle_is_begun_anew(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    unsigned before = mail_server_lines(f->server);
    fixture_pass(f, 8 * 60 * 1000);
    assert_int_equal(mail_server_lines(f->server), before);
    fixture_pass(f, 70 * 1000);
    assert_int_equal(mail_server_lines(f->server), before + 3); /* DONE, SEARCH, IDLE */
    assert_int_equal(mail_server_connections(f->server), 1);
    assert_true(idles(f));
}

/* -- several endpoints -- */

static void endpoints_share_a_connection(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_endpoint(f, "archive", ",\"after\":\"leave\"");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "new");
    until_done(f, 2);
    assert_int_equal(fixture_delivered(f, "new"), 2);
    assert_int_equal(mail_server_connections(f->server), 1);
}

static void a_message_stays_for_as_long_as_another_endpoint_wants_it(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"after\":\"leave\"");
    fixture_endpoint(f, "mover", ",\"after\":\"delete\"");
    f->fails_for = "new";
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "new");
    fixture_pass(f, 20 * 1000);
    assert_int_equal(fixture_delivered(f, "new"), 2); /* both failed */
    f->fails_for = NULL;
    fixture_pass(f, 90 * 1000);
    assert_int_equal(fixture_count(f, INBOX_DONE), 2);
    assert_int_equal(mail_server_count(f->server), 0);
}

static void three_folders_take_turns_with_two_connections(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "one", ",\"folder\":\"One\"");
    fixture_endpoint(f, "two", ",\"folder\":\"Two\"");
    fixture_endpoint(f, "three", ",\"folder\":\"Three\"");
    fixture_start(f);
    fixture_pass(f, 3 * 60 * 1000);
    assert_true(mail_server_open(f->server) <= 2);
    assert_true(is_said(f, "One") && is_said(f, "Two") && is_said(f, "Three"));
    fixture_add(f, "new");
    fixture_pass(f, 2 * 60 * 1000);
    assert_int_equal(fixture_delivered(f, "new"), 3);
}

/* -- what is wanted -- */

static void what_the_filter_does_not_want_is_only_remembered(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"filter\":{\"sender\":\"@fabrikam.\",\"subject\":\"order*2026\"}");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "Order 17 of 2026");
    fixture_add(f, "newsletter");
    until_done(f, 1);
    fixture_turns(f);
    assert_int_equal(fixture_delivered(f, "Order 17 of 2026"), 1);
    assert_int_equal(fixture_delivered(f, NULL), 1);
    assert_int_equal(fixture_kept(f, "newsletter")->m.state, INBOX_SKIPPED);
}

static void duplicates_are_dropped_only_where_asked_for(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "strict", ",\"drop_duplicates\":true");
    fixture_endpoint(f, "loose", ",\"after\":\"leave\"");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "same");
    until_done(f, 2);
    fixture_add(f, "same");
    fixture_add(f, "same");
    until_done(f, 4);
    fixture_turns(f);
    assert_int_equal(fixture_delivered(f, "same"), 4);
    assert_int_equal(fixture_count(f, INBOX_SKIPPED), 2);
}

static void a_bounce_is_told_of_and_says_what_it_reports_on(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    mail_server_add(
        f->server, "From: postmaster@fabrikam.example\r\nTo: " BOX "\r\nSubject: Undeliverable\r\n"
                   "Message-ID: <b@fabrikam.example>\r\nMIME-Version: 1.0\r\n"
                   "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
                   "--x\r\nContent-Type: text/plain\r\n\r\nno\r\n"
                   "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.fabrikam.example\r\n\r\n"
                   "Final-Recipient: rfc822; gone@fabrikam.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
                   "--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <sent@ours>\r\n\r\n--x--\r\n");
    until_done(f, 1);
    assert_int_equal(f->bounced, 1);
    assert_string_equal(f->last_bounced.message_id, "<sent@ours>");
    assert_string_equal(f->last_bounced.recipient, "gone@fabrikam.example");
    assert_string_equal(f->last_bounced.status, "5.1.1");
    struct kept *k = fixture_kept(f, "Undeliverable");
    assert_true(k->m.flags & INBOX_BOUNCE);
    assert_string_equal(k->m.in_reply_to, "<sent@ours>");
    assert_int_equal(k->m.queued_id, 0xabc);
}

static void a_paused_endpoint_gets_its_mail_later(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_endpoint(f, "crm", ",\"is_paused\":true");
    fixture_pass(f, 5000);
    assert_int_equal(mail_server_open(f->server), 0);
    fixture_add(f, "new");
    fixture_pass(f, 20 * 60 * 1000);
    assert_int_equal(f->deliveries_count, 0);
    fixture_endpoint(f, "crm", "");
    fixture_until(f, one_is_delivered);
}

static void kept_mail_is_saved_with_its_body(void **state)
{
    struct fixture *f = *state;
    fixture_object(f, OBJECT_ENDPOINT, "store",
                   "{\"name\":\"store\",\"mailbox\":\"" BOX
                   "\",\"kind\":\"keep\",\"keep_days\":3,\"after\":\"leave\"}");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_add(f, "new");
    until_done(f, 1);
    struct kept *k = fixture_kept(f, "new");
    assert_true(k->has_body);
    int64_t days = (k->m.keep_until_ms - k->m.seen_ms) / (24 * 3600 * 1000);
    assert_int_equal(days, 3);
}

static void a_person_sees_how_it_stands(void **state)
{
    struct fixture *f = *state;
    const struct admin_ask ask = { .tag = 5, .verb = "inbox.state", .json = "{}" };
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    inbox_admin_ask(f->inbox, &ask);
    assert_int_equal(f->answer_status, 200);
    assert_non_null(strstr(f->answer, "\"state\":\"idle\""));
    assert_non_null(strstr(f->answer, "\"endpoint\":\"crm\""));
    assert_non_null(strstr(f->answer, "\"next_look\":"));
}

static void an_endpoint_is_tried_with_a_sample(void **state)
{
    struct fixture *f = *state;
    const struct admin_ask ask = { .tag = 5, .verb = "endpoint.test", .json = "{\"name\":\"crm\"}" };
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    inbox_admin_ask(f->inbox, &ask);
    fixture_turns(f);
    assert_int_equal(f->answer_status, 200);
    assert_int_equal(f->deliveries_count, 1);
    assert_true(f->deliveries[0].is_test);
    assert_int_equal(f->progress_count, 2);
    assert_int_equal(f->kept_count, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(new_mail_is_handed_over_and_marked),
        T(old_mail_is_handed_over_where_asked_for),
        T(a_message_is_deleted_where_asked_for),
        T(a_missing_folder_is_made),
        T(a_message_is_left_alone_where_asked_for),
        T(without_idle_the_folder_is_polled),
        T(a_slow_poll_keeps_no_connection),
        T(idle_is_begun_anew),
        T(endpoints_share_a_connection),
        T(a_message_stays_for_as_long_as_another_endpoint_wants_it),
        T(three_folders_take_turns_with_two_connections),
        T(what_the_filter_does_not_want_is_only_remembered),
        T(duplicates_are_dropped_only_where_asked_for),
        T(a_bounce_is_told_of_and_says_what_it_reports_on),
        T(a_paused_endpoint_gets_its_mail_later),
        T(kept_mail_is_saved_with_its_body),
        T(a_person_sees_how_it_stands),
        T(an_endpoint_is_tried_with_a_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
