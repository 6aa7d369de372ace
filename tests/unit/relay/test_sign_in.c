/* Credentials: when they are asked for, when they are sent, and what happens when the server does not like them. */
#include "relay_fixture.h"

#define REFUSED "S: 535 5.7.3 Authentication unsuccessful [A.B.C 2026-07-01T01:57:31.695Z 08DED6A3FAA75B29]"

static void a_token_signs_in_and_stays_out_of_the_dialogue(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, BYE)));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
    assert_int_equal(f->asks_count, 1);
    assert_int_equal(f->asks[0].protocol, OBJECT_SMTP);
    assert_int_equal(f->asks[0].refused, 0);
    /* base64 of "user=shop@contoso.example^Aauth=Bearer token-one^A^A" */
    const char *blob = "dXNlcj1zaG9wQGNvbnRvc28uZXhhbXBsZQFhdXRoPUJlYXJlciB0b2tlbi1vbmUBAQ==";
    assert_non_null(strstr(script_server_heard(f->server), blob));
    assert_null(strstr(f->done[0].dialogue, blob));
    assert_null(strstr(f->done[0].dialogue, "token-one"));
    assert_non_null(strstr(f->done[0].dialogue, "C: [masked]"));
    assert_non_null(strstr(f->done[0].dialogue, "* TLSv1"));
}

static void a_refused_token_is_renewed_once(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .token = "old", .serial = 5 },
                                               { .token = "new", .serial = 6 },
                                               { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, REFUSED, AUTH_OK, ACCEPT, BYE)));
    f->vault = vault;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
    assert_int_equal(f->asks_count, 2);
    assert_int_equal(f->asks[1].refused, 5);
    assert_int_equal(script_server_connections(f->server), 1);
}

static void a_token_refused_twice_waits_for_a_person(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .token = "old", .serial = 5 },
                                               { .token = "new", .serial = 6 },
                                               { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, REFUSED, AUTH_ASK, REFUSED, "HANG")));
    f->vault = vault;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    const struct outcome *o = &f->done[0].results[0];
    assert_int_equal(o->class, ATTEMPT_HOLD);
    assert_string_equal(o->id, "smtp.auth.refused");
    assert_int_equal(o->code, 535);
    assert_non_null(strstr(o->text, "Authentication unsuccessful"));
    assert_true(f->done[0].is_mailbox_fault);
    assert_int_equal(f->asks_count, 2);
}

static void a_token_that_cannot_be_renewed_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, REFUSED, "HANG")));

    fixture_attempt(f, 1, NULL, NULL); /* the vault has the same serial again */
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "smtp.auth.refused");
    assert_int_equal(f->asks_count, 2);
    assert_null(strstr(strstr(script_server_heard(f->server), "AUTH XOAUTH2") + 1, "AUTH XOAUTH2"));
}

static bool is_asked_twice(struct fixture *f)
{
    return f->asks_count == 2;
}

static void a_server_that_hangs_up_after_refusing_is_dialled_again(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = {
        { .token = "old", .serial = 5 }, { .token = "new", .serial = 6 }, { .token = "new", .serial = 6 }, { 0 }
    };
    fixture_oauth(
        f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, REFUSED, "CUT"), SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, BYE)));
    f->vault = vault;
    f->vault_answers = 1; /* the second answer is held back until the connection is gone */

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until(f, is_asked_twice);
    fixture_turns(f);
    f->vault_answers = ASKS_MAX;
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
}

static void switched_off_sign_in_is_no_reason_for_a_new_token(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(
        f, SCRIPTS(SCRIPT(
               STARTTLS_HELLO, AUTH_ASK,
               "S: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. "
               "Visit https://aka.ms/smtp_auth_disabled for more information. [A.B 2026-07-01T01:57:31.695Z 08]",
               "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "smtp.auth.disabled-tenant");
    assert_int_equal(f->asks_count, 1);
}

static void a_token_about_to_end_is_renewed_at_once(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .token = "old", .serial = 5 },
                                               { .token = "new", .serial = 6 },
                                               { 0 } };
    fixture_oauth(
        f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, "S: 501 5.5.127 Invalid XOAUTH2 auth data - Token will expire soon",
                          AUTH_OK, ACCEPT, BYE)));
    f->vault = vault;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
}

static void a_challenge_is_answered_and_kept(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f,
                  SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, "S: 334 eyJzdGF0dXMiOiI0MDAifQ==", "C: ", REFUSED, "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_non_null(strstr(f->done[0].dialogue, "{\"status\":\"400\"}"));
}

static void a_wrong_certificate_gets_no_credential(void **state)
{
    struct fixture *f = *state;
    struct fault why;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, BYE)));
    fixture_provider(f, "starttls", "xoauth2");
    /* Trusted, but for another name. */
    struct test_pem other;
    test_certificate(&f->authority, "DNS:elsewhere.example", -100, 100000, &other);
    struct tls_context *tls = tls_server_new(buf_bytes(&other.certificate), buf_bytes(&other.key), &why);
    script_server_set_tls(f->server, tls);

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    fixture_turns(f);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "tls.certificate");
    assert_true(f->done[0].is_mailbox_fault);
    assert_int_equal(f->asks_count, 0);
    assert_null(strstr(script_server_heard(f->server), "AUTH"));
    script_server_set_tls(f->server, f->server_tls);
    tls_context_free(tls);
    test_pem_fini(&other);
}

static void a_server_without_starttls_gets_no_credential(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "S: 250-x", "S: 250 AUTH XOAUTH2", "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    fixture_turns(f);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "smtp.starttls-missing");
    assert_int_equal(f->asks_count, 0);
    assert_null(strstr(script_server_heard(f->server), "AUTH"));
}

static void words_before_the_handshake_are_an_attack(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "S: 250-x", "S: 250 STARTTLS", "C: STARTTLS",
                                    "S: 220 go\r\n250 injected", "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_int_equal(f->asks_count, 0);
}

static void a_missing_mechanism_is_told(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT("S: 220 x", "C: EHLO", "S: 250-x", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go",
                                    "TLS", "C: EHLO", "S: 250-x", "S: 250 AUTH LOGIN", "HANG")));

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "smtp.auth-missing");
    assert_true(f->done[0].is_mailbox_fault);
}

static void the_vault_refuses_and_the_reason_is_passed_on(void **state)
{
    static const struct {
        struct vault_says says[2];
        unsigned class;
    } cases[] = {
        { { { .kind = FAULT_HOLD, .id = "oauth.revoked" }, { 0 } }, ATTEMPT_HOLD },
        { { { .kind = FAULT_RETRY, .id = "provider.unreachable" }, { 0 } }, ATTEMPT_RETRY },
        { { { .kind = FAULT_CONFIG, .id = "registration.secret-missing" }, { 0 } }, ATTEMPT_HOLD },
        { { { .kind = FAULT_REJECT, .id = "grant.id-token" }, { 0 } }, ATTEMPT_HOLD },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *own;
        fixture_setup(&own);
        struct fixture *f = own;
        fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, "HANG")));
        f->vault = cases[i].says;
        fixture_attempt(f, 1, NULL, NULL);
        fixture_until_done(f, 1);
        assert_int_equal(f->done[0].results[0].class, cases[i].class);
        assert_string_equal(f->done[0].results[0].id, cases[i].says[0].id);
        assert_string_equal(f->done[0].results[0].text, "the vault's reason");
        assert_true(f->done[0].is_mailbox_fault);
        fixture_teardown(&own);
    }
}

static void a_vault_that_comes_back_is_asked_again(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_OK, ACCEPT, BYE)));
    f->vault_is_down = true;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_turns(f);
    fixture_turns(f);
    assert_int_equal(f->done_count, 0);
    f->vault_is_down = false;
    relay_vault_up(f->relay);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_DELIVERED);
}

static bool is_asked(struct fixture *f)
{
    return f->asks_count > 0;
}

static void a_vault_that_says_nothing_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, "HANG")));
    f->vault_answers = 0;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until(f, is_asked);
    loop_advance(f->loop, 91000);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_RETRY);
    assert_string_equal(f->done[0].results[0].id, "vault.unreachable");
    assert_true(f->done[0].is_mailbox_fault);
    f->vault_answers = ASKS_MAX;
    fixture_turns(f); /* an answer that comes too late finds nobody */
    assert_int_equal(f->done_count, 1);
}

static void a_password_goes_by_what_the_server_offers(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .token = "secret", .serial = 1, .sasl = OBJECT_SASL_PLAIN }, { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, "C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6",
                                    "C: c2hvcEBjb250b3NvLmV4YW1wbGU=", "S: 334 UGFzc3dvcmQ6", "C: c2VjcmV0",
                                    "S: 535 5.7.139 Authentication unsuccessful, the user "
                                    "credentials were incorrect.",
                                    "HANG")));
    fixture_object(f, OBJECT_MAILBOX, BOX, "{\"address\":\"" BOX "\",\"provider\":\"test\",\"grant\":\"basic\"}");
    f->vault = vault;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_null(script_server_surprise(f->server));
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "smtp.auth.credentials");
    assert_int_equal(f->asks_count, 1); /* a password does not get better by asking again */
    assert_null(strstr(f->done[0].dialogue, "c2VjcmV0"));
}

/* {"aud":"https://graph.microsoft.com","scp":"SMTP.Send"} */
#define GRAPH_TOKEN "e30.eyJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20iLCJzY3AiOiJTTVRQLlNlbmQifQ.x"

static void a_refused_token_tells_itself_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    static const struct vault_says vault[] = { { .token = GRAPH_TOKEN, .serial = 5 },
                                               { .token = GRAPH_TOKEN, .serial = 6 },
                                               { 0 } };
    fixture_oauth(f, SCRIPTS(SCRIPT(STARTTLS_HELLO, AUTH_ASK, REFUSED, AUTH_ASK, REFUSED, "HANG")));
    f->vault = vault;

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "token.audience");
}

static void a_missing_ca_file_is_told(void **state)
{
    struct fixture *f = *state;
    fixture_oauth(f, SCRIPTS(SCRIPT("HANG")));
    strcpy(f->ca_file, "/nonexistent/ca.pem");
    fixture_provider(f, "starttls", "xoauth2");

    fixture_attempt(f, 1, NULL, NULL);
    fixture_until_done(f, 1);
    assert_int_equal(f->done[0].results[0].class, ATTEMPT_HOLD);
    assert_string_equal(f->done[0].results[0].id, "tls.file");
    assert_non_null(strstr(f->done[0].results[0].text, "/nonexistent/ca.pem"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_signs_in_and_stays_out_of_the_dialogue),
        TEST(a_refused_token_is_renewed_once),
        TEST(a_token_refused_twice_waits_for_a_person),
        TEST(a_token_that_cannot_be_renewed_is_not_tried_again),
        TEST(a_server_that_hangs_up_after_refusing_is_dialled_again),
        TEST(switched_off_sign_in_is_no_reason_for_a_new_token),
        TEST(a_token_about_to_end_is_renewed_at_once),
        TEST(a_challenge_is_answered_and_kept),
        TEST(a_wrong_certificate_gets_no_credential),
        TEST(a_server_without_starttls_gets_no_credential),
        TEST(words_before_the_handshake_are_an_attack),
        TEST(a_missing_mechanism_is_told),
        cmocka_unit_test(the_vault_refuses_and_the_reason_is_passed_on),
        TEST(a_vault_that_comes_back_is_asked_again),
        TEST(a_vault_that_says_nothing_is_not_waited_for),
        TEST(a_password_goes_by_what_the_server_offers),
        TEST(a_refused_token_tells_itself_what_is_wrong),
        TEST(a_missing_ca_file_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
