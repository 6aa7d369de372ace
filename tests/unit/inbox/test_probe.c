/* "mailbox.test" by IMAP and POP3: what is told of each step, and that there is one answer, whatever becomes of the connection. */
#include <stdio.h>

#include "inbox_fixture.h"

static const char *const protocols[] = { "imap", "pop3" };

static void ask_for(struct fixture *f, const char *protocol)
{
    char json[200];
    const struct admin_ask ask = { .tag = 5, .verb = "mailbox.test", .json = json };
    snprintf(json, sizeof json, "{\"address\":\"%s\",\"protocol\":\"%s\"}", BOX, protocol);
    inbox_admin_ask(f->inbox, &ask);
}

static bool is_answered(struct fixture *f)
{
    return f->answer != NULL;
}

static void test_mailbox(struct fixture *f, const char *protocol)
{
    free(f->answer);
    f->answer = NULL;
    f->progress_count = 0;
    ask_for(f, protocol);
    fixture_until(f, is_answered);
}

static void a_mailbox_that_can_be_read_is_well(void **state)
{
    struct fixture *f = *state;
    fixture_add(f, "one");
    fixture_add(f, "two");
    fixture_start(f);
    test_mailbox(f, "imap");
    assert_int_equal(f->answer_status, 200);
    assert_non_null(strstr(f->answer, "\"ok\":true"));
    assert_non_null(strstr(f->answer, "2 messages, UIDVALIDITY "));
    assert_true(f->progress_count >= 7);
    test_mailbox(f, "pop3");
    assert_int_equal(f->answer_status, 200);
    assert_non_null(strstr(f->answer, "2 messages, "));
    assert_non_null(strstr(f->answer, "2 messages can be told apart"));
    assert_null(strstr(mail_server_heard(f->server), "STORE"));
    assert_null(strstr(mail_server_heard(f->server), "DELE"));
    assert_int_equal(fixture_delivered(f, NULL), 0);
}

static void a_sign_in_is_not_yet_access(void **state)
{
    struct fixture *f = *state;
    mail_server_refuse_select(f->server, "BAD User is authenticated but not connected.");
    fixture_start(f);
    test_mailbox(f, "imap");
    assert_int_equal(f->answer_status, 422);
    assert_non_null(strstr(f->answer, "\"step\":\"sign-in\",\"ok\":true"));
    assert_non_null(strstr(f->answer, "\"step\":\"inbox\",\"ok\":false"));
    assert_non_null(strstr(f->answer, "\"id\":\"imap.not-connected\""));
}

static void a_refused_token_is_the_sign_ins_step(void **state)
{
    struct fixture *f = *state;
    mail_server_refuse_token(f->server, "token-one");
    fixture_start(f);
    for (size_t i = 0; i < 2; i++) {
        test_mailbox(f, protocols[i]);
        assert_int_equal(f->answer_status, 422);
        assert_non_null(strstr(f->answer, "\"step\":\"sign-in\",\"ok\":false"));
        assert_non_null(strstr(f->answer, i == 0 ? "\"id\":\"imap.auth." : "\"id\":\"pop3.auth."));
    }
}

/* Cut behind each line of ours there is one answer, and it says what is wrong; behind the last all is well. */
static void a_cut_at_every_line_is_told(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        unsigned lines = 0;
        for (bool is_well = false; !is_well; lines++) {
            void *own;
            fixture_setup(&own);
            struct fixture *f = own;
            mail_server_cut_after(f->server, lines + 1);
            fixture_start(f);
            test_mailbox(f, protocols[i]);
            is_well = f->answer_status == 200;
            if (!is_well)
                assert_non_null(strstr(f->answer, "\"ok\":false"));
            if (!is_well && !strstr(f->answer, "\"findings\":[{"))
                fail_msg("%s: %s", protocols[i], f->answer);
            assert_true(lines < 20);
            fixture_teardown(&own);
        }
        assert_true(lines > 3);
    }
}

static void a_test_nobody_waits_for_ends(void **state)
{
    struct fixture *f = *state;
    fixture_start(f);
    for (unsigned turns = 0; turns < 20; turns++) {
        ask_for(f, protocols[turns % 2]);
        for (unsigned i = 0; i < turns; i++)
            fixture_turn(f);
        inbox_admin_cancel(f->inbox, 5);
        fixture_turns(f);
    }
    ask_for(f, "imap");
    inbox_admin_down(f->inbox);
    fixture_turns(f);
}

static void an_unknown_mailbox_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct admin_ask ask = { .tag = 5,
                                   .verb = "mailbox.test",
                                   .json = "{\"address\":\"x@y\",\"protocol\":\"imap\"}" };
    const struct admin_ask bad = { .tag = 5, .verb = "mailbox.test", .json = "not json" };
    fixture_start(f);
    inbox_admin_ask(f->inbox, &ask);
    assert_int_equal(f->answer_status, 404);
    inbox_admin_ask(f->inbox, &bad);
    assert_int_equal(f->answer_status, 404);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_mailbox_that_can_be_read_is_well), T(a_sign_in_is_not_yet_access),  T(a_refused_token_is_the_sign_ins_step),
        T(a_cut_at_every_line_is_told),        T(a_test_nobody_waits_for_ends), T(an_unknown_mailbox_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
