/* Connections that are kept, and their end: age, number, settings, death, stopping. */
#include "relay_fixture.h"

static void deliver(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fixture_attempt(f, i, NULL, NULL);
        fixture_until_done(f, f->done_count + 1);
        assert_int_equal(f->done[f->done_count - 1].results[0].class, ATTEMPT_DELIVERED);
    }
}

static void a_connection_serves_the_next_message(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, ACCEPT, ACCEPT, "HANG")));

    deliver(f, 3);
    assert_int_equal(script_server_connections(f->server), 1);
    assert_int_equal(f->asks_count, 1);
    assert_non_null(strstr(f->done[2].dialogue, "used 2 times before"));
}

static void an_unused_connection_says_goodbye(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, BYE)));

    deliver(f, 1);
    loop_advance(f->loop, 29000);
    fixture_turns(f);
    assert_null(strstr(script_server_heard(f->server), "QUIT"));
    loop_advance(f->loop, 2000);
    fixture_turns(f);
    assert_non_null(strstr(script_server_heard(f->server), "QUIT"));
    deliver(f, 1);
    assert_int_equal(script_server_connections(f->server), 2);
}

static void a_connection_whose_token_ends_soon_is_not_kept(void **state)
{
    struct fixture *f = *state;
    const struct vault_says vault[] = { { .token = "one", .serial = 1, .expires_ms = loop_wall_ms(f->loop) + 60000 },
                                        { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, BYE)));
    f->vault = vault;

    deliver(f, 2);
    assert_int_equal(script_server_connections(f->server), 2);
}

static void a_dead_connection_is_replaced_in_silence(void **state)
{
    const struct {
        const char *const *first;
    } deaths[] = {
        { SCRIPT(HELLO, ACCEPT, "CUT") },
        { SCRIPT(HELLO, ACCEPT, "END") },
        { SCRIPT(HELLO, ACCEPT, "C: MAIL", "CUT") },
        { SCRIPT(HELLO, ACCEPT, "C: MAIL", "S: 421 4.4.2 Timeout waiting for data from client", "END") },
        { SCRIPT(HELLO, ACCEPT, "LATE", "S: 421 4.4.1 Connection timed out", "END") },
        { SCRIPT(HELLO, ACCEPT, "C: MAIL", "S: 421 4.3.2 Service not available", "END") },
        { SCRIPT(HELLO, ACCEPT, "LATE", "S: 421 mail.test closing connection", "END") },
    };

    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
        void *own;
        fixture_setup(&own);
        struct fixture *f = own;
        fixture_plain(f, SCRIPTS(deaths[i].first, SCRIPT(HELLO, ACCEPT, "HANG")));
        deliver(f, 1);
        script_server_go(f->server);
        deliver(f, 1);
        assert_int_equal(script_server_connections(f->server), 2);
        fixture_teardown(&own);
    }
}

static void a_throttled_connection_is_no_dead_one(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, "C: MAIL",
                                    "S: 421 4.4.2 Message submission rate for this client has exceeded "
                                    "the configured limit",
                                    "END"),
                             SCRIPT(HELLO, ACCEPT, "HANG")));

    deliver(f, 1);
    fixture_attempt(f, 2, NULL, NULL);
    fixture_until_done(f, 2);
    assert_int_equal(f->done[1].results[0].class, ATTEMPT_RETRY);
    assert_string_equal(f->done[1].results[0].id, "smtp.limit.rate");
    assert_int_equal(script_server_connections(f->server), 1);
}

static void a_connection_cut_after_an_answer_is_no_dead_one(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, "C: MAIL", "S: 250 ok", "CUT"), SCRIPT(HELLO, ACCEPT, "HANG")));

    deliver(f, 1);
    fixture_attempt(f, 2, NULL, NULL);
    fixture_until_done(f, 2);
    assert_int_equal(f->done[1].results[0].class, ATTEMPT_RETRY);
    assert_int_equal(script_server_connections(f->server), 1);
}

static void changed_settings_close_what_was_made_by_the_old(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, BYE)));

    deliver(f, 1);
    fixture_object(f, OBJECT_MAILBOX, BOX,
                   "{\"address\":\"" BOX "\",\"provider\":\"test\",\"grant\":\"none\",\"user\":\"other\"}");
    fixture_turns(f);
    assert_non_null(strstr(script_server_heard(f->server), "QUIT"));
    deliver(f, 1);
    fixture_provider(f, "none", "none");
    deliver(f, 1);
    assert_int_equal(script_server_connections(f->server), 3);
}

static void a_connection_in_use_ends_after_its_message_when_settings_change(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok", "C: DATA", "S: 354 go",
                                    "BODY", "LATE", "S: 250 2.0.0 taken", BYE)));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_turns(f);
    fixture_object(f, OBJECT_MAILBOX, BOX,
                   "{\"address\":\"" BOX "\",\"provider\":\"test\",\"grant\":\"none\",\"user\":\"other\"}");
    script_server_go(f->server);
    fixture_until_done(f, 1);
    fixture_turns(f);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
    assert_non_null(strstr(script_server_heard(f->server), "QUIT"));
}

static void several_messages_use_several_connections(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, ACCEPT, ACCEPT, "HANG")));

    for (unsigned i = 0; i < 3; i++)
        fixture_attempt(f, i, NULL, NULL);
    fixture_until_done(f, 3);
    deliver(f, 2);
    assert_int_equal(script_server_connections(f->server), 3);
}

static void a_lost_queue_gets_back_what_was_not_sent(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, "C: MAIL", "HANG"),
                             SCRIPT(HELLO, "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok", "C: DATA", "S: 354 go",
                                    "BODY", "LATE", "S: 250 taken", "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_turns(f);
    fixture_attempt(f, 2, NULL, NULL);
    fixture_turns(f);
    relay_queue_down(f->relay);
    script_server_go(f->server);
    fixture_until_done(f, 1);
    fixture_turns(f);
    assert_int_equal(f->done_count, 1); /* the whole one is still heard to its end */
    assert_int_equal(f->done[0].tag, 2);
}

static bool is_stopped(struct fixture *f)
{
    return f->is_stopped;
}

static void stopping_waits_for_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok", "C: DATA", "S: 354 go",
                                    "BODY", "LATE", "S: 250 taken", BYE)));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_turns(f);
    relay_stop(f->relay);
    fixture_turns(f);
    assert_false(f->is_stopped);
    fixture_attempt(f, 2, NULL, NULL); /* nothing new */
    assert_int_equal(f->done_count, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_RETRY);
    script_server_go(f->server);
    fixture_until(f, is_stopped);
    assert_int_equal(f->done[1].results[0].class, ATTEMPT_DELIVERED);
}

static void stopping_does_not_wait_forever(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, "C: MAIL", "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_turns(f);
    relay_stop(f->relay);
    loop_advance(f->loop, 10001);
    fixture_until(f, is_stopped);
    assert_int_equal(f->done_count, 0);
}

static void stopping_with_nothing_under_way_is_quick(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, ACCEPT, BYE)));

    deliver(f, 1);
    relay_stop(f->relay);
    fixture_until(f, is_stopped);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_connection_serves_the_next_message),
        TEST(an_unused_connection_says_goodbye),
        TEST(a_connection_whose_token_ends_soon_is_not_kept),
        cmocka_unit_test(a_dead_connection_is_replaced_in_silence),
        TEST(a_throttled_connection_is_no_dead_one),
        TEST(a_connection_cut_after_an_answer_is_no_dead_one),
        TEST(changed_settings_close_what_was_made_by_the_old),
        TEST(a_connection_in_use_ends_after_its_message_when_settings_change),
        TEST(several_messages_use_several_connections),
        TEST(a_lost_queue_gets_back_what_was_not_sent),
        TEST(stopping_waits_for_what_is_under_way),
        TEST(stopping_does_not_wait_forever),
        TEST(stopping_with_nothing_under_way_is_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
