/* One message that the mailbox does not give: refused, left out, or the end of the connection each time. It is put aside, shown and tried
 * again; the others go on, and none is lost. */
#include <stdio.h>

#include "inbox_fixture.h"

enum { HOUR_MS = 3600 * 1000, MAILS = 60, FIRST = 100 };

static bool idles(struct fixture *f)
{
    return mail_server_idling(f->server) == 1;
}

static void add_mails(struct fixture *f, int count)
{
    for (int n = 0; n < count; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        fixture_add(f, subject);
    }
}

static size_t without_header(const struct fixture *f)
{
    size_t count = 0;

    for (size_t n = 0; n < f->kept_count; n++)
        count += f->kept[n].m.fingerprint[0] == '\0';
    return count;
}

static struct kept *kept_of(struct fixture *f, uint32_t uid)
{
    for (size_t n = 0; n < f->kept_count; n++)
        if (f->kept[n].m.uid == uid)
            return &f->kept[n];
    fail_msg("nothing is kept of %u", uid);
    return NULL;
}

static void expect_each_once_but(struct fixture *f, int count, int bad)
{
    for (int n = 0; n < count; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        if (fixture_delivered(f, subject) != (n == bad ? 0 : 1))
            fail_msg("%s was handed over %zu times", subject, fixture_delivered(f, subject));
    }
}

/* Wherever it stands in the batch, whatever is done with it. */
static void one_bad_header(enum served_how how, int bad, const char *words)
{
    struct fixture *f;

    fixture_setup((void **)&f);
    fixture_endpoint(f, "crm", ",\"include_old\":true,\"after\":\"leave\"");
    add_mails(f, MAILS);
    mail_server_serve(f->server, (uint32_t)(FIRST + bad), how);
    fixture_start(f);
    fixture_pass(f, 3 * 60 * 1000);
    expect_each_once_but(f, MAILS, bad);
    assert_int_equal(f->kept_count, MAILS);
    struct kept *k = kept_of(f, (uint32_t)(FIRST + bad));
    assert_int_equal(k->m.state, INBOX_WAITING);
    assert_true(k->m.attempts >= 1 && k->m.attempts < 5);
    assert_string_equal(k->m.finding, "inbox.not-given");
    assert_non_null(strstr(k->m.last, words));
    uint64_t id = k->m.id;

    mail_server_serve(f->server, (uint32_t)(FIRST + bad), SERVED_WELL);
    fixture_pass(f, HOUR_MS);
    expect_each_once_but(f, MAILS, -1);
    assert_int_equal(f->kept_count, MAILS);
    k = kept_of(f, (uint32_t)(FIRST + bad));
    assert_int_equal(k->m.state, INBOX_DONE);
    assert_true(k->m.id == id);
    assert_string_equal(k->m.sender, "anna@fabrikam.example");
    fixture_teardown((void **)&f);
}

static void a_refused_header_holds_up_no_other(void **state)
{
    static const int places[] = { 0, 1, 24, 25, 49, 50, 59 };
    for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
        one_bad_header(SERVED_REFUSED, places[n], "is damaged");
        one_bad_header(SERVED_NO_HEADER, places[n], "is damaged");
    }
}

static void a_message_that_is_left_out_is_asked_for_again(void **state)
{
    one_bad_header(SERVED_LEFT_OUT, 0, "leaves the message out");
    one_bad_header(SERVED_LEFT_OUT, 30, "leaves the message out");
    one_bad_header(SERVED_LEFT_OUT, 59, "leaves the message out");
}

static void a_header_that_ends_the_connection_holds_up_no_other(void **state)
{
    static const int places[] = { 0, 7, 30, 49, 59 };
    for (size_t n = 0; n < sizeof places / sizeof *places; n++)
        one_bad_header(SERVED_CUT, places[n], "the connection ended");
}

/* Nothing else comes, so there is nothing to tell the message's fault from the mailbox's by. */
static void a_bad_message_alone_is_put_aside_as_well(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t bad = fixture_add(f, "bad");
    mail_server_serve(f->server, bad, SERVED_REFUSED);
    fixture_pass(f, 2 * 60 * 1000);
    assert_int_equal(kept_of(f, bad)->m.state, INBOX_WAITING);
    fixture_add(f, "next");
    fixture_pass(f, 60 * 1000);
    assert_int_equal(fixture_delivered(f, "next"), 1);
    assert_true(idles(f));
}

static void what_is_never_given_is_parked_in_the_end(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"patience_h\":2");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t bad = fixture_add(f, "bad");
    mail_server_serve(f->server, bad, SERVED_NO_HEADER);
    fixture_pass(f, 121 * 60 * 1000);
    struct kept *k = kept_of(f, bad);
    assert_int_equal(k->m.state, INBOX_PARKED);
    assert_true(k->m.attempts > 5 && k->m.attempts < 20);
    assert_non_null(strstr(k->m.last, "message 100 is damaged"));
    unsigned lines = mail_server_lines(f->server);
    fixture_pass(f, 5 * 60 * 1000);
    assert_int_equal(mail_server_lines(f->server), lines);

    /* A person has it tried again. */
    mail_server_serve(f->server, bad, SERVED_WELL);
    struct inbox_item m = k->m;
    k->m.state = m.state = INBOX_WAITING;
    m.next_ms = loop_wall_ms(f->loop);
    m.fd = -1;
    inbox_item(f->inbox, &m);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(fixture_delivered(f, "bad"), 1);
    assert_true(mail_server_message(f->server, bad)->is_seen);
}

static void what_is_gone_before_it_is_read_is_no_trouble(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t bad = fixture_add(f, "bad");
    mail_server_serve(f->server, bad, SERVED_LEFT_OUT);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(kept_of(f, bad)->m.state, INBOX_WAITING);
    mail_server_remove(f->server, bad);
    fixture_pass(f, 60 * 1000);
    assert_int_equal(kept_of(f, bad)->m.state, INBOX_SKIPPED);
    assert_true(idles(f));
}

/* Between SEARCH and FETCH, by another client. */
static void what_vanishes_under_the_look_is_not_kept(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t gone = fixture_add(f, "gone");
    fixture_add(f, "stays");
    while (!strstr(mail_server_heard(f->server), "UID SEARCH UID 100:*\n") &&
           !strstr(mail_server_heard(f->server), "UID FETCH"))
        fixture_turn(f);
    if (mail_server_message(f->server, gone) && !strstr(mail_server_heard(f->server), "UID FETCH"))
        mail_server_vanish(f->server, gone);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(fixture_delivered(f, "stays"), 1);
    assert_int_equal(without_header(f), 0);
}

/* The mailbox itself is in trouble: what is there does not become thousands of entries, and all comes when it is over. */
static void a_mailbox_that_refuses_everything_is_asked_less(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"include_old\":true,\"after\":\"leave\"");
    add_mails(f, 300);
    for (uint32_t n = 0; n < 300; n++)
        mail_server_serve(f->server, FIRST + n, SERVED_REFUSED);
    fixture_start(f);
    fixture_pass(f, 60 * 1000);
    assert_true(without_header(f) < 300);
    for (uint32_t n = 0; n < 300; n++)
        mail_server_serve(f->server, FIRST + n, SERVED_WELL);
    fixture_pass(f, HOUR_MS);
    expect_each_once_but(f, 300, -1);
    assert_int_equal(f->kept_count, 300);
}

static void a_death_at_any_step_loses_nothing(void **state)
{
    for (unsigned step = 1; step < 40; step++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", "");
        fixture_start(f);
        fixture_until(f, idles);
        f->dies_at = step;
        f->dies_after = step % 2;
        add_mails(f, 5);
        mail_server_serve(f->server, FIRST + 2, step % 3 ? SERVED_NO_HEADER : SERVED_LEFT_OUT);
        fixture_pass(f, 45 * 1000);
        mail_server_serve(f->server, FIRST + 2, SERVED_WELL);
        fixture_pass(f, 5 * 60 * 1000);
        assert_int_equal(fixture_count(f, INBOX_DONE), 5);
        assert_int_equal(f->kept_count, 5);
        assert_true(fixture_delivered(f, NULL) <= 6);
        fixture_teardown((void **)&f);
    }
}

static void a_cut_at_any_line_loses_nothing(void **state)
{
    for (unsigned line = 1; line < 30; line++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", ",\"drop_duplicates\":true");
        fixture_endpoint(f, "two", ",\"after\":\"leave\"");
        fixture_start(f);
        fixture_until(f, idles);
        add_mails(f, 5);
        mail_server_serve(f->server, FIRST + 2, line % 2 ? SERVED_NO_HEADER : SERVED_LEFT_OUT);
        fixture_pass(f, 20 * 1000);
        mail_server_cut_after(f->server, line);
        mail_server_serve(f->server, FIRST + 2, SERVED_WELL);
        fixture_pass(f, 10 * 60 * 1000);
        assert_int_equal(fixture_count(f, INBOX_DONE), 10);
        assert_int_equal(f->kept_count, 10);
        assert_int_equal(fixture_delivered(f, NULL), 10);
        fixture_teardown((void **)&f);
    }
}

static void the_filter_judges_what_is_given_later(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"filter\":{\"subject\":\"order*\"}");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t bad = fixture_add(f, "newsletter");
    mail_server_serve(f->server, bad, SERVED_NO_HEADER);
    fixture_pass(f, 10 * 1000);
    assert_int_equal(kept_of(f, bad)->m.state, INBOX_WAITING);
    mail_server_serve(f->server, bad, SERVED_WELL);
    fixture_pass(f, 2 * 60 * 1000);
    assert_int_equal(kept_of(f, bad)->m.state, INBOX_SKIPPED);
    assert_int_equal(fixture_delivered(f, NULL), 0);
}

/* -- bodies -- */

static void a_body_that_ends_the_connection(const char *more)
{
    struct fixture *f;

    fixture_setup((void **)&f);
    fixture_endpoint(f, "crm", more);
    fixture_start(f);
    fixture_pass(f, 5000);
    uint32_t bad = fixture_add(f, "bad");
    mail_server_serve(f->server, bad, SERVED_CUT_BODY);
    add_mails(f, 5);
    fixture_pass(f, 10 * 60 * 1000);
    expect_each_once_but(f, 5, -1);
    struct kept *k = fixture_kept(f, "bad");
    assert_int_equal(k->m.state, INBOX_WAITING);
    assert_true(k->m.attempts > 1 && k->m.attempts < 8);
    assert_non_null(strstr(k->m.last, "the connection ended"));
    fixture_pass(f, HOUR_MS);
    assert_int_equal(k->m.state, INBOX_PARKED);
    assert_string_equal(k->m.finding, "inbox.not-given");
    fixture_teardown((void **)&f);
}

static void a_body_that_ends_the_connection_is_an_attempt(void **state)
{
    a_body_that_ends_the_connection(",\"patience_h\":1");
    a_body_that_ends_the_connection(",\"patience_h\":1,\"watch\":\"pop3\",\"after\":\"leave\"");
}

static void a_bounce_that_is_given_late_is_still_told_of(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    uint32_t uid = mail_server_add(
        f->server, "From: postmaster@fabrikam.example\r\nTo: " BOX "\r\nSubject: Undeliverable\r\n"
                   "Message-ID: <b@fabrikam.example>\r\nMIME-Version: 1.0\r\n"
                   "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n"
                   "--x\r\nContent-Type: text/plain\r\n\r\nno\r\n"
                   "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.fabrikam.example\r\n\r\n"
                   "Final-Recipient: rfc822; gone@fabrikam.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
                   "--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <sent@ours>\r\n\r\n--x--\r\n");
    mail_server_serve(f->server, uid, SERVED_CUT_BODY);
    fixture_pass(f, 5000);
    mail_server_serve(f->server, uid, SERVED_WELL);
    fixture_pass(f, 5 * 60 * 1000);
    assert_int_equal(fixture_count(f, INBOX_DONE), 1);
    assert_int_equal(f->bounced, 1);
}

/* -- POP3 -- */

static void a_header_that_pop3_refuses_waits_and_is_parked(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"watch\":\"pop3\",\"after\":\"leave\",\"patience_h\":1");
    fixture_start(f);
    fixture_pass(f, 5000);
    uint32_t bad = fixture_add(f, "bad"), late = fixture_add(f, "late");
    mail_server_serve(f->server, bad, SERVED_REFUSED);
    mail_server_serve(f->server, late, SERVED_NO_HEADER);
    add_mails(f, 5);
    fixture_pass(f, 5 * 60 * 1000);
    expect_each_once_but(f, 5, -1);
    assert_int_equal(without_header(f), 2);
    mail_server_serve(f->server, late, SERVED_WELL);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(fixture_delivered(f, "late"), 1);
    assert_int_equal(fixture_count(f, INBOX_PARKED), 1);
    assert_int_equal(f->kept_count, 7);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_header_holds_up_no_other),
        cmocka_unit_test(a_message_that_is_left_out_is_asked_for_again),
        cmocka_unit_test(a_header_that_ends_the_connection_holds_up_no_other),
        T(a_bad_message_alone_is_put_aside_as_well),
        T(what_is_never_given_is_parked_in_the_end),
        T(what_is_gone_before_it_is_read_is_no_trouble),
        T(what_vanishes_under_the_look_is_not_kept),
        T(a_mailbox_that_refuses_everything_is_asked_less),
        cmocka_unit_test(a_death_at_any_step_loses_nothing),
        cmocka_unit_test(a_cut_at_any_line_loses_nothing),
        T(the_filter_judges_what_is_given_later),
        cmocka_unit_test(a_body_that_ends_the_connection_is_an_attempt),
        T(a_bounce_that_is_given_late_is_still_told_of),
        T(a_header_that_pop3_refuses_waits_and_is_parked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
