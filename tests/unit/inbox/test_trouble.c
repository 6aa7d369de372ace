/* When the mailbox is in trouble: what is tried again at once, what rests, what waits for a person; and a cut at every line. */
#include <stdio.h>

#include "inbox_fixture.h"

static size_t wanted;

static bool idles(struct fixture *f)
{
    return mail_server_idling(f->server) == 1;
}

static bool are_done(struct fixture *f)
{
    return fixture_count(f, INBOX_DONE) == wanted && f->pending_count == 0;
}

static void until_done(struct fixture *f, size_t count)
{
    wanted = count;
    fixture_until(f, are_done);
}

static const char *state_of(struct fixture *f)
{
    const struct admin_ask ask = { .tag = 5, .verb = "inbox.state", .json = "{}" };
    inbox_admin_ask(f->inbox, &ask);
    return f->answer;
}

static bool is_state(struct fixture *f, const char *text)
{
    return strstr(state_of(f), text) != NULL;
}

static void a_refused_token_is_renewed_once(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    mail_server_refuse_token(f->server, "token-one");
    f->next_token = "token-two";
    fixture_start(f);
    fixture_until(f, idles);
    assert_int_equal(f->tokens_asked, 2);
    assert_int_equal(f->serial, 2);
}

static void a_sign_in_refused_for_good_waits_for_a_person(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    mail_server_refuse_token(f->server, "token");
    fixture_start(f);
    fixture_pass(f, 5000);
    assert_true(is_state(f, "\"state\":\"needs-person\""));
    assert_true(is_state(f, "\"finding\":{\"id\":\"imap.auth"));
    unsigned asked = f->tokens_asked;
    fixture_pass(f, 10 * 60 * 1000);
    assert_int_equal(f->tokens_asked, asked);
    fixture_pass(f, 6 * 60 * 1000); /* now and then it is looked at */
    assert_true(f->tokens_asked > asked);

    mail_server_refuse_token(f->server, NULL);
    const struct mailbox_state well = { .mailbox = BOX };
    inbox_mailbox_state(f->inbox, &well);
    fixture_until(f, idles);
    assert_true(is_state(f, "\"state\":\"idle\""));
}

static void a_missing_grant_waits_for_a_person_and_a_change_of_object_tries_again(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    f->refuses_token = true;
    fixture_start(f);
    fixture_pass(f, 5000);
    assert_true(is_state(f, "\"state\":\"needs-person\""));
    f->refuses_token = false;
    fixture_object(f, OBJECT_MAILBOX, BOX,
                   "{\"address\":\"" BOX
                   "\",\"registration\":\"reg\",\"grant\":\"code\",\"user\":\"other@contoso.example\"}");
    fixture_until(f, idles);
}

static void authenticated_but_not_connected_is_explained(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    mail_server_refuse_select(f->server, "BAD User is authenticated but not connected.");
    fixture_start(f);
    fixture_pass(f, 5000);
    assert_true(is_state(f, "imap.not-connected"));
    assert_true(is_state(f, "User is authenticated but not connected."));
}

static void an_expired_token_is_replaced_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    fixture_pass(f, 3600 * 1000);
    unsigned before = mail_server_connections(f->server);
    mail_server_say_bye(f->server, "Session invalidated - AccessTokenExpired");
    fixture_add(f, "came meanwhile");
    fixture_turns(f);
    fixture_pass(f, 1000);
    assert_int_equal(mail_server_connections(f->server), before + 1);
    assert_true(is_state(f, "\"state\":\"idle\""));
    assert_int_equal(fixture_delivered(f, "came meanwhile"), 1);
}

static void throttling_is_waited_out(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    mail_server_refuse_select(f->server, "NO Request is throttled. Suggested Backoff Time: 92415 milliseconds");
    fixture_start(f);
    fixture_pass(f, 5000);
    mail_server_refuse_select(f->server, NULL);
    assert_int_equal(mail_server_connections(f->server), 1);
    fixture_pass(f, 80 * 1000);
    assert_int_equal(mail_server_connections(f->server), 1);
    fixture_pass(f, 20 * 1000);
    assert_true(idles(f));
}

static void a_cut_at_any_line_loses_and_repeats_nothing(void **state)
{
    for (unsigned line = 1; line < 30; line++) {
        struct fixture *f;
        fixture_setup((void **)&f);
        fixture_endpoint(f, "crm", line % 2 ? ",\"after\":\"delete\"" : "");
        fixture_start(f);
        fixture_until(f, idles);
        mail_server_cut_after(f->server, line);
        fixture_add(f, "one");
        fixture_add(f, "two");
        fixture_add(f, "three");
        until_done(f, 3);
        if (fixture_delivered(f, NULL) != 3 || f->kept_count != 3)
            fail_msg("%zu handed over, %zu kept after a cut at line %u", f->deliveries_count, f->kept_count, line);
        fixture_teardown((void **)&f);
    }
}

static void a_server_that_always_cuts_is_left_alone_more_and_more(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    mail_server_cut_each(f->server, 2);
    fixture_start(f);
    fixture_pass(f, 3600 * 1000);
    assert_true(mail_server_connections(f->server) > 5);
    assert_true(mail_server_connections(f->server) < 25);
    assert_true(is_state(f, "\"state\":\"failing\""));
}

static void stopping_ends_in_order(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    fixture_add(f, "one");
    fixture_add(f, "two");
    fixture_pass(f, 1000);
    inbox_stop(f->inbox);
    fixture_turns(f);
    assert_false(f->is_stopped);
    f->holds = false;
    fixture_pass(f, 1000);
    assert_true(f->is_stopped);
    assert_int_equal(fixture_delivered(f, NULL), 1);
    assert_int_equal(fixture_count(f, INBOX_HANDED), 1);
    assert_int_equal(mail_server_open(f->server), 0);
}

static void stopping_does_not_wait_for_ever(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    fixture_add(f, "one");
    fixture_pass(f, 1000);
    inbox_stop(f->inbox);
    fixture_pass(f, 11 * 1000);
    assert_true(f->is_stopped);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_refused_token_is_renewed_once),
        T(a_sign_in_refused_for_good_waits_for_a_person),
        T(a_missing_grant_waits_for_a_person_and_a_change_of_object_tries_again),
        T(authenticated_but_not_connected_is_explained),
        T(an_expired_token_is_replaced_at_once),
        T(throttling_is_waited_out),
        cmocka_unit_test(a_cut_at_any_line_loses_and_repeats_nothing),
        T(a_server_that_always_cuts_is_left_alone_more_and_more),
        T(stopping_ends_in_order),
        T(stopping_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
