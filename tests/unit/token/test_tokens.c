/* Tokens in time: who asks, who waits, what is stored first, and what each refusal costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "world.h"

#define INFO "info@contoso.example"
#define GOOD(access, more) \
    "{\"token_type\":\"Bearer\",\"access_token\":\"" access "\",\"expires_in\":3600," \
    "\"scope\":\"https://outlook.office365.com/IMAP.AccessAsUser.All https://outlook.office365.com/smtp.send\"" more \
    "}"
#define REFUSED(error, code) \
    "{\"error\":\"" error "\",\"error_description\":\"AADSTS" #code \
    ": words.\\r\\nTrace ID: x\",\"error_codes\":[" #code "]}"
#define ROTATED ",\"refresh_token\":\"r2\""

static void expect_token(const struct heard *h, unsigned count, const char *secret)
{
    assert_int_equal(h->count, count);
    if (!h->is_ok)
        fail_msg("%s", h->why.text);
    assert_string_equal(h->secret, secret);
}

static void expect_refusal(const struct heard *h, unsigned count, enum fault_kind kind, const char *id)
{
    assert_int_equal(h->count, count);
    assert_false(h->is_ok);
    assert_int_equal(h->why.kind, kind);
    if (id)
        assert_string_equal(h->why.id, id);
    assert_string_equal(h->secret, "");
}

static void test_refresh_form(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1+/=");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_string_equal(fake_last(w.http)->url, TOKEN_URL);
    assert_string_equal(fake_field(w.http, "grant_type"), "refresh_token");
    assert_string_equal(fake_field(w.http, "refresh_token"), "r1+/=");
    assert_string_equal(fake_field(w.http, "client_id"), CLIENT);
    assert_string_equal(fake_field(w.http, "client_secret"), "s3cret~+/=%");
    assert_string_equal(fake_field(w.http, "scope"), "https://outlook.office.com/SMTP.Send offline_access");
    assert_string_equal(fake_field(w.http, "client_assertion"), "");
    assert_null(strchr(fake_last(w.http)->form, '+')); /* a plus must travel as %2B */
    fake_answer(w.http, 200, "application/json", GOOD("a1", ROTATED));
    expect_token(&h, 1, "a1");
    assert_string_equal(h.user, INFO);
    assert_int_equal(h.sasl, OBJECT_SASL_XOAUTH2);
    assert_string_equal(world_stored_refresh(INFO), "r2");
}

static void test_200_askers_cause_one_request(void **unused)
{
    static struct heard h[200];
    memset(h, 0, sizeof h);
    world_sign_in(INFO, "r1");
    for (int i = 0; i < 200; i++)
        world_ask(&h[i], INFO, OBJECT_SMTP, 0);
    assert_int_equal(w.http->count, 1);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    for (int i = 0; i < 200; i++)
        expect_token(&h[i], 1, "a1");
    assert_int_equal(w.http->count, 1);
    assert_string_equal(world_stored_refresh(INFO), "r1"); /* none came, the old one stays */
}

static void test_early_renewal_in_the_background(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ROTATED));
    loop_advance(w.loop, 2999 * 1000);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    expect_token(&h, 2, "a1");
    assert_int_equal(w.http->count, 1);
    loop_advance(w.loop, 2000); /* ten minutes before the end */
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    expect_token(&h, 3, "a1"); /* served at once, renewed behind it */
    assert_int_equal(w.http->count, 2);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_int_equal(w.http->count, 2);
    uint64_t serial = h.serial;
    assert_string_equal(fake_field(w.http, "refresh_token"), "r2");
    fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    expect_token(&h, 5, "a2");
    assert_true(h.serial > serial);
}

static void test_a_failed_renewal_leaves_the_good_token(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    loop_advance(w.loop, 3100 * 1000);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 503, "text/html", "<html>");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    expect_token(&h, 3, "a1");
    assert_int_equal(w.http->count, 2); /* in the back-off nobody asks again */
    loop_advance(w.loop, 10000);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_int_equal(w.http->count, 3);
    fake_no_answer(w.http);
    loop_advance(w.loop, 600 * 1000); /* now it has ended */
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_int_equal(h.count, 4);
    fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
    expect_token(&h, 5, "a2");
}

static void test_short_lived_tokens(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 200, "application/json", "{\"access_token\":\"a1\",\"expires_in\":\"8\"}"); /* as a text */
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    expect_token(&h, 2, "a1");
    assert_int_equal(w.http->count, 1); /* not renewed at every ask only because ten minutes are never left */
    loop_advance(w.loop, 7000);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_int_equal(h.count, 2);
    assert_int_equal(w.http->count, 2);
}

/* Fails the n-th step on the disk, and all after it. */
static bool fail_from(void *ctx, const char *step)
{
    int *left = ctx;
    return (*left)-- > 0;
}

struct order {
    bool was_durable;
};

static void check_durable(void *ctx, uint64_t tag, const struct token_reply *r)
{
    struct order *o = ctx;
    o->was_durable = r->is_ok && strcmp(world_stored_refresh(INFO), "r2") == 0;
}

static void test_rotation_is_durable_before_use(void **unused)
{
    struct order o = { false };
    world_sign_in(INFO, "r1");
    tokens_ask(w.tokens, &(struct token_want){ .mailbox = INFO, .protocol = OBJECT_SMTP }, check_durable, &o, 1);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ROTATED));
    assert_true(o.was_durable);
}

static void test_a_rotation_that_cannot_be_stored(void **unused)
{
    for (int step = 0; step < 4; step++) {
        struct heard h = { 0 };
        int left = step;
        world_sign_in(INFO, "r1");
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        vault_on_step(w.vault, fail_from, &left);
        fake_answer(w.http, 200, "application/json", GOOD("lost", ROTATED));
        expect_refusal(&h, 1, FAULT_LOCAL, NULL);
        assert_true(h.why.retry_after_s > 0);
        assert_string_equal(world_stored_refresh(INFO), "r1"); /* after a crash here, the old one is there */
        loop_advance(w.loop, 60000);
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        expect_refusal(&h, 2, FAULT_LOCAL, NULL);
        assert_int_equal(w.http->count, 1); /* nothing is asked of the server while nothing can be stored */
        vault_on_step(w.vault, NULL, NULL);
        loop_advance(w.loop, 60000);
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        assert_string_equal(world_stored_refresh(INFO), "r2"); /* it was not lost, and is stored before it is used */
        assert_string_equal(fake_field(w.http, "refresh_token"), "r2");
        fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
        expect_token(&h, 3, "a2");
    }
}

static void test_the_old_token_serves_after_a_crash(void **unused)
{
    struct heard h = { 0 };
    int left = 0;
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    vault_on_step(w.vault, fail_from, &left);
    fake_answer(w.http, 200, "application/json", GOOD("lost", ROTATED));
    world_restart();
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_string_equal(fake_field(w.http, "refresh_token"), "r1");
}

/* Reference 2.12, and everything that an outage may look like. */
static void test_sorting_of_refusals(void **unused)
{
    static const struct {
        int status;
        const char *body;
        enum fault_kind kind;
        bool needs_person;
    } cases[] = {
        { 0, NULL, FAULT_RETRY, false },
        { 200, "", FAULT_RETRY, false },
        { 200, "<html>welcome to the airport</html>", FAULT_RETRY, false },
        { 200, "{}", FAULT_RETRY, false },
        { 200, "{\"token_type\":\"Bearer\",\"expires_in\":3600}", FAULT_RETRY, false },
        { 200, "{\"access_token\":17}", FAULT_RETRY, false },
        { 200, "{\"access_token\":\"\"}", FAULT_RETRY, false },
        { 200, "{\"access_token\":\"a\",\"token_type\":\"mac\"}", FAULT_RETRY, false },
        { 200, "{\"access_token\":\"a\",\"expires_in\":0}", FAULT_RETRY, false },
        { 200, REFUSED("invalid_grant", 70008), FAULT_RETRY, false }, /* a refusal does not come with 200 */
        { 302, "", FAULT_RETRY, false },
        { 400, "<html>bad</html>", FAULT_RETRY, false },
        { 400, "{\"error\":{\"code\":1}}", FAULT_RETRY, false },
        { 400, "[\"invalid_grant\"]", FAULT_RETRY, false },
        { 403, "<html>blocked by your firewall</html>", FAULT_RETRY, false },
        { 404, "<html>", FAULT_RETRY, false },
        { 407, "<html>proxy</html>", FAULT_RETRY, false },
        { 429, "{\"error\":\"temporarily_unavailable\"}", FAULT_RETRY, false },
        { 429, "", FAULT_RETRY, false },
        { 500, "", FAULT_RETRY, false },
        { 503, "<html>", FAULT_RETRY, false },
        { 503, REFUSED("invalid_grant", 70008), FAULT_RETRY, false },
        { 400, "{\"error\":\"temporarily_unavailable\"}", FAULT_RETRY, false },
        { 400, "{\"error\":\"server_error\"}", FAULT_RETRY, false },
        { 400, REFUSED("invalid_grant", 700082), FAULT_HOLD, true },
        { 400, REFUSED("invalid_grant", 50173), FAULT_HOLD, true },
        { 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or revoked.\"}", FAULT_HOLD,
          true },
        { 400, "{\"error\":\"invalid_grant\",\"suberror\":\"client_mismatch\"}", FAULT_HOLD, true },
        { 400, "{\"error\":\"interaction_required\"}", FAULT_HOLD, true },
        { 400, "{\"error\":\"consent_required\"}", FAULT_HOLD, true },
        { 400, "{\"error\":\"login_required\"}", FAULT_HOLD, true },
        { 401, REFUSED("invalid_client", 7000215), FAULT_HOLD, true },
        { 401, REFUSED("invalid_client", 7000222), FAULT_HOLD, true },
        { 400, REFUSED("unauthorized_client", 700016), FAULT_HOLD, true },
        { 400, "{\"error\":\"invalid_scope\"}", FAULT_HOLD, true },
        { 400, "{\"error\":\"invalid_resource\"}", FAULT_HOLD, true },
        { 400, "{\"error\":\"invalid_request\"}", FAULT_HOLD, true },
        { 400, "{\"error\":\"unsupported_grant_type\"}", FAULT_HOLD, true },
        { 200, "{\"access_token\":\"a\",\"scope\":\"openid profile\"}", FAULT_HOLD, true }, /* less than asked for */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct heard h = { 0 };
        world_sign_in(INFO, "r1");
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        if (cases[i].status == 0)
            fake_no_answer(w.http);
        else
            fake_answer(w.http, cases[i].status, "text/plain", cases[i].body);
        if (h.is_ok || h.why.kind != cases[i].kind)
            fail_msg("case %zu: %s", i, h.why.text);
        assert_string_not_equal(h.why.id, "");
        assert_string_equal(world_stored_refresh(INFO), "r1"); /* nothing ever costs the grant itself */
        json_t *json = tokens_grant_json(w.tokens, INFO);
        const char *state = json_string_value(json_object_get(json, "state"));
        assert_string_equal(state, cases[i].needs_person ? "needs-person" : "ok");
        json_decref(json);
        assert_int_equal(w.said_needs_person, cases[i].needs_person);

        world_ask(&h, INFO, OBJECT_SMTP, 0); /* at once again: the same answer, no request */
        assert_int_equal(h.count, 2);
        assert_int_equal(h.why.kind, cases[i].kind);
        assert_int_equal(w.http->count, 1);
        loop_advance(w.loop, 3601 * 1000);
        while (fake_open(w.http) > 0)
            fake_answer(w.http, 200, "application/json", GOOD("a9", ""));
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        if (fake_open(w.http) > 0)
            fake_answer(w.http, 200, "application/json", GOOD("a9", ""));
        assert_true(h.is_ok); /* what was mended meanwhile works by itself */
        assert_false(w.said_needs_person);
    }
}

/* Consent is given to each permission: a mailbox that nobody may read is still one that sends. */
static void test_one_permission_refused_costs_no_other(void **unused)
{
    struct heard reads = { 0 }, sends = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&reads, INFO, OBJECT_IMAP, 0);
    world_ask(&sends, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 400, "application/json", REFUSED("invalid_grant", 65001));
    expect_refusal(&reads, 1, FAULT_HOLD, "oauth.consent-missing");
    assert_int_equal(sends.count, 0);
    assert_string_equal(fake_field(w.http, "scope"), "https://outlook.office.com/SMTP.Send offline_access");
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    expect_token(&sends, 1, "a1");
    assert_false(w.said_needs_person);

    world_ask(&reads, INFO, OBJECT_IMAP, 0); /* the same answer, without another request */
    expect_refusal(&reads, 2, FAULT_HOLD, "oauth.consent-missing");
    assert_int_equal(w.http->count, 2);
    world_ask(&sends, INFO, OBJECT_SMTP, 0);
    expect_token(&sends, 2, "a1");
    loop_advance(w.loop, 61 * 1000);
    world_ask(&reads, INFO, OBJECT_IMAP, 0);
    fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
    expect_token(&reads, 3, "a2");

    struct heard polls = { 0 };
    world_ask(&polls, INFO, OBJECT_POP3, 0);
    fake_answer(w.http, 200, "application/json", "{\"access_token\":\"a3\",\"scope\":\"SMTP.Send\"" ROTATED "}");
    expect_refusal(&polls, 1, FAULT_HOLD, "grant.scope");
    assert_string_equal(world_stored_refresh(INFO), "r2"); /* it came with too little, and counts all the same */
    assert_false(w.said_needs_person);
}

static void test_retry_after_is_honoured(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer_later(w.http, 429, 120, "");
    assert_in_range(h.why.retry_after_s, 120, 145);
    loop_advance(w.loop, 119 * 1000);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_int_equal(w.http->count, 1);
    assert_int_equal(h.count, 2);
    loop_advance(w.loop, 30 * 1000);
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_int_equal(w.http->count, 2);
}

static void test_backoff_grows_to_minutes(void **unused)
{
    struct heard h = { 0 };
    uint32_t last = 0;
    world_sign_in(INFO, "r1");
    for (int i = 0; i < 12; i++) {
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        fake_no_answer(w.http);
        if (i < 6)
            assert_true(h.why.retry_after_s > last);
        last = h.why.retry_after_s;
        loop_advance(w.loop, (int64_t)last * 1000);
    }
    assert_in_range(last, 300, 361);
}

static void test_a_person_is_asked_for_once_a_minute_at_most(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    for (int second = 0; second < 600; second++) {
        world_ask(&h, INFO, OBJECT_SMTP, 0);
        if (fake_open(w.http) > 0)
            fake_answer(w.http, 400, "application/json", REFUSED("invalid_grant", 50173));
        loop_advance(w.loop, 1000);
    }
    assert_int_equal(h.count, 600);
    assert_in_range(w.http->count, 9, 11);
}

static void test_needs_person_survives_a_restart(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 400, "application/json", REFUSED("invalid_grant", 50173));
    assert_true(w.said_needs_person);
    assert_string_equal(w.said_mailbox, INFO);
    world_restart();
    w.said_count = 0;
    tokens_report(w.tokens);
    assert_int_equal(w.said_count, 6); /* every mailbox */
    json_t *json = tokens_grant_json(w.tokens, INFO);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "needs-person");
    assert_int_equal(json_array_size(json_object_get(json, "findings")), 1);
    char *text = json_dumps(json, 0);
    assert_null(strstr(text, "r1\"")); /* no secret in it */
    free(text);
    json_decref(json);
}

static void ask_fresh(struct heard *h)
{
    struct token_want want = { .mailbox = INFO, .protocol = OBJECT_SMTP, .is_fresh = true };
    tokens_ask(w.tokens, &want, world_on_token, h, 7);
}

static void test_who_wants_a_fresh_token_waits_for_it(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    ask_fresh(&h);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    expect_token(&h, 1, "a1");
    ask_fresh(&h);
    expect_token(&h, 2, "a1"); /* fresh enough */
    loop_advance(w.loop, 51 * 60 * 1000);
    ask_fresh(&h);
    assert_int_equal(h.count, 2);
    fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
    expect_token(&h, 3, "a2");

    /* An outage must not keep anybody out while the old one is good. */
    loop_advance(w.loop, 51 * 60 * 1000);
    ask_fresh(&h);
    assert_int_equal(h.count, 3);
    fake_answer(w.http, 503, "text/html", "busy");
    expect_token(&h, 4, "a2");
    ask_fresh(&h);
    expect_token(&h, 5, "a2"); /* in the back-off */
    loop_advance(w.loop, 10 * 60 * 1000);
    ask_fresh(&h);
    fake_answer(w.http, 503, "text/html", "busy");
    expect_refusal(&h, 6, FAULT_RETRY, NULL);
}

static void test_a_refused_token_is_renewed_once(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    uint64_t first = h.serial;
    world_ask(&h, INFO, OBJECT_SMTP, first);
    assert_int_equal(h.count, 1);
    world_ask(&h, INFO, OBJECT_SMTP, first); /* two connections were refused with it: still one request */
    assert_int_equal(w.http->count, 2);
    fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
    expect_token(&h, 3, "a2");
    world_ask(&h, INFO, OBJECT_SMTP, first); /* a latecomer gets the newer one */
    expect_token(&h, 4, "a2");
    uint64_t second = h.serial;
    world_ask(&h, INFO, OBJECT_SMTP, second); /* refused again: it was not the token */
    expect_token(&h, 5, "a2");
    assert_int_equal(h.serial, second);
    assert_int_equal(w.http->count, 2);
    loop_advance(w.loop, 61000);
    world_ask(&h, INFO, OBJECT_SMTP, second);
    assert_int_equal(w.http->count, 3);
}

static void test_one_request_at_a_time_for_two_permissions(void **unused)
{
    struct heard smtp = { 0 }, imap = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&smtp, INFO, OBJECT_SMTP, 0);
    world_ask(&imap, INFO, OBJECT_IMAP, 0);
    assert_int_equal(w.http->count, 1);
    fake_answer(w.http, 200, "application/json", GOOD("s", ROTATED));
    expect_token(&smtp, 1, "s");
    assert_int_equal(w.http->count, 2);
    assert_string_equal(fake_field(w.http, "refresh_token"), "r2");
    assert_string_equal(fake_field(w.http, "scope"), "https://outlook.office.com/IMAP.AccessAsUser.All offline_access");
    fake_answer(w.http, 200, "application/json", GOOD("i", ""));
    expect_token(&imap, 1, "i");
}

static void test_client_credentials_are_shared(void **unused)
{
    struct heard one = { 0 }, two = { 0 };
    world_ask(&one, "app1@contoso.example", OBJECT_SMTP, 0);
    world_ask(&two, "app2@contoso.example", OBJECT_SMTP, 0);
    assert_int_equal(w.http->count, 1);
    assert_string_equal(fake_field(w.http, "grant_type"), "client_credentials");
    assert_string_equal(fake_field(w.http, "scope"), "https://outlook.office365.com/.default");
    assert_string_equal(fake_field(w.http, "refresh_token"), "");
    fake_answer(w.http, 200, "application/json",
                "{\"token_type\":\"Bearer\",\"access_token\":\"app\",\"expires_in\":3599}");
    expect_token(&one, 1, "app");
    expect_token(&two, 1, "app");
    assert_string_equal(one.user, "app1@contoso.example");
    assert_string_equal(two.user, "app2@contoso.example");
}

static void test_a_new_secret_mends_at_once(void **unused)
{
    struct heard h = { 0 };
    world_ask(&h, "app1@contoso.example", OBJECT_SMTP, 0);
    fake_answer(w.http, 401, "application/json", REFUSED("invalid_client", 7000222));
    expect_refusal(&h, 1, FAULT_HOLD, NULL);
    assert_true(w.said_needs_person);
    world_store_secret(VAULT_REGISTRATION_SECRET, "contoso", "fresh");
    tokens_secret_changed(w.tokens, "contoso");
    assert_string_equal(fake_field(w.http, "client_secret"), "fresh");
    fake_answer(w.http, 200, "application/json", "{\"access_token\":\"app\",\"expires_in\":3599}");
    assert_false(w.said_needs_person);
}

static void test_a_missing_secret_is_named(void **unused)
{
    struct heard h = { 0 };
    assert_true(vault_remove(w.vault, VAULT_REGISTRATION_SECRET, "contoso", NULL));
    world_ask(&h, "app1@contoso.example", OBJECT_SMTP, 0);
    expect_refusal(&h, 1, FAULT_HOLD, "registration.secret-missing");
    assert_int_equal(w.http->count, 0);
}

static void test_basic(void **unused)
{
    struct heard h = { 0 };
    world_ask(&h, "old@example.org", OBJECT_SMTP, 0);
    expect_refusal(&h, 1, FAULT_HOLD, "mailbox.password-missing");
    world_store_secret(VAULT_MAILBOX_PASSWORD, "old@example.org", "pass word");
    tokens_password_changed(w.tokens, "old@example.org");
    assert_false(w.said_needs_person);
    world_ask(&h, "old@example.org", OBJECT_SMTP, 0);
    expect_token(&h, 2, "pass word");
    assert_int_equal(h.sasl, OBJECT_SASL_LOGIN);
    assert_true(tokens_forget(w.tokens, "old@example.org", NULL));
    world_ask(&h, "old@example.org", OBJECT_SMTP, 0);
    expect_refusal(&h, 3, FAULT_HOLD, "mailbox.password-missing");
}

static void test_nobody_has_signed_in(void **unused)
{
    struct heard h = { 0 };
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    expect_refusal(&h, 1, FAULT_HOLD, "grant.missing");
    world_ask(&h, "stranger@example.org", OBJECT_SMTP, 0);
    expect_refusal(&h, 2, FAULT_HOLD, "mailbox.unknown");
    assert_int_equal(w.http->count, 0);
}

static void test_forgotten_while_under_way(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_true(tokens_forget(w.tokens, INFO, NULL));
    fake_answer(w.http, 200, "application/json", GOOD("a1", ROTATED));
    expect_refusal(&h, 1, FAULT_HOLD, "grant.missing");
    assert_string_equal(world_stored_refresh(INFO), ""); /* the late answer did not bring it back */
}

static void test_an_asker_that_goes_away(void **unused)
{
    struct heard gone = { 0 }, stays = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&gone, INFO, OBJECT_SMTP, 0);
    world_ask(&stays, INFO, OBJECT_SMTP, 0);
    tokens_forget_asker(w.tokens, &gone);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    assert_int_equal(gone.count, 0);
    expect_token(&stays, 1, "a1");
}

static void test_idle_grants_are_kept_alive(void **unused)
{
    world_sign_in(INFO, "r1");
    loop_advance(w.loop, 6 * 24 * 3600 * 1000LL);
    assert_int_equal(w.http->count, 0);
    loop_advance(w.loop, 25 * 3600 * 1000LL);
    assert_int_equal(w.http->count, 1);
    assert_string_equal(fake_field(w.http, "grant_type"), "refresh_token");
    fake_answer(w.http, 200, "application/json", GOOD("a1", ROTATED));
    assert_string_equal(world_stored_refresh(INFO), "r2");
    loop_advance(w.loop, 2 * 24 * 3600 * 1000LL);
    assert_int_equal(w.http->count, 1);
}

static void test_large_tokens(void **unused)
{
    static char token[12001], body[13000];
    struct heard *h = mem_alloc(sizeof *h);
    memset(token, 'x', 12000);
    snprintf(body, sizeof body, "{\"access_token\":\"%s\",\"expires_in\":3600}", token);
    world_sign_in(INFO, "r1");
    world_ask(h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 200, "application/json", body);
    expect_token(h, 1, token);
    free(h);
}

static void test_a_changed_registration_drops_its_tokens(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    fake_answer(w.http, 200, "application/json", GOOD("a1", ""));
    world_object(OBJECT_REGISTRATION, "{\"name\":\"contoso\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                                      "\",\"client_id\":\"other\",\"credential\":\"secret\"}");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_string_equal(fake_field(w.http, "client_id"), "other");
}

static void test_settings_that_change_under_way(void **unused)
{
    struct heard h = { 0 };
    world_sign_in(INFO, "r1");
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    world_object(OBJECT_REGISTRATION, "{\"name\":\"contoso\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                                      "\",\"client_id\":\"other\",\"credential\":\"secret\"}");
    fake_answer(w.http, 200, "application/json", GOOD("a1", ROTATED));
    assert_string_equal(world_stored_refresh(INFO), "r2"); /* strict providers have ended r1 */
    assert_int_equal(h.count, 0);
    assert_string_equal(fake_field(w.http, "client_id"), "other"); /* asked again as it must be now */
    assert_string_equal(fake_field(w.http, "refresh_token"), "r2");
    fake_answer(w.http, 200, "application/json", GOOD("a2", ""));
    expect_token(&h, 1, "a2");
}

static void test_settings_that_mend(void **unused)
{
    struct heard h = { 0 };
    world_ask(&h, "app1@contoso.example", OBJECT_SMTP, 0);
    fake_answer(w.http, 400, "application/json", REFUSED("unauthorized_client", 700016));
    assert_true(w.said_needs_person);
    world_object(OBJECT_REGISTRATION, "{\"name\":\"contoso\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                                      "\",\"client_id\":\"right\",\"credential\":\"secret\"}");
    assert_string_equal(fake_field(w.http, "client_id"), "right"); /* nobody has to ask: their mail is on hold */
    fake_answer(w.http, 200, "application/json", "{\"access_token\":\"app\",\"expires_in\":3599}");
    assert_false(w.said_needs_person);
}

/* Lines of the event file with this event's name. */
static unsigned count_events(int fd, const char *event)
{
    static char text[65536];
    unsigned count = 0;
    log_flush();
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    for (const char *at = strstr(text, event); at; at = strstr(at + 1, event))
        count++;
    assert_null(strstr(text, "s3cret"));
    return count;
}

static void test_expiry_is_said_in_time(void **unused)
{
    char path[] = "/tmp/test-events-XXXXXX";
    int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    log_to_events(dup(fd));
    world_object(OBJECT_REGISTRATION,
                 "{\"name\":\"public\",\"provider\":\"microsoft365\",\"tenant\":\"" TENANT
                 "\",\"client_id\":\"c\",\"credential\":\"secret\",\"secret_expires\":\"2027-02-24\"}");
    static const struct { /* the clock stands at 2027-01-15 08:00 */
        int day;
        unsigned said;
    } days[] = { { 1, 0 },  { 9, 0 },  { 10, 1 }, { 24, 1 }, { 26, 2 },
                 { 32, 2 }, { 33, 3 }, { 39, 4 }, { 41, 5 }, { 50, 5 } };
    int day = 0;
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        loop_advance(w.loop, (days[i].day - day) * 24 * 3600 * 1000LL);
        day = days[i].day;
        assert_int_equal(count_events(fd, "secret.expiring"), days[i].said);
    }
    log_to_events(-1);
    close(fd);
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refresh_form),
        TEST(test_200_askers_cause_one_request),
        TEST(test_early_renewal_in_the_background),
        TEST(test_a_failed_renewal_leaves_the_good_token),
        TEST(test_short_lived_tokens),
        TEST(test_rotation_is_durable_before_use),
        TEST(test_a_rotation_that_cannot_be_stored),
        TEST(test_the_old_token_serves_after_a_crash),
        TEST(test_settings_that_change_under_way),
        TEST(test_settings_that_mend),
        TEST(test_expiry_is_said_in_time),
        TEST(test_sorting_of_refusals),
        TEST(test_one_permission_refused_costs_no_other),
        TEST(test_retry_after_is_honoured),
        TEST(test_backoff_grows_to_minutes),
        TEST(test_a_person_is_asked_for_once_a_minute_at_most),
        TEST(test_needs_person_survives_a_restart),
        TEST(test_who_wants_a_fresh_token_waits_for_it),
        TEST(test_a_refused_token_is_renewed_once),
        TEST(test_one_request_at_a_time_for_two_permissions),
        TEST(test_client_credentials_are_shared),
        TEST(test_a_new_secret_mends_at_once),
        TEST(test_a_missing_secret_is_named),
        TEST(test_basic),
        TEST(test_nobody_has_signed_in),
        TEST(test_forgotten_while_under_way),
        TEST(test_an_asker_that_goes_away),
        TEST(test_idle_grants_are_kept_alive),
        TEST(test_large_tokens),
        TEST(test_a_changed_registration_drops_its_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
