/* What the server answers, step by step, and what the queue is told of it. */
#include "relay_fixture.h"

#define MAIL "C: MAIL FROM"
#define MAIL_OK MAIL, "S: 250 ok"
#define RCPT "C: RCPT TO"
#define RCPT_OK MAIL_OK, RCPT, "S: 250 ok"
#define DATA_OK RCPT_OK, "C: DATA", "S: 354 go", "BODY"
#define REJECTED_TAIL "C: DATA", "S: 554 no valid recipients", "C: RSET", "S: 250 ok", "HANG"

struct outcome_case {
    const char *name;
    const char *const *script;
    unsigned class, code;
    const char *id;
    bool is_mailbox_fault, is_uncertain;
    unsigned retry_after_s;
};

static const struct outcome_case cases[] = {
    { "greeting 554", SCRIPT("S: 554 5.7.1 go away"), ATTEMPT_HOLD, 554, "smtp.connect.refused", true, false, 0 },
    { "greeting 421", SCRIPT("S: 421 4.3.2 Service not available"), ATTEMPT_RETRY, 421, "smtp.maintenance", true, false,
      0 },
    { "limit at the greeting", SCRIPT("S: 432 4.3.2 concurrent connection limit exceeded"), ATTEMPT_RETRY, 432,
      "smtp.limit.connections", true, false, 60 },
    { "no greeting", SCRIPT("CUT"), ATTEMPT_RETRY, 0, "net.lost", true, false, 0 },
    { "cut at EHLO", SCRIPT("S: 220 x", "C: EHLO", "CUT"), ATTEMPT_RETRY, 0, "net.lost", true, false, 0 },
    { "sender refused",
      SCRIPT(HELLO, MAIL, "S: 550 5.7.60 SMTP; Client does not have permissions to send as this sender", RCPT,
             "S: 503 5.5.2 x", REJECTED_TAIL),
      ATTEMPT_BOUNCE, 550, "smtp.sender.not-allowed", false, false, 0 },
    { "sender throttled",
      SCRIPT(HELLO, MAIL, "S: 550 5.2.252 Sender throttled due to continuous send as denied errors.", RCPT, "S: 503 x",
             REJECTED_TAIL),
      ATTEMPT_HOLD, 550, "smtp.throttled.send-as", true, false, 14400 },
    { "rate at MAIL",
      SCRIPT(HELLO, MAIL, "S: 421 4.4.2 Message submission rate for this client has exceeded the configured limit"),
      ATTEMPT_RETRY, 421, "smtp.limit.rate", true, false, 60 },
    { "the only recipient refused",
      SCRIPT(HELLO, MAIL_OK, RCPT, "S: 550 5.1.10 RESOLVER.ADR.RecipientNotFound", REJECTED_TAIL), ATTEMPT_BOUNCE, 550,
      "smtp.recipient.unknown", false, false, 0 },
    { "the only recipient too many", SCRIPT(HELLO, MAIL_OK, RCPT, "S: 452 4.5.3 Too many recipients", REJECTED_TAIL),
      ATTEMPT_RETRY, 452, "smtp.limit.recipients-message", false, false, 0 },
    { "the only recipient later", SCRIPT(HELLO, MAIL_OK, RCPT, "S: 450 4.2.0 greylisted", REJECTED_TAIL), ATTEMPT_RETRY,
      450, "smtp.recipient.temporary", false, false, 0 },
    { "DATA refused", SCRIPT(HELLO, RCPT_OK, "C: DATA", "S: 451 4.3.0 later", "C: RSET", "S: 250 ok", "HANG"),
      ATTEMPT_RETRY, 451, "smtp.temporary", false, false, 0 },
    { "cut after MAIL", SCRIPT(HELLO, MAIL_OK, "CUT"), ATTEMPT_RETRY, 0, "net.lost", false, false, 0 },
    { "cut after RCPT", SCRIPT(HELLO, RCPT_OK, "CUT"), ATTEMPT_RETRY, 0, "net.lost", false, false, 0 },
    { "cut after the body", SCRIPT(HELLO, DATA_OK, "CUT"), ATTEMPT_RETRY, 0, "smtp.uncertain", false, true, 0 },
    { "closed after the body", SCRIPT(HELLO, DATA_OK, "END"), ATTEMPT_RETRY, 0, "smtp.uncertain", false, true, 0 },
    { "send as denied",
      SCRIPT(HELLO, DATA_OK,
             "S: 554 5.2.252 SendAsDenied; a@x not allowed to send as b@x; "
             "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
             "HANG"),
      ATTEMPT_BOUNCE, 554, "smtp.sender.not-allowed", false, false, 0 },
    { "thread limit",
      SCRIPT(HELLO, DATA_OK, "S: 432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=A.B]", "HANG"),
      ATTEMPT_RETRY, 432, "smtp.limit.threads", true, false, 60 },
    { "mailbox full",
      SCRIPT(HELLO, DATA_OK,
             "S: 554 5.2.2 mailbox full; "
             "STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
             "HANG"),
      ATTEMPT_HOLD, 554, "smtp.sender.mailbox-full", true, false, 0 },
    { "421 after the body", SCRIPT(HELLO, DATA_OK, "S: 421 4.3.2 Service not available"), ATTEMPT_RETRY, 421,
      "smtp.maintenance", false, false, 0 },
    { "a wish in milliseconds",
      SCRIPT(HELLO, DATA_OK, "S: 451 4.7.0 Suggested Backoff Time: 92415 milliseconds", "HANG"), ATTEMPT_RETRY, 451,
      "smtp.server-error", false, false, 93 },
    { "unknown 5yz", SCRIPT(HELLO, DATA_OK, "S: 571 no", "HANG"), ATTEMPT_BOUNCE, 571, "smtp.message.refused", false,
      false, 0 },
};

static void check(const struct outcome_case *c)
{
    void *state;
    fixture_setup(&state);
    struct fixture *f = state;
    fixture_plain(f, SCRIPTS(c->script));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    const struct heard_done *d = &f->done[0];
    const struct outcome *o = &d->results[0];
    if (o->class != c->class || o->code != c->code || strcmp(o->id, c->id) != 0 ||
        o->retry_after_s != c->retry_after_s || d->is_mailbox_fault != c->is_mailbox_fault ||
        d->is_uncertain != c->is_uncertain)
        fail_msg("%s: class %u, code %u, id %s, after %u s, mailbox %d, uncertain %d: %s", c->name, o->class, o->code,
                 o->id, o->retry_after_s, d->is_mailbox_fault, d->is_uncertain, o->text);
    assert_true(strlen(o->text) > 0);
    fixture_turns(f);
    assert_int_equal(f->done_count, 1);
    if (script_server_surprise(f->server))
        fail_msg("%s: %s", c->name, script_server_surprise(f->server));
    fixture_teardown(&state);
}

static void every_answer_has_its_outcome(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

static void recipients_have_outcomes_of_their_own(void **state)
{
    struct fixture *f = *state;
    static const char *const to[] = { "good@x.example", "none@x.example", "later@x.example",
                                      "more@x.example", "fine@x.example", NULL };
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, MAIL_OK, RCPT, "S: 250 ok", RCPT, "S: 550 5.1.1 no such user", RCPT,
                                    "S: 450 4.2.0 greylisted", RCPT, "S: 452 4.5.3 Too many recipients", RCPT,
                                    "S: 250 ok", "C: DATA", "S: 354 go", "BODY", "S: 250 2.0.0 taken", "HANG")));

    fixture_attempt(f, 1, to, NULL);
    fixture_until_done(f, 1);
    const struct heard_done *d = &f->done[0];
    const unsigned classes[] = { ATTEMPT_DELIVERED, ATTEMPT_BOUNCE, ATTEMPT_RETRY, ATTEMPT_SPLIT, ATTEMPT_DELIVERED };
    const unsigned codes[] = { 250, 550, 450, 452, 250 };
    assert_int_equal(d->count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(d->results[i].class, classes[i]);
        assert_int_equal(d->results[i].code, codes[i]);
    }
    assert_string_equal(d->results[1].text, "no such user");
    assert_false(d->is_mailbox_fault);
}

static void a_message_with_too_many_is_halved(void **state)
{
    struct fixture *f = *state;
    static const char *const to[] = { "a@x.example", "b@x.example", "c@x.example", NULL };
    fixture_plain(
        f, SCRIPTS(SCRIPT(HELLO, MAIL_OK, RCPT, "S: 250 ok", RCPT, "S: 250 ok", RCPT, "S: 250 ok", "C: DATA",
                          "S: 354 go", "BODY", "S: 550 5.5.3 RESOLVER.ADR.RecipLimit; too many recipients", "HANG")));

    fixture_attempt(f, 1, to, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_SPLIT);
    assert_int_equal(f->done[0].results[1].class, ATTEMPT_SPLIT);
    assert_int_equal(f->done[0].results[2].class, ATTEMPT_RETRY);
    assert_true(f->done[0].results[2].retry_after_s > 0);
}

static void a_recipient_decided_before_the_cut_stays_decided(void **state)
{
    struct fixture *f = *state;
    static const char *const to[] = { "none@x.example", "good@x.example", NULL };
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, MAIL_OK, RCPT, "S: 550 5.1.1 no such user", RCPT, "S: 250 ok", "C: DATA",
                                    "S: 354 go", "BODY", "CUT")));

    fixture_attempt(f, 1, to, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_BOUNCE);
    assert_int_equal(f->done[0].results[1].class, ATTEMPT_RETRY);
    assert_true(f->done[0].is_uncertain);
}

/* A passing code with a lasting cause: after some in a row a person is asked. */
static void logon_failures_in_a_row_become_a_matter_for_a_person(void **state)
{
    struct fixture *f = *state;
#define LOGON_FAILURE DATA_OK, "S: 430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception"
    fixture_plain(f, SCRIPTS(SCRIPT(HELLO, LOGON_FAILURE, LOGON_FAILURE, ACCEPT, LOGON_FAILURE, LOGON_FAILURE,
                                    LOGON_FAILURE, "HANG")));

    static const unsigned classes[] = { ATTEMPT_RETRY, ATTEMPT_RETRY, ATTEMPT_DELIVERED,
                                        ATTEMPT_RETRY, ATTEMPT_RETRY, ATTEMPT_HOLD };
    for (unsigned i = 0; i < 6; i++) {
        fixture_attempt(f, i, NULL, NULL);
        fixture_until_done(f, i + 1);
        assert_int_equal(f->done[i].results[0].class, classes[i]);
        assert_int_equal(f->done[i].is_mailbox_fault, classes[i] == ATTEMPT_HOLD);
    }
}

static void a_silent_server_is_left_in_time(void **state)
{
    const char *const *const scripts[] = { SCRIPT("HANG"), SCRIPT("S: 220 x", "C: EHLO", "HANG"),
                                           SCRIPT(HELLO, MAIL_OK, "HANG"), SCRIPT(HELLO, DATA_OK, "HANG") };
    static const int64_t enough_ms[] = { 61000, 61000, 301000, 601000 };

    for (size_t i = 0; i < 4; i++) {
        void *own;
        fixture_setup(&own);
        struct fixture *f = own;
        fixture_plain(f, SCRIPTS(scripts[i]));
        fixture_attempt(f, 1, NULL, NULL);
        fixture_turns(f);
        loop_advance(f->loop, enough_ms[i] / 2);
        fixture_turns(f);
        assert_int_equal(f->done_count, 0);
        loop_advance(f->loop, enough_ms[i] / 2 + 1000);
        fixture_until_done(f, 1);
        assert_int_equal(f->done[0].results[0].class, ATTEMPT_RETRY);
        assert_int_equal(f->done[0].is_uncertain, i == 3);
        fixture_teardown(&own);
    }
}

static void nobody_listening_is_tried_again(void **state)
{
    struct fixture *f = *state;
    fixture_plain(f, SCRIPTS(SCRIPT("HANG")));
    uint16_t port = script_server_port(f->server);
    script_server_free(f->server);
    f->server = NULL;
    loop_turn(f->loop, 0);
    assert_true(port > 0);

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_RETRY);
    assert_string_equal(f->done[0].results[0].id, "net.connect");
    assert_true(f->done[0].is_mailbox_fault);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_has_its_outcome),
        TEST(recipients_have_outcomes_of_their_own),
        TEST(a_message_with_too_many_is_halved),
        TEST(a_recipient_decided_before_the_cut_stays_decided),
        TEST(logon_failures_in_a_row_become_a_matter_for_a_person),
        cmocka_unit_test(a_silent_server_is_left_in_time),
        TEST(nobody_listening_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
