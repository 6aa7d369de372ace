/* Operators' passwords and programs' keys, as the vault knows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "vault/keys.h"
#include "vault/operators.h"

#define GOOD "correct horse battery"

static char state[64];
static struct loop *loop;
static struct vault *vault;
static struct guesses *guesses;
static struct operators *operators;
static struct keys *keys;
static struct operator_verdict last;
static unsigned count;

static void on_verdict(void *ctx, uint64_t tag, const struct operator_verdict *v)
{
    last = *v;
    count++;
}

static void open_all(void)
{
    char path[96], key[96];
    snprintf(path, sizeof path, "%s/vault", state);
    snprintf(key, sizeof key, "%s/master.key", state);
    vault = vault_open(path, master_key_read("file", key, path, NULL), NULL);
    guesses = guesses_new(loop);
    operators = operators_new(loop, guesses, vault, NULL);
    keys = keys_new(vault, NULL);
    assert_non_null(operators);
    assert_non_null(keys);
}

static void close_all(void)
{
    keys_free(keys);
    operators_free(operators);
    guesses_free(guesses);
    vault_free(vault);
}

static int set_up(void **unused)
{
    count = 0;
    snprintf(state, sizeof state, "/tmp/test-people-XXXXXX");
    assert_non_null(mkdtemp(state));
    loop = loop_new_virtual(1800000000000);
    open_all();
    return 0;
}

static int tear_down(void **unused)
{
    char command[96];
    close_all();
    loop_free(loop);
    snprintf(command, sizeof command, "rm -r %s", state);
    return system(command);
}

/* The hash is made beside the loop: turns go by, and no time of the loop's clock. */
static void turn(void)
{
    loop_turn(loop, 0);
    sched_yield();
}

static bool check(const char *name, const char *password, const char *host)
{
    unsigned before = count;
    operators_check(operators, name, bytes_of(password), host, on_verdict, NULL, 1);
    while (count == before)
        turn();
    return last.is_ok;
}

static bool set(const char *name, const char *password)
{
    unsigned before = count;
    operators_set_password(operators, name, bytes_of(password), on_verdict, NULL, 1);
    while (count == before)
        turn();
    assert_true(last.is_ok || strcmp(last.why.id, "operator.password") == 0);
    return last.is_ok;
}

static void test_a_password_counts_as_it_is(void **unused)
{
    assert_true(set("Anna", GOOD));
    assert_true(check("anna", GOOD, "192.0.2.1"));
    assert_true(check("ANNA", GOOD, "192.0.2.1"));
    assert_false(check("anna", "Correct horse battery", "192.0.2.1"));
    assert_int_equal(last.why.kind, FAULT_AUTH);
    assert_false(check("anna", GOOD " ", "192.0.2.1"));
    assert_false(check("bert", GOOD, "192.0.2.1"));
    assert_string_equal(last.why.id, "console.password");
    close_all();
    open_all();
    assert_true(check("anna", GOOD, "192.0.2.1"));
    assert_true(operators_forget(operators, "ANNA", NULL));
    assert_false(check("anna", GOOD, "192.0.2.1"));
}

static void test_a_new_password_ends_the_old_one(void **unused)
{
    assert_true(set("anna", GOOD));
    assert_true(check("anna", GOOD, "192.0.2.1"));
    assert_true(set("anna", "another staple of it"));
    assert_false(check("anna", GOOD, "192.0.2.1"));
    assert_true(check("anna", "another staple of it", "192.0.2.1"));
}

static void want(const char *name, const char *password, void *asker)
{
    operators_set_password(operators, name, bytes_of(password), on_verdict, asker, 1);
}

static void test_passwords_are_set_one_after_the_other_beside_the_loop(void **unused)
{
    for (unsigned i = 0; i < 3; i++)
        want("anna", i == 0 ? GOOD : i == 1 ? "another staple of it" : "the last one counts", NULL);
    assert_int_equal(count, 0); /* nobody waited for a hash */
    while (count < 3)
        turn();
    assert_false(check("anna", GOOD, "192.0.2.1"));
    assert_true(check("anna", "the last one counts", "192.0.2.1"));
    count = 0;
    for (unsigned i = 0; i < 33; i++)
        want("bert", GOOD, NULL);
    assert_int_equal(count, 1); /* so many may wait, and no more */
    assert_int_equal(last.why.kind, FAULT_RETRY);
    operators_forget_asker(operators, NULL);
}

static void test_what_is_removed_or_not_waited_for_any_more_is_not_set(void **unused)
{
    want("anna", GOOD, NULL);
    want("bert", GOOD, NULL);
    want("carl", GOOD, &state); /* this one goes away */
    operators_forget_asker(operators, &state);
    assert_true(operators_forget(operators, "ANNA", NULL));
    assert_int_equal(count, 1);
    assert_false(last.is_ok);
    while (count < 2)
        turn();
    assert_true(last.is_ok);
    assert_true(operators_has_password(operators, "bert"));
    assert_false(operators_has_password(operators, "anna"));
    assert_false(operators_has_password(operators, "carl"));
    want("carl", GOOD, NULL); /* and one may still be made when all ends */
}

static void test_easy_ones_are_refused(void **unused)
{
    static const char *const easy[] = { "",
                                        "elevenchars",
                                        "anna-anna-12",
                                        "password1234",
                                        "P@ssw0rd2026!",
                                        "Welcome2Postern",
                                        "123456789012",
                                        "qwertyuiopas",
                                        "aaaabbbbaaaabbbb",
                                        "admin-admin-admin",
                                        "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc",
                                        "\xff\xfe not text at all" };
    static const char *const hard[] = { GOOD, "Vt7!qL0#zR4k", "w\xc3\xa4rmeres wasser", "annas brother is a sailor" };
    for (size_t i = 0; i < sizeof easy / sizeof *easy; i++)
        if (set("anna", easy[i]))
            fail_msg("%s was taken", easy[i]);
    assert_false(operators_has_password(operators, "anna"));
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        if (!set("anna", hard[i]))
            fail_msg("%s was refused", hard[i]);
}

static void test_a_thousand_wrong_ones_lock_out_their_sender_alone(void **unused)
{
    unsigned looked_at = 0;
    char wrong[32];
    assert_true(set("anna", GOOD));
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(wrong, sizeof wrong, "wrong password %u", i);
        assert_false(check("anna", wrong, "192.0.2.1"));
        looked_at += last.why.kind == FAULT_AUTH;
    }
    assert_int_equal(looked_at, 20);
    assert_string_equal(last.why.id, "console.throttled");
    assert_int_equal(last.why.retry_after_s, GUESS_RETRY_S);
    assert_true(check("anna", GOOD, "192.0.2.2"));
    assert_true(check("anna", GOOD, "192.0.2.1")); /* known by now */
    loop_advance(loop, 3600 * 1000);
    assert_false(check("anna", "wrong password x", "192.0.2.1"));
    assert_int_equal(last.why.kind, FAULT_AUTH);
}

static void test_a_cancelled_question_is_dropped(void **unused)
{
    assert_true(set("anna", GOOD));
    count = 0;
    operators_check(operators, "anna", bytes_of(GOOD), "192.0.2.1", on_verdict, &state, 7);
    guesses_cancel(guesses, &state, 7);
    loop_advance(loop, 100);
    assert_int_equal(count, 0);
    /* Neither is one heard of that was cancelled while it was compared; and what comes behind it is. */
    operators_check(operators, "anna", bytes_of(GOOD), "192.0.2.1", on_verdict, &state, 8);
    turn();
    guesses_cancel(guesses, &state, 8);
    assert_false(check("anna", "not this one either", "192.0.2.1"));
    assert_int_equal(count, 1);
}

/* Tokens are handed out by the same loop. */
static void test_the_loop_goes_on_while_passwords_are_compared(void **unused)
{
    static const char *const typed[] = { "one", "two", "three" };
    unsigned turns = 0;
    assert_true(set("anna", GOOD));
    assert_true(check("anna", GOOD, "192.0.2.1"));
    unsigned before = count;
    for (uint64_t i = 0; i < 3; i++)
        operators_check(operators, "bert", bytes_of(typed[i]), "192.0.2.2", on_verdict, NULL, i);
    turn();
    operators_check(operators, "anna", bytes_of(GOOD), "192.0.2.1", on_verdict, NULL, 9);
    assert_int_equal(count, before + 1); /* what is known waits for nobody */
    assert_true(last.is_ok);
    for (; count < before + 4; turns++)
        turn();
    assert_true(turns > 30); /* each comparison lasts for many of them */
    /* One that is under way when all ends. */
    operators_check(operators, "bert", bytes_of("four"), "192.0.2.2", on_verdict, NULL, 4);
    turn();
}

static bool has_no_threads;
int __real_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *ctx);

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*run)(void *), void *ctx)
{
    return has_no_threads ? EAGAIN : __real_pthread_create(out, attr, run, ctx);
}

static void test_where_there_is_no_thread_people_come_in_all_the_same(void **unused)
{
    assert_true(set("anna", GOOD));
    has_no_threads = true;
    assert_true(check("anna", GOOD, "192.0.2.1"));
    assert_false(check("anna", "not this one", "192.0.2.1"));
    has_no_threads = false;
    assert_false(check("anna", "nor this one", "192.0.2.1"));
}

static void test_a_key_is_good_until_there_is_another(void **unused)
{
    char name[KEY_NAME_SIZE];
    struct secret *one = keys_make(keys, "Shop.x", NULL), *two;
    assert_non_null(one);
    assert_true(keys_check(keys, secret_bytes(one), name));
    assert_string_equal(name, "shop.x");
    close_all();
    open_all();
    assert_true(keys_check(keys, secret_bytes(one), name));
    two = keys_make(keys, "shop.X", NULL);
    assert_false(keys_check(keys, secret_bytes(one), name));
    assert_true(keys_check(keys, secret_bytes(two), name));
    assert_true(keys_forget(keys, "SHOP.x", NULL));
    assert_false(keys_check(keys, secret_bytes(two), name));
    secret_free(one);
    secret_free(two);
}

static void test_what_is_nearly_a_key_is_none(void **unused)
{
    char name[KEY_NAME_SIZE], text[256];
    struct secret *key = keys_make(keys, "shop", NULL);
    struct bytes good = secret_bytes(key);
    for (size_t i = 0; i < good.size; i++) { /* every octet counts */
        memcpy(text, good.data, good.size);
        text[i] ^= 1;
        assert_false(keys_check(keys, (struct bytes){ (uint8_t *)text, good.size }, name));
        assert_false(keys_check(keys, bytes_slice(good, 0, i), name));
    }
    static const char *const none[] = { "",          "postern.",
                                        "postern..", "postern.shop",
                                        "shop",      "postern..AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(keys_check(keys, bytes_of(none[i]), name));
    secret_free(key);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_password_counts_as_it_is),
        CASE(test_a_new_password_ends_the_old_one),
        CASE(test_passwords_are_set_one_after_the_other_beside_the_loop),
        CASE(test_what_is_removed_or_not_waited_for_any_more_is_not_set),
        CASE(test_easy_ones_are_refused),
        CASE(test_a_thousand_wrong_ones_lock_out_their_sender_alone),
        CASE(test_a_cancelled_question_is_dropped),
        CASE(test_a_key_is_good_until_there_is_another),
        CASE(test_what_is_nearly_a_key_is_none),
        CASE(test_the_loop_goes_on_while_passwords_are_compared),
        CASE(test_where_there_is_no_thread_people_come_in_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
