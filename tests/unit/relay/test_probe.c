/* "mailbox.test": what a person is shown, step by step, and the findings in the end. */
#include <jansson.h>

#include "relay_fixture.h"

static bool is_answered(struct fixture *f)
{
    return f->answer != NULL;
}

static json_t *test_mailbox(struct fixture *f, const char *json)
{
    const struct admin_ask ask = { .tag = 9, .verb = "mailbox.test", .json = json };
    relay_admin_ask(f->relay, &ask);
    fixture_until(f, is_answered);
    json_t *j = json_loads(f->answer, 0, NULL);
    assert_non_null(j);
    return j;
}

static void check_steps(struct fixture *f, const char *const *names, size_t count, bool last_ok)
{
    assert_int_equal(f->progress_count, count);
    for (size_t i = 0; i < count; i++) {
        json_t *step = json_loads(f->progress[i], 0, NULL);
        assert_string_equal(json_string_value(json_object_get(step, "step")), names[i]);
        assert_int_equal(json_is_true(json_object_get(step, "ok")), i + 1 < count || last_ok);
        assert_true(json_is_integer(json_object_get(step, "ms")));
        assert_true(json_is_string(json_object_get(step, "seen")));
        json_decref(step);
    }
}

static const char *finding_id(const json_t *answer, size_t index)
{
    const char *id = json_string_value(
        json_object_get(json_array_get(json_object_get(answer, "findings"), index), "id"));
    return id ? id : "";
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void a_working_mailbox_passes_every_step(void **state)
{
    struct fixture *f = *state;
    static const char *const steps[] = { "name",       "connection", "greeting", "tls",       "token",
                                         "token-says", "sign-in",    "sender",   "recipient", "message" };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, BYE)));

    json_t *j = test_mailbox(f, "{\"address\":\"" BOX "\",\"to\":\"me@contoso.example\",\"send\":true}");
    assert_int_equal(f->answer_status, 200);
    assert_true(json_is_true(json_object_get(j, "ok")));
    assert_int_equal(json_array_size(json_object_get(j, "findings")), 0);
    assert_int_equal(json_array_size(json_object_get(j, "steps")), COUNT(steps));
    check_steps(f, steps, COUNT(steps), true);
    json_decref(j);
    assert_non_null(strstr(f->progress[3], "certificate of "));
    assert_non_null(strstr(f->progress[3], ", valid until 20"));
    fixture_turns(f);
    assert_non_null(strstr(script_server_heard(f->server), "RCPT TO:<me@contoso.example>"));
    assert_non_null(strstr(script_server_heard(f->server), "QUIT"));
    struct bytes body = script_server_body(f->server);
    assert_true(bytes_find(body, BYTES_LIT("\r\nMessage-ID: <")) != SIZE_MAX);
    assert_true(bytes_find(body, BYTES_LIT("From: <" BOX ">\r\n")) == 0);
}

static void without_sending_it_ends_after_the_sign_in(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, BYE)));

    json_t *j = test_mailbox(f, "{\"address\":\"" BOX "\",\"send\":false}");
    assert_true(json_is_true(json_object_get(j, "ok")));
    json_decref(j);
    assert_null(strstr(script_server_heard(f->server), "MAIL"));
}

static void a_refused_sign_in_names_the_cause_with_its_values(void **state)
{
    struct fixture *f = *state;
    static const char *const steps[] = { "name", "connection", "greeting", "tls", "token", "token-says", "sign-in" };
    fixture_oauth(
        f, SCRIPTS(SCRIPT(
               STARTTLS_HELLO, AUTH_ASK,
               "S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. x",
               "HANG")));

    json_t *j = test_mailbox(f, "{\"address\":\"" BOX "\"}");
    assert_int_equal(f->answer_status, 422);
    assert_true(json_is_false(json_object_get(j, "ok")));
    assert_string_equal(finding_id(j, 0), "smtp.auth.disabled-mailbox");
    assert_non_null(strstr(f->answer, "Set-CASMailbox -Identity " BOX));
    assert_non_null(strstr(f->answer, "-Organization contoso.example"));
    check_steps(f, steps, COUNT(steps), false);
    json_decref(j);
}

/* {"aud":"https://graph.microsoft.com","scp":"SMTP.Send"} */
#define GRAPH_TOKEN "e30.eyJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20iLCJzY3AiOiJTTVRQLlNlbmQifQ.x"

static void the_root_cause_stands_first(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .token = GRAPH_TOKEN, .serial = 5 }, { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, "S: 535 5.7.3 Authentication unsuccessful", "HANG")));
    f->vault = vault;

    json_t *j = test_mailbox(f, "{\"address\":\"" BOX "\"}");
    assert_string_equal(finding_id(j, 0), "token.audience");
    assert_string_equal(finding_id(j, 1), "smtp.auth.refused");
    json_decref(j);
}

struct failure_case {
    const char *const *script;
    const char *step, *id;
};

static void every_failing_step_has_its_finding(void **state)
{
    const struct failure_case cases[] = {
        { SCRIPT("S: 554 5.7.1 no"), "greeting", "smtp.connect.refused" },
        { SCRIPT("S: 220 x", "C: EHLO", "S: 250 x", "HANG"), "tls", "smtp.starttls-missing" },
        { SCRIPT(STARTTLS_HELLO, AUTH_OK, "C: MAIL",
                 "S: 550 5.7.60 SMTP; Client does not have permissions to send as this sender", "C: RCPT", "S: 503 x",
                 "C: DATA", "S: 503 x", "C: RSET", "S: 250 ok", BYE),
          "sender", "smtp.sender.not-allowed" },
        { SCRIPT(STARTTLS_HELLO, AUTH_OK, "C: MAIL", "S: 250 ok", "C: RCPT", "S: 550 5.1.1 no", "C: DATA", "S: 503 x",
                 "C: RSET", "S: 250 ok", BYE),
          "recipient", "smtp.recipient.unknown" },
        { SCRIPT(STARTTLS_HELLO, AUTH_OK, "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok", "C: DATA", "S: 354 go",
                 "BODY", "S: 554 5.2.252 SendAsDenied; a not allowed to send as b", BYE),
          "message", "smtp.sender.not-allowed" },
        { SCRIPT(STARTTLS_HELLO, AUTH_OK, "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok", "C: DATA", "S: 354 go",
                 "BODY", "CUT"),
          "message", "net.lost" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        void *own;
        fixture_setup(&own);
        struct fixture *f = own;
        fixture_oauth(f, SCRIPTS(cases[i].script));
        json_t *j = test_mailbox(f, "{\"address\":\"" BOX "\"}");
        json_t *last = json_loads(f->progress[f->progress_count - 1], 0, NULL);
        assert_string_equal(json_string_value(json_object_get(last, "step")), cases[i].step);
        assert_true(json_is_false(json_object_get(last, "ok")));
        assert_string_equal(finding_id(j, 0), cases[i].id);
        json_decref(last);
        json_decref(j);
        fixture_teardown(&own);
    }
}

static void a_missing_grant_is_the_tokens_step(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .kind = FAULT_HOLD, .id = "grant.missing" }, { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, "HANG")));
    f->vault = vault;

    json_t *j = test_mailbox(f, "{\"address\":\"" BOX "\"}");
    assert_string_equal(finding_id(j, 0), "grant.missing");
    assert_non_null(strstr(f->progress[f->progress_count - 1], "\"token\""));
    json_decref(j);
}

static void what_cannot_be_tested_is_refused(void **state)
{
    static const struct {
        const char *json;
        unsigned status;
    } cases[] = {
        { "{\"address\":\"" BOX "\",\"protocol\":\"imap\"}", 400 },
        { "{\"address\":\"" BOX "\",\"protocol\":\"pop3\"}", 400 },
        { "{\"address\":\"nobody@contoso.example\"}", 404 },
        { "{}", 400 },
        { "", 400 },
        { "{\"address\":\"" BOX "\",\"to\":\"x\\r\\ny@z\"}", 400 },
        { "not json", 400 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        void *own;
        fixture_setup(&own);
        struct fixture *f = own;
        fixture_plain(f, SCRIPTS(SCRIPT("HANG")));
        json_t *j = test_mailbox(f, cases[i].json);
        assert_int_equal(f->answer_status, cases[i].status);
        assert_true(json_array_size(json_object_get(j, "findings")) > 0);
        json_decref(j);
        fixture_teardown(&own);
    }
}

static void a_test_nobody_waits_for_ends(void **state)
{
    struct fixture *f = *state;
    const struct admin_ask ask = { .tag = 9, .verb = "mailbox.test", .json = "{\"address\":\"" BOX "\"}" };
    fixture_plain(f, SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "HANG")));

    relay_admin_ask(f->relay, &ask);
    fixture_turns(f);
    relay_admin_cancel(f->relay, 8);
    relay_admin_cancel(f->relay, 9);
    fixture_turns(f);
    assert_null(f->answer);
    relay_admin_ask(f->relay, &ask);
    relay_admin_down(f->relay); /* while the name is being looked up */
    fixture_turns(f);
    assert_null(f->answer);
}

static void other_verbs_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct admin_ask ask = { .tag = 9, .verb = "mailbox.eat", .json = "{}" };

    relay_admin_ask(f->relay, &ask);
    assert_int_equal(f->answer_status, 404);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_working_mailbox_passes_every_step),
        TEST(without_sending_it_ends_after_the_sign_in),
        TEST(a_refused_sign_in_names_the_cause_with_its_values),
        TEST(the_root_cause_stands_first),
        cmocka_unit_test(every_failing_step_has_its_finding),
        TEST(a_missing_grant_is_the_tokens_step),
        cmocka_unit_test(what_cannot_be_tested_is_refused),
        TEST(a_test_nobody_waits_for_ends),
        TEST(other_verbs_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
