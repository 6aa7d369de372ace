/* Signing in: what is sent, what is believed, and what is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/form.h"
#include "token/pkce.h"
#include "token/verbs.h"
#include "world.h"

#define ALL_MAIL \
    "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All " \
    "https://outlook.office.com/POP.AccessAsUser.All"

#define INFO "info@contoso.example"
#define DEVICE "device@contoso.example"
#define REDIRECT "http://localhost:8400/"

/* Answers by tag. */
static struct {
    unsigned count;
    uint32_t status;
    json_t *json;
    char secret[128];
} heard[8];
static struct verbs *verbs;
static struct guesses *guesses;
static struct login *login;
static struct operators *operators;
static struct keys *api_keys;

static void on_answer(void *ctx, const struct admin_answer *a)
{
    heard[a->tag].count++;
    heard[a->tag].status = a->status;
    json_decref(heard[a->tag].json);
    heard[a->tag].json = json_loads(a->json, 0, NULL);
    assert_non_null(heard[a->tag].json);
    snprintf(heard[a->tag].secret, sizeof heard[0].secret, "%.*s", (int)a->secret.size,
             a->secret.data ? (const char *)a->secret.data : "");
}

static int set_up(void **unused)
{
    world_set_up(unused);
    guesses = guesses_new(w.loop);
    login = login_new(guesses, w.vault, w.directory, NULL);
    operators = operators_new(w.loop, guesses, w.vault, NULL);
    api_keys = keys_new(w.vault, NULL);
    struct verbs_parts parts = { w.loop, w.vault, w.directory, w.tokens, guesses, login, operators, api_keys };
    verbs = verbs_new(&parts, on_answer, NULL);
    return 0;
}

static int tear_down(void **unused)
{
    verbs_free(verbs);
    keys_free(api_keys);
    operators_free(operators);
    login_free(login);
    guesses_free(guesses);
    for (size_t i = 0; i < 8; i++)
        json_decref(heard[i].json);
    memset(heard, 0, sizeof heard);
    return world_tear_down(unused);
}

static void ask(uint64_t tag, const char *verb, const char *secret, const char *json)
{
    struct admin_ask a = { .tag = tag, .verb = verb, .json = json, .secret = bytes_of(secret) };
    verbs_ask(verbs, &a);
}

static const char *text(uint64_t tag, const char *key)
{
    const char *value = json_string_value(json_object_get(heard[tag].json, key));
    return value ? value : "";
}

static const char *finding(uint64_t tag)
{
    const char *id = json_string_value(
        json_object_get(json_array_get(json_object_get(heard[tag].json, "findings"), 0), "id"));
    return id ? id : "";
}

/* The sign-in page's address taken apart; lent until the next call. */
static const char *query(const char *name)
{
    static struct arena *life;
    if (life)
        arena_free(life);
    life = arena_new();
    const char *value = form_find(form_query_of_url(bytes_of(text(1, "url"))), name, life);
    return value ? value : "";
}

static void start(const char *address, const char *method)
{
    char json[256];
    snprintf(json, sizeof json, "{\"address\":\"%s\",\"method\":\"%s\",\"redirect_uri\":\"%s\"}", address, method,
             strcmp(method, "localhost") == 0 ? REDIRECT : "");
    ask(1, "authorize.start", "", json);
}

static void finish(uint64_t tag, const char *format, const char *state)
{
    char url[512], json[128];
    snprintf(url, sizeof url, "%s%s%s", REDIRECT, format, state);
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", text(1, "id"));
    ask(tag, "authorize.finish", url, json);
}

static void wait_for(uint64_t tag)
{
    char json[128];
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", text(1, "id"));
    ask(tag, "authorize.wait", "", json);
}

/* Answers the open token request: `user` as signed with key `number` under `kid`. */
static void answer_tokens(const char *user, const char *nonce, int number, const char *kid, const char *refresh)
{
    char *claims = mem_printf("{\"aud\":\"%s\",\"iss\":\"%s\",\"nonce\":\"%s\",\"exp\":1800003600,\"tid\":\"%s\","
                              "\"preferred_username\":\"%s\"}",
                              CLIENT, ISSUER, nonce, TENANT, user);
    char *jwt = world_id_token(world_key(number), "RS256", kid, claims);
    char *body = mem_printf(
        "{\"token_type\":\"Bearer\",\"access_token\":\"a1\",\"expires_in\":3600,\"id_token\":\"%s\","
        "\"scope\":\"https://outlook.office.com/SMTP.Send\"%s%s%s}",
        jwt, refresh ? ",\"refresh_token\":\"" : "", refresh ? refresh : "", refresh ? "\"" : "");
    fake_answer(w.http, 200, "application/json", body);
    free(body);
    free(jwt);
    free(claims);
}

static void answer_keys(int number, const char *kid)
{
    char *keys = world_jwks(world_key(number), kid);
    assert_string_equal(fake_last(w.http)->form, "");
    fake_answer(w.http, 200, "application/json", keys);
    free(keys);
}

static void test_code_with_pkce(void **unused)
{
    char state[64], nonce[64], challenge[PKCE_WORD_SIZE];
    start(INFO, "localhost");
    assert_int_equal(heard[1].status, 200);
    assert_int_equal(strncmp(text(1, "url"), "https://login.microsoftonline.com/" TENANT "/oauth2/v2.0/authorize?", 90),
                     0);
    assert_string_equal(query("client_id"), CLIENT);
    assert_string_equal(query("response_type"), "code");
    assert_string_equal(query("redirect_uri"), REDIRECT);
    assert_string_equal(query("code_challenge_method"), "S256");
    assert_string_equal(query("scope"), ALL_MAIL " openid profile email offline_access");
    assert_string_equal(query("login_hint"), INFO);
    snprintf(state, sizeof state, "%s", query("state"));
    snprintf(nonce, sizeof nonce, "%s", query("nonce"));
    wait_for(2);
    finish(3, "?code=0.Acode%2B&session_state=x&state=", state);
    assert_string_equal(fake_last(w.http)->url, TOKEN_URL);
    assert_string_equal(fake_field(w.http, "grant_type"), "authorization_code");
    assert_string_equal(fake_field(w.http, "code"), "0.Acode+");
    assert_string_equal(fake_field(w.http, "redirect_uri"), REDIRECT);
    assert_string_equal(fake_field(w.http, "client_secret"), "s3cret~+/=%");
    assert_string_equal(fake_field(w.http, "scope"),
                        "https://outlook.office.com/SMTP.Send openid profile email offline_access");
    pkce_challenge(fake_field(w.http, "code_verifier"), challenge);
    assert_string_equal(query("code_challenge"), challenge);
    answer_tokens("Info@contoso.example", nonce, 0, "k1", "r1");
    assert_int_equal(heard[3].count, 0); /* not before its signature is checked */
    assert_string_equal(world_stored_refresh(INFO), "");
    answer_keys(0, "k1");
    assert_int_equal(heard[3].status, 200);
    assert_string_equal(text(3, "user"), "Info@contoso.example");
    assert_int_equal(heard[2].status, 200); /* who waited hears it, too */
    assert_string_equal(world_stored_refresh(INFO), "r1");
    wait_for(4); /* and who asks late */
    assert_int_equal(heard[4].status, 200);
    struct heard h = { 0 };
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_string_equal(h.secret, "a1"); /* the token that came along is used */
    ask(5, "grant.get", "", "{\"address\":\"" INFO "\"}");
    assert_string_equal(text(5, "state"), "ok");
}

static void test_what_is_pasted(void **unused)
{
    static const struct {
        const char *pasted;
        bool with_state;
    } cases[] = {
        { "", false },
        { "?code=c", false },
        { "?code=c&state=other", false },
        { "code=c&state=", true },
        { "?error=access_denied&state=wrong", false },
    };
    char state[64];
    start(INFO, "paste");
    snprintf(state, sizeof state, "%s", query("state"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        finish(3, cases[i].pasted, cases[i].with_state ? state : "");
        assert_int_equal(heard[3].status, 422);
        assert_string_equal(finding(3), "grant.state");
        assert_int_equal(w.http->count, 0);
    }
    finish(3, "?code=c&state=", state); /* none of that has hurt */
    assert_int_equal(w.http->count, 1);
    finish(4, "?code=c&state=", state); /* twice at once: one redemption */
    assert_int_equal(heard[4].status, 503);
    assert_int_equal(w.http->count, 1);
}

static void test_an_error_by_redirect(void **unused)
{
    char state[64];
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    finish(3, "?error=access_denied&error_description=AADSTS65004%3a+User+declined.%0d%0aTrace+ID%3a+1&state=", state);
    assert_int_equal(heard[3].status, 422);
    assert_string_not_equal(finding(3), "");
    assert_non_null(strstr(text(3, "detail"), "User declined."));
    assert_null(strstr(text(3, "detail"), "Trace"));
    finish(4, "?code=c&state=", state); /* the state was used up */
    assert_string_equal(finding(4), "grant.expired");
    assert_int_equal(w.http->count, 0);
}

/* Each ends in a refusal that stores nothing. */
static void sign_in(const char *user, const char *nonce, int number, const char *kid, const char *refresh)
{
    char state[64], real_nonce[64];
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    snprintf(real_nonce, sizeof real_nonce, "%s", query("nonce"));
    finish(3, "?code=c&state=", state);
    answer_tokens(user, nonce ? nonce : real_nonce, number, kid, refresh);
    while (fake_open(w.http) > 0)
        answer_keys(0, "k1");
}

static void test_the_wrong_user(void **unused)
{
    sign_in("boss@contoso.example", NULL, 0, "k1", "r1");
    assert_int_equal(heard[3].status, 422);
    assert_string_equal(finding(3), "grant.wrong-user");
    assert_non_null(strstr(text(3, "detail"), "boss@contoso.example"));
    assert_non_null(strstr(text(3, "detail"), INFO));
    assert_string_equal(world_stored_refresh(INFO), "");
}

static void test_a_delegate_signs_in(void **unused)
{
    world_object(OBJECT_MAILBOX, "{\"address\":\"" INFO "\",\"registration\":\"contoso\",\"grant\":\"code\","
                                 "\"user\":\"boss@contoso.example\"}");
    sign_in(INFO, NULL, 0, "k1", "r1");
    assert_string_equal(finding(3), "grant.wrong-user");
    sign_in("boss@contoso.example", NULL, 0, "k1", "r1");
    assert_int_equal(heard[3].status, 200);
    struct heard h = { 0 };
    world_ask(&h, INFO, OBJECT_SMTP, 0);
    assert_string_equal(h.user, "boss@contoso.example");
}

static void test_refused_sign_ins_store_nothing(void **unused)
{
    static const struct {
        const char *nonce, *kid, *refresh, *finding;
        int key;
    } cases[] = {
        { "other", "k1", "r1", "grant.id-token", 0 },
        { NULL, "k1", "r1", "grant.id-token", 1 },
        { NULL, "k9", "r1", "grant.id-token", 0 },
        { NULL, "k1", NULL, "grant.no-refresh", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sign_in(INFO, cases[i].nonce, cases[i].key, cases[i].kid, cases[i].refresh);
        assert_int_equal(heard[3].status, 422);
        assert_string_equal(finding(3), cases[i].finding);
        assert_string_equal(world_stored_refresh(INFO), "");
    }
}

static void test_keys_roll(void **unused)
{
    char state[64], nonce[64];
    sign_in(INFO, NULL, 0, "k1", "r1"); /* k1 is known now */
    assert_int_equal(heard[3].status, 200);
    loop_advance(w.loop, 10 * 60 * 1000);
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    snprintf(nonce, sizeof nonce, "%s", query("nonce"));
    finish(3, "?code=c&state=", state);
    answer_tokens(INFO, nonce, 1, "k2", "r2");
    assert_int_equal(fake_open(w.http), 1); /* the unknown kid is worth one fresh look */
    answer_keys(1, "k2");
    assert_int_equal(heard[3].status, 200);
    assert_string_equal(world_stored_refresh(INFO), "r2");
    size_t before = w.http->count;
    sign_in(INFO, NULL, 1, "k3", "r3"); /* another at once: no third look within minutes */
    assert_int_equal(w.http->count, before + 1);
    assert_string_equal(finding(3), "grant.id-token");
    assert_string_equal(world_stored_refresh(INFO), "r2");
}

static void test_an_outage_while_redeeming(void **unused)
{
    char state[64];
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    finish(3, "?code=c&state=", state);
    fake_answer(w.http, 503, "text/html", "<html>");
    assert_int_equal(heard[3].status, 503);
    finish(4, "?code=c&state=", state); /* the same address, pasted again */
    assert_string_equal(fake_field(w.http, "code"), "c");
    fake_answer(
        w.http, 400, "application/json",
        "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS54005: redeemed\",\"error_codes\":[54005]}");
    assert_int_equal(heard[4].status, 422);
    assert_string_not_equal(finding(4), "");
}

static void test_it_ends_after_15_minutes(void **unused)
{
    char state[64];
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    wait_for(2);
    loop_advance(w.loop, 15 * 60 * 1000 + 1);
    assert_int_equal(heard[2].count, 1);
    assert_string_equal(finding(2), "grant.expired");
    finish(3, "?code=c&state=", state);
    assert_string_equal(finding(3), "grant.expired");
}

static void test_a_new_start_ends_the_old(void **unused)
{
    char state[64];
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    wait_for(2);
    start(INFO, "localhost");
    assert_string_equal(finding(2), "grant.expired");
    finish(3, "?code=c&state=", state);
    assert_string_equal(finding(3), "grant.state");
}

static void test_cancel_drops_the_answer(void **unused)
{
    char state[64];
    start(INFO, "localhost");
    snprintf(state, sizeof state, "%s", query("state"));
    wait_for(2);
    finish(3, "?code=c&state=", state);
    verbs_cancel(verbs, 2);
    start(INFO, "localhost"); /* replaced while its request is under way */
    assert_int_equal(heard[2].count, 0);
    assert_int_equal(heard[3].count, 1);
    fake_answer(w.http, 503, "", "");
    assert_int_equal(heard[3].count, 1);
}

static void start_device(void)
{
    start(DEVICE, "device");
    assert_string_equal(fake_last(w.http)->url, "https://login.microsoftonline.com/" TENANT "/oauth2/v2.0/devicecode");
    assert_string_equal(fake_field(w.http, "scope"), ALL_MAIL " openid profile email offline_access");
    assert_string_equal(fake_field(w.http, "client_id"), CLIENT);
    assert_string_equal(fake_field(w.http, "client_secret"), "");
    fake_answer(
        w.http, 200, "application/json",
        "{\"device_code\":\"dc\",\"user_code\":\"ABCD1234\",\"verification_uri\":\"https://microsoft.com/devicelogin\","
        "\"expires_in\":900,\"interval\":5,\"message\":\"Go there\"}");
    assert_int_equal(heard[1].status, 200);
    assert_string_equal(text(1, "code"), "ABCD1234");
    assert_string_equal(text(1, "url"), "https://microsoft.com/devicelogin");
    wait_for(2);
}

static void expect_poll_after(int64_t ms)
{
    size_t before = w.http->count;
    loop_advance(w.loop, ms - 1);
    assert_int_equal(w.http->count, before);
    loop_advance(w.loop, 1);
    assert_int_equal(w.http->count, before + 1);
    assert_string_equal(fake_field(w.http, "grant_type"), "urn:ietf:params:oauth:grant-type:device_code");
    assert_string_equal(fake_field(w.http, "device_code"), "dc");
}

static void test_device_code(void **unused)
{
    start_device();
    expect_poll_after(5000);
    fake_answer(w.http, 400, "application/json", "{\"error\":\"authorization_pending\",\"error_codes\":[70016]}");
    expect_poll_after(5000);
    fake_answer(w.http, 400, "application/json", "{\"error\":\"slow_down\"}");
    expect_poll_after(10000);
    fake_no_answer(w.http); /* a timeout: twice as slow (RFC 8628 3.5) */
    expect_poll_after(20000);
    answer_tokens(DEVICE, "", 0, "k1", "r1");
    answer_keys(0, "k1");
    assert_int_equal(heard[2].status, 200);
    assert_string_equal(world_stored_refresh(DEVICE), "r1");
    assert_true(json_is_true(json_object_get(heard[2].json, "is_news")));
    char again[96];
    snprintf(again, sizeof again, "{\"id\":\"%s\"}", text(1, "id"));
    ask(3, "authorize.wait", "", again);
    assert_int_equal(heard[3].status, 200);
    assert_null(json_object_get(heard[3].json, "is_news")); /* told once */
}

static void test_device_code_refused(void **unused)
{
    static const char *const errors[] = {
        "{\"error\":\"authorization_declined\"}",
        "{\"error\":\"access_denied\"}",
        "{\"error\":\"expired_token\",\"error_codes\":[70020]}",
        "{\"error\":\"code_expired\"}",
        "{\"error\":\"bad_verification_code\",\"error_codes\":[70018]}",
        "{\"error\":\"invalid_client\",\"error_codes\":[7000218]}",
        "{\"error\":\"invalid_grant\",\"error_codes\":[53003]}",
    };
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        heard[2].count = 0;
        start_device();
        expect_poll_after(5000);
        fake_answer(w.http, i == 5 ? 401 : 400, "application/json", errors[i]);
        assert_int_equal(heard[2].count, 1);
        assert_int_equal(heard[2].status, 422);
        assert_string_not_equal(finding(2), "");
        size_t before = w.http->count;
        loop_advance(w.loop, 60000);
        assert_int_equal(w.http->count, before); /* it stops */
    }
}

static void test_device_code_runs_out(void **unused)
{
    start_device();
    for (int i = 0; i < 200 && heard[2].count == 0; i++) {
        if (fake_open(w.http) > 0)
            fake_answer(w.http, 400, "application/json", "{\"error\":\"authorization_pending\"}");
        loop_advance(w.loop, 5000);
    }
    assert_string_equal(finding(2), "grant.expired");
}

static void test_app_grant_is_tried(void **unused)
{
    start("app1@contoso.example", "");
    assert_int_equal(heard[1].status, 200);
    assert_string_equal(text(1, "url"), "");
    wait_for(2);
    fake_answer(w.http, 200, "application/json", "{\"access_token\":\"a\",\"expires_in\":3599}");
    assert_int_equal(heard[2].status, 200);
}

static void test_refused_starts(void **unused)
{
    static const struct {
        const char *json;
        uint32_t status;
    } cases[] = {
        { "{\"address\":\"nobody@contoso.example\"}", 404 },
        { "{\"address\":\"old@example.org\"}", 422 },
        { "{\"address\":\"" INFO "\",\"method\":\"telepathy\"}", 422 },
        { "{\"address\":\"" INFO "\",\"redirect_uri\":\"http://example.org/\"}", 422 },
        { "{\"address\":\"" INFO "\",\"redirect_uri\":\"javascript:alert(1)\"}", 422 },
        { "{}", 400 },
        { "[]", 400 },
        { "nonsense", 400 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(1, "authorize.start", "", cases[i].json);
        assert_int_equal(heard[1].status, cases[i].status);
    }
    ask(1, "no.such.verb", "", "{}");
    assert_int_equal(heard[1].status, 404);
    ask(1, "authorize.finish", REDIRECT "?code=c&state=s", "{\"id\":\"00\"}");
    assert_string_equal(finding(1), "grant.expired");
    assert_int_equal(w.http->count, 0);
}

/* A tenant given by its domain: the issuer is known only from discovery. */
static void test_discovery(void **unused)
{
    char state[64], nonce[64];
    world_object(OBJECT_REGISTRATION,
                 "{\"name\":\"contoso\",\"provider\":\"microsoft365\",\"tenant\":\"contoso.example\","
                 "\"client_id\":\"" CLIENT "\",\"credential\":\"secret\"}");
    start(INFO, "localhost");
    assert_string_equal(fake_last(w.http)->url,
                        "https://login.microsoftonline.com/contoso.example/v2.0/.well-known/openid-configuration");
    fake_answer(w.http, 200, "application/json", "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"https://x.example/keys\"}");
    assert_int_equal(heard[1].status, 200);
    snprintf(state, sizeof state, "%s", query("state"));
    snprintf(nonce, sizeof nonce, "%s", query("nonce"));
    finish(3, "?code=c&state=", state);
    answer_tokens(INFO, nonce, 0, "k1", "r1");
    answer_keys(0, "k1");
    assert_int_equal(heard[3].status, 200);
}

static void test_discovery_that_lies(void **unused)
{
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        { 200, "{\"issuer\":\"https://evil.example/" TENANT "/v2.0\"}" },
        { 200, "{\"issuer\":\"https://login.microsoftonline.com.evil.example/v2.0\"}" },
        { 200, "{}" },
        { 200, "<html>" },
        { 404, "" },
        { 500, "" },
    };
    world_object(OBJECT_REGISTRATION,
                 "{\"name\":\"contoso\",\"provider\":\"microsoft365\",\"tenant\":\"contoso.example\","
                 "\"client_id\":\"" CLIENT "\",\"credential\":\"secret\"}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(INFO, "localhost");
        if (fake_open(w.http) > 0)
            fake_answer(w.http, cases[i].status, "", cases[i].body);
        assert_true(heard[1].status == 422 || heard[1].status == 503);
        assert_string_equal(finding(1), "provider.discovery");
    }
}

static void test_secrets_go_in_and_stay_in(void **unused)
{
    struct secret *kept;
    ask(1, "registration.secret", "new-secret\n", "{\"name\":\"contoso\"}");
    assert_int_equal(heard[1].status, 204);
    assert_true(vault_get(w.vault, VAULT_REGISTRATION_SECRET, "contoso", &kept, NULL));
    assert_string_equal((const char *)secret_bytes(kept).data, "new-secret");
    secret_free(kept);
    ask(1, "registration.secret", "", "{\"name\":\"contoso\"}");
    assert_int_equal(heard[1].status, 400);
    ask(1, "mailbox.password", "pass word", "{\"address\":\"old@example.org\"}");
    assert_int_equal(heard[1].status, 204);
    ask(1, "mailbox.forget", "", "{\"address\":\"old@example.org\"}");
    assert_int_equal(heard[1].status, 204);
    assert_true(vault_get(w.vault, VAULT_MAILBOX_PASSWORD, "old@example.org", &kept, NULL));
    assert_null(kept);
    ask(1, "registration.forget", "", "{\"name\":\"contoso\"}");
    assert_true(vault_get(w.vault, VAULT_REGISTRATION_SECRET, "contoso", &kept, NULL));
    assert_null(kept);
    ask(1, "grant.list", "", "{}");
    assert_int_equal(json_array_size(json_object_get(heard[1].json, "items")), 6);
}

static void test_certificates_by_verb(void **unused)
{
    struct secret *kept;
    struct heard h = { 0 };
    ask(1, "registration.certificate", "", "{\"name\":\"certified\"}");
    assert_int_equal(heard[1].status, 200);
    assert_non_null(strstr(text(1, "certificate_pem"), "BEGIN CERTIFICATE"));
    assert_null(strstr(text(1, "certificate_pem"), "PRIVATE"));
    assert_string_equal(heard[1].secret, "");
    world_ask(&h, "cert@contoso.example", OBJECT_SMTP, 0);
    assert_string_equal(fake_field(w.http, "client_assertion_type"),
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_int_equal(strncmp(fake_field(w.http, "client_assertion"), "eyJ", 3), 0);
    assert_string_equal(fake_field(w.http, "client_secret"), "");
    assert_true(vault_get(w.vault, VAULT_REGISTRATION_CERTIFICATE, "certified", &kept, NULL));
    ask(2, "registration.certificate", (const char *)secret_bytes(kept).data, "{\"name\":\"other\"}");
    assert_string_equal(text(2, "certificate_sha256"), text(1, "certificate_sha256"));
    assert_int_equal(strlen(text(1, "certificate_sha1")), 40);
    assert_string_equal(text(2, "certificate_sha1"), text(1, "certificate_sha1"));
    secret_free(kept);
    ask(2, "registration.certificate", "rubbish", "{\"name\":\"other\"}");
    assert_int_equal(heard[2].status, 422);
}

static void test_app_password_by_verb(void **unused)
{
    ask(1, "app.password", "", "{\"name\":\"scanner\"}");
    assert_int_equal(heard[1].status, 200);
    assert_int_equal(strlen(heard[1].secret), 31);
    assert_string_equal(text(1, "user"), "scanner");
    char *json = json_dumps(heard[1].json, 0);
    assert_null(strstr(json, heard[1].secret));
    free(json);
    ask(1, "app.forget", "", "{\"name\":\"scanner\"}");
    assert_int_equal(heard[1].status, 204);
}

static void test_rekey_by_verb(void **unused)
{
    world_store_secret(VAULT_GRANT, INFO, "{\"refresh\":\"r1\"}");
    ask(1, "vault.rekey", "too short", "{}");
    assert_int_equal(heard[1].status, 422);
    ask(1, "vault.rekey", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "{}");
    assert_int_equal(heard[1].status, 200);
    ask(1, "vault.rekey", "", ""); /* a random one */
    assert_int_equal(heard[1].status, 200);
    assert_string_equal(world_stored_refresh(INFO), "r1");
}

/* Where a browser comes back, nobody knows an id: the state alone leads to the sign-in. And its end is the end of the owner's link. */
static void test_a_landing_and_the_owners_link(void **unused)
{
    char url[256], nonce[64], token[128], wrong[128];
    ask(1, "owner.link", "", "{\"address\":\"" INFO "\"}");
    assert_int_equal(heard[1].status, 200);
    snprintf(token, sizeof token, "%s", heard[1].secret);
    snprintf(wrong, sizeof wrong, "%.*sx", (int)strlen(token) - 1, token);
    ask(2, "owner.look", token, "{}");
    assert_string_equal(text(2, "address"), INFO);
    ask(2, "owner.look", wrong, "{}");
    assert_int_equal(heard[2].status, 404);
    assert_string_equal(finding(2), "owner.link");

    ask(1, "authorize.start", "",
        "{\"address\":\"" INFO "\",\"method\":\"console\",\"redirect_uri\":\"" REDIRECT "\"}");
    snprintf(nonce, sizeof nonce, "%s", query("nonce"));
    ask(3, "authorize.land", REDIRECT "?code=c&state=another", "{}");
    assert_string_equal(finding(3), "grant.expired");
    ask(3, "authorize.land", REDIRECT "?code=c", "{}");
    assert_int_equal(heard[3].status, 422);
    ask(4, "authorize.wait", "", "{\"id\":\"00\",\"address\":\"" DEVICE "\"}");
    assert_string_equal(finding(4), "grant.expired");
    snprintf(url, sizeof url, "%s?code=c&state=%s", REDIRECT, query("state"));
    ask(5, "authorize.land", url, "{}");
    answer_tokens(INFO, nonce, 0, "k1", "r1");
    ask(2, "owner.look", token, "{}");
    assert_int_equal(heard[2].status, 200); /* nothing is stored yet */
    answer_keys(0, "k1");
    assert_int_equal(heard[5].status, 200);
    ask(2, "owner.look", token, "{}");
    assert_int_equal(heard[2].status, 404);
}

static int free_keys(void **unused)
{
    EVP_PKEY_free(world_key(0));
    EVP_PKEY_free(world_key(1));
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_code_with_pkce),
        TEST(test_what_is_pasted),
        TEST(test_an_error_by_redirect),
        TEST(test_the_wrong_user),
        TEST(test_a_delegate_signs_in),
        TEST(test_refused_sign_ins_store_nothing),
        TEST(test_keys_roll),
        TEST(test_an_outage_while_redeeming),
        TEST(test_it_ends_after_15_minutes),
        TEST(test_a_new_start_ends_the_old),
        TEST(test_cancel_drops_the_answer),
        TEST(test_device_code),
        TEST(test_device_code_refused),
        TEST(test_device_code_runs_out),
        TEST(test_app_grant_is_tried),
        TEST(test_refused_starts),
        TEST(test_discovery),
        TEST(test_discovery_that_lies),
        TEST(test_secrets_go_in_and_stay_in),
        TEST(test_certificates_by_verb),
        TEST(test_app_password_by_verb),
        TEST(test_rekey_by_verb),
        TEST(test_a_landing_and_the_owners_link),
    };
    return cmocka_run_group_tests(tests, NULL, free_keys);
}
