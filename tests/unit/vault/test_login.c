/* App passwords: who gets in, who waits, and what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/login.h"
#include "vault/login_cache.h"
#include "vault/password.h"
#include "vault/throttle.h"

static char state[64];
static struct loop *loop;
static struct vault *vault;
static struct directory *directory;
static struct guesses *guesses;
static struct login *login;
static char scanner[PASSWORD_TEXT_SIZE], shop[PASSWORD_TEXT_SIZE];

/* The last verdict, with its texts copied. */
static struct {
    unsigned count;
    bool is_ok;
    char app[64], mailbox[64];
    struct fault why;
    uint32_t delay_ms;
} last;

static void on_verdict(void *ctx, uint64_t tag, const struct login_verdict *v)
{
    last.count++;
    last.is_ok = v->is_ok;
    snprintf(last.app, sizeof last.app, "%s", v->app);
    snprintf(last.mailbox, sizeof last.mailbox, "%s", v->mailbox);
    last.why = v->why;
    last.delay_ms = v->delay_ms;
}

static void add(enum object_kind kind, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct fault why = { 0 };
    const char *key = json_string_value(json_object_get(json, kind == OBJECT_MAILBOX ? "address" : "name"));
    assert_non_null(json);
    if (!directory_apply(directory, kind, key, json, &why))
        fail_msg("%s", why.text);
    json_decref(json);
}

static void give_password(const char *app, char out[PASSWORD_TEXT_SIZE])
{
    struct secret *password = login_new_password(login, app, NULL);
    assert_non_null(password);
    snprintf(out, PASSWORD_TEXT_SIZE, "%s", (const char *)secret_bytes(password).data);
    secret_free(password);
}

static void open_all(void)
{
    char path[96], key[96];
    snprintf(path, sizeof path, "%s/vault", state);
    snprintf(key, sizeof key, "%s/master.key", state);
    vault = vault_open(path, master_key_read("file", key, path, NULL), NULL);
    guesses = guesses_new(loop);
    login = login_new(guesses, vault, directory, NULL);
    assert_non_null(login);
}

static int set_up(void **unused)
{
    memset(&last, 0, sizeof last);
    snprintf(state, sizeof state, "/tmp/test-login-XXXXXX");
    assert_non_null(mkdtemp(state));
    loop = loop_new_virtual(1800000000000);
    directory = directory_new();
    add(OBJECT_MAILBOX, "{\"address\":\"info@example.org\",\"provider\":\"google\",\"grant\":\"basic\"}");
    add(OBJECT_MAILBOX, "{\"address\":\"shop@example.org\",\"provider\":\"google\",\"grant\":\"basic\"}");
    add(OBJECT_APP,
        "{\"name\":\"scanner\",\"mailboxes\":[\"info@example.org\",\"shop@example.org\"],\"allow\":[\"smtp\"]}");
    add(OBJECT_APP,
        "{\"name\":\"shop\",\"mailboxes\":[\"shop@example.org\"],\"from\":[\"10.1.0.0/16\"],\"only_from\":true}");
    open_all();
    give_password("scanner", scanner);
    give_password("shop", shop);
    return 0;
}

static int tear_down(void **unused)
{
    char command[128];
    login_free(login);
    guesses_free(guesses);
    vault_free(vault);
    directory_free(directory);
    loop_free(loop);
    snprintf(command, sizeof command, "rm -rf %s", state);
    return system(command);
}

static void ask_from(const char *user, const char *password, const char *host, uint32_t protocol)
{
    login_check(login, &(struct login_question){ user, bytes_of(password), host, protocol }, on_verdict, NULL, 1);
}

/* The hash is made beside the loop: turns go by, and no time of the loop's clock. */
static void turn(void)
{
    loop_turn(loop, 0);
    sched_yield();
}

/* Asks and turns the loop until the answer is there. */
static void ask(const char *user, const char *password)
{
    unsigned before = last.count;
    ask_from(user, password, "10.1.2.3", OBJECT_SMTP);
    while (last.count == before)
        turn();
    assert_int_equal(last.count, before + 1);
}

static void test_user_name_forms(void **unused)
{
    const struct {
        const char *user, *password, *app, *mailbox;
    } cases[] = {
        { "scanner", scanner, "scanner", "info@example.org" },
        { "SCANNER", scanner, "scanner", "info@example.org" },
        { "scanner%shop@example.org", scanner, "scanner", "shop@example.org" },
        { "scanner%info@example.org", scanner, "scanner", "info@example.org" },
        { "info@example.org", scanner, "scanner", "info@example.org" },
        { "Shop@Example.org", scanner, "scanner", "shop@example.org" },
        { "shop@example.org", shop, "shop", "shop@example.org" },
        { "shop", shop, "shop", "shop@example.org" },
        { "shop", scanner, NULL, NULL },
        { "shop%info@example.org", shop, NULL, NULL },
        { "scanner%nobody@example.org", scanner, NULL, NULL },
        { "nobody", scanner, NULL, NULL },
        { "", scanner, NULL, NULL },
        { "%", scanner, NULL, NULL },
        { "scanner", "", NULL, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int again = 0; again < 2; again++) { /* cold, and from the cache */
            ask(cases[i].user, cases[i].password);
            assert_int_equal(last.is_ok, cases[i].app != NULL);
            assert_string_equal(last.app, cases[i].app ? cases[i].app : "");
            assert_string_equal(last.mailbox, cases[i].mailbox ? cases[i].mailbox : "");
            if (!cases[i].app) {
                assert_int_equal(last.why.kind, FAULT_AUTH);
                assert_string_equal(last.why.text, "the user name or the password is wrong");
            }
        }
    }
}

static void test_typed_loosely(void **unused)
{
    char typed[64] = " ";
    for (size_t i = 0; scanner[i]; i++) {
        if (scanner[i] != '-')
            strncat(typed, &(char){ (char)(scanner[i] >= 'a' ? scanner[i] - 32 : scanner[i]) }, 1);
    }
    ask("scanner", typed);
    assert_true(last.is_ok);
}

static void test_protocol_and_range(void **unused)
{
    ask("scanner", scanner);
    ask_from("scanner", scanner, "10.1.2.3", OBJECT_IMAP);
    assert_false(last.is_ok);
    assert_string_equal(last.why.id, "app.protocol");
    ask("shop", shop);
    ask_from("shop", shop, "192.0.2.1", OBJECT_SMTP);
    assert_false(last.is_ok);
    assert_string_equal(last.why.id, "app.from");
}

static void test_paused_mailbox_still_takes_mail(void **unused)
{
    ask("shop", shop);
    add(OBJECT_MAILBOX,
        "{\"address\":\"shop@example.org\",\"provider\":\"google\",\"grant\":\"basic\",\"is_paused\":true}");
    ask_from("shop", shop, "10.1.2.3", OBJECT_SMTP);
    assert_true(last.is_ok);
    ask_from("shop", shop, "10.1.2.3", OBJECT_IMAP); /* which is no business of what goes out */
    assert_true(last.is_ok);
}

static void test_a_second_login_is_fast(void **unused)
{
    ask("scanner", scanner);
    unsigned before = last.count;
    int64_t start = clock_steady_ms();
    for (int i = 0; i < 1000; i++)
        ask_from("scanner", scanner, "10.1.2.3", OBJECT_SMTP); /* answered inside the call */
    assert_int_equal(last.count, before + 1000);
    assert_true(clock_steady_ms() - start < 1000); /* an Argon2 each would take many seconds */
}

static void test_rotation_ends_the_old_password(void **unused)
{
    char fresh[PASSWORD_TEXT_SIZE];
    ask("scanner", scanner);
    assert_true(last.is_ok);
    give_password("scanner", fresh);
    ask("scanner", scanner);
    assert_false(last.is_ok);
    ask("scanner", fresh);
    assert_true(last.is_ok);
    login_free(login);
    guesses_free(guesses);
    vault_free(vault);
    open_all();
    ask("scanner", fresh);
    assert_true(last.is_ok);
    assert_true(login_forget_app(login, "Scanner", NULL));
    assert_false(login_has_password(login, "scanner"));
    ask("scanner", fresh);
    assert_false(last.is_ok);
}

static void test_wrong_ones_are_slowed_then_refused(void **unused)
{
    char wrong[32];
    uint32_t slowest = 0;
    int refused_at = 0;
    for (int i = 1; i <= 40 && !refused_at; i++) {
        snprintf(wrong, sizeof wrong, "wrong%d", i);
        ask("scanner", wrong);
        assert_false(last.is_ok);
        if (last.why.kind == FAULT_RETRY)
            refused_at = i;
        else
            assert_int_equal(last.delay_ms > 0, i > 2);
        slowest = last.delay_ms > slowest ? last.delay_ms : slowest;
    }
    assert_int_equal(refused_at, 21);
    assert_int_equal(slowest, 8000);
    assert_string_equal(last.why.id, "app.throttled");
    ask("shop", shop); /* another app from that address is not concerned */
    assert_true(last.is_ok);
    loop_advance(loop, 30 * 60 * 1000); /* forgotten by and by */
    ask("scanner", scanner);
    assert_true(last.is_ok);
}

static void test_a_known_password_passes_while_others_are_refused(void **unused)
{
    char wrong[32];
    ask("scanner", scanner);
    for (int i = 0; i < 30; i++) {
        snprintf(wrong, sizeof wrong, "guess%d", i);
        ask("scanner", wrong);
    }
    assert_int_equal(last.why.kind, FAULT_RETRY);
    ask("scanner", scanner);
    assert_true(last.is_ok);
}

static void test_the_line_is_bounded(void **unused)
{
    unsigned busy = 0;
    for (int i = 0; i < 1000; i++) {
        char user[32], host[32];
        unsigned before = last.count;
        snprintf(user, sizeof user, "user%d", i);
        snprintf(host, sizeof host, "10.2.%d.%d", i / 200, i % 200);
        ask_from(user, "x", host, OBJECT_SMTP);
        if (last.count > before) {
            assert_string_equal(last.why.id, "app.busy");
            assert_int_equal(last.why.kind, FAULT_RETRY);
            busy++;
        }
    }
    assert_int_equal(busy, 1000 - 256);
    login_forget_asker(login, NULL);
    ask("scanner", scanner);
    assert_true(last.is_ok);
}

static void test_many_cold_logins_cost_one_hash(void **unused)
{
    for (int i = 0; i < 30; i++)
        ask_from("scanner", scanner, "10.1.2.3", OBJECT_SMTP);
    assert_int_equal(last.count, 0);
    while (last.count == 0)
        turn();
    for (int i = 0; i < 31 && last.count < 30; i++) /* one a turn: no other is hashed */
        turn();
    assert_int_equal(last.count, 30);
    assert_true(last.is_ok);
}

static void test_made_passwords(void **unused)
{
    unsigned seen[256] = { 0 };
    for (int i = 0; i < 500; i++) {
        char text[PASSWORD_TEXT_SIZE];
        password_make(text);
        assert_int_equal(strlen(text), 31);
        assert_true(text[7] == '-' && text[15] == '-' && text[23] == '-');
        for (size_t at = 0; text[at]; at++)
            seen[(uint8_t)text[at]]++;
    }
    for (const char *c = "abcdefghjkmnpqrstuvwxyz23456789"; *c; c++)
        assert_in_range(seen[(uint8_t)*c], 300, 620); /* 14,000 letters over 31: 452 each */
    assert_int_equal(seen['0'] + seen['o'] + seen['1'] + seen['l'] + seen['i'], 0);
}

static void test_wrong_ones_do_not_push_out_right_ones(void **unused)
{
    struct login_cache *c = login_cache_new();
    struct secret *right = secret_new("right", 5);
    login_cache_put(c, "hash", right, true);
    for (int i = 0; i < 20000; i++) {
        struct secret *wrong = secret_new(&i, sizeof i);
        login_cache_put(c, "hash", wrong, false);
        assert_int_equal(login_cache_find(c, "hash", wrong), LOGIN_WRONG);
        secret_free(wrong);
    }
    assert_int_equal(login_cache_find(c, "hash", right), LOGIN_RIGHT);
    assert_int_equal(login_cache_find(c, "other", right), LOGIN_UNKNOWN);
    secret_free(right);
    login_cache_free(c);
}

static void test_throttle_fades(void **unused)
{
    struct throttle *t = throttle_new();
    for (unsigned i = 1; i <= 8; i++)
        assert_int_equal(throttle_add(t, "app", "host", 1000), i);
    assert_int_equal(throttle_count(t, "app", "other", 1000), 0);
    assert_int_equal(throttle_count(t, "app", "host", 1000 + 299999), 8);
    assert_int_equal(throttle_count(t, "app", "host", 1000 + 300000), 4);
    assert_int_equal(throttle_add(t, "app", "host", 1000 + 300000), 5);
    assert_int_equal(throttle_count(t, "app", "host", 1000 + 36000000), 0);
    throttle_clear(t, "app", "host");
    assert_int_equal(throttle_count(t, "app", "host", 1000 + 300000), 0);
    throttle_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_user_name_forms),
        TEST(test_typed_loosely),
        TEST(test_protocol_and_range),
        TEST(test_paused_mailbox_still_takes_mail),
        TEST(test_a_second_login_is_fast),
        TEST(test_rotation_ends_the_old_password),
        TEST(test_wrong_ones_are_slowed_then_refused),
        TEST(test_a_known_password_passes_while_others_are_refused),
        TEST(test_the_line_is_bounded),
        TEST(test_many_cold_logins_cost_one_hash),
        cmocka_unit_test(test_made_passwords),
        cmocka_unit_test(test_wrong_ones_do_not_push_out_right_ones),
        cmocka_unit_test(test_throttle_fades),
    };
    log_to_stderr(false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
