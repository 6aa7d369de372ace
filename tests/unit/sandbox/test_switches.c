/* sandbox/switches: what may be set, keys, uses, propagation, near names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/switches.h"

struct fixture {
    struct loop *loop;
    struct switches *switches;
    char action[64];
};

static bool on_action(void *ctx, enum switch_id id, const char *value, uint64_t uses, struct fault *why)
{
    struct fixture *f = ctx;
    strncpy(f->action, value, sizeof f->action - 1);
    return strcmp(value, "bad") != 0 || fault_set(why, FAULT_REJECT, "", "no");
}

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    f.loop = loop_new_virtual(1795251600000);
    f.switches = switches_new(f.loop);
    switches_on_action(f.switches, on_action, &f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    switches_free(f->switches);
    loop_free(f->loop);
    return 0;
}

struct value_case {
    const char *name, *value;
    bool is_allowed;
};

static const struct value_case value_cases[] = {
    { "auto-consent", "on", true },
    { "auto-consent", "yes", false },
    { "auto-consent", "", false },
    { "smtp.without", "DSN,SIZE", true },
    { "smtp.without", "dsn", true },
    { "smtp.without", "all", true },
    { "smtp.without", "DSN,FOO", false },
    { "token.size", "0", true },
    { "token.size", "12", true },
    { "token.size", "13", false },
    { "token.size", "-1", false },
    { "token.size", "1x", false },
    { "code.lifetime", "90d", true },
    { "code.lifetime", "soon", false },
    { "smtp.size", "35M", true },
    { "smtp.size", "big", false },
    { "auto-user", "anything", true },
    { "smtp.auth-mailbox", "a@b.example=off", true },
    { "smtp.auth-mailbox", "a@b.example=maybe", false },
    { "smtp.auth-mailbox", "on", true },
};

static void test_values(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof value_cases / sizeof *value_cases; i++) {
        const struct value_case *c = &value_cases[i];
        struct fault why;
        bool is_set = switches_set(f->switches, c->name, c->value, 0, &why);
        if (is_set != c->is_allowed)
            fail_msg("%s = %s", c->name, c->value);
        if (!is_set) /* the refusal says what would be taken */
            assert_non_null(strstr(why.text, "it takes "));
    }
}

static void test_every_row_starts_with_a_value_it_allows(void **state)
{
    for (unsigned i = 0; i < SWITCH_COUNT; i++) {
        struct fault why;
        if (!switch_allows(&switch_rows[i], switch_rows[i].initial, &why))
            fail_msg("%s: %s", switch_rows[i].name, why.text);
        assert_true(strlen(switch_rows[i].text) > 10);
    }
}

static void test_keys(void **state)
{
    struct fixture *f = *state;
    struct fault why;
    assert_true(switches_set(f->switches, "smtp.auth-mailbox", "Shop@Contoso.example=off", 0, &why));
    assert_string_equal(switches_keyed(f->switches, SWITCH_SMTP_AUTH_MAILBOX, "shop@contoso.EXAMPLE"), "off");
    assert_string_equal(switches_keyed(f->switches, SWITCH_SMTP_AUTH_MAILBOX, "bob@contoso.example"), "inherit");
    assert_true(switches_set(f->switches, "smtp.auth-mailbox", "on", 0, &why)); /* for all: own values are gone */
    assert_string_equal(switches_keyed(f->switches, SWITCH_SMTP_AUTH_MAILBOX, "shop@contoso.example"), "on");
}

static void test_uses(void **state)
{
    struct fixture *f = *state;
    struct fault why;
    assert_true(switches_set(f->switches, "idp.fault", "503", 2, &why));
    assert_string_equal(switches_take(f->switches, SWITCH_IDP_FAULT), "503");
    assert_string_equal(switches_text(f->switches, SWITCH_IDP_FAULT), "503");
    assert_string_equal(switches_take(f->switches, SWITCH_IDP_FAULT), "503");
    assert_string_equal(switches_take(f->switches, SWITCH_IDP_FAULT), "none");
    assert_true(switches_set(f->switches, "idp.fault", "html", 0, &why));
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(switches_take(f->switches, SWITCH_IDP_FAULT), "html");
    assert_false(switches_set(f->switches, "smtp.tarpit", "100", 2, &why)); /* nobody would count them */
    assert_string_equal(switches_text(f->switches, SWITCH_SMTP_TARPIT), "0");
}

static void test_propagation(void **state)
{
    struct fixture *f = *state;
    struct fault why;
    assert_true(switches_set(f->switches, "propagation", "10m", 0, &why));
    assert_true(switches_set(f->switches, "smtp.auth-tenant", "off", 0, &why));
    assert_true(switches_set(f->switches, "auto-consent", "on", 0, &why)); /* nobody's administration */
    assert_true(switches_is(f->switches, SWITCH_AUTO_CONSENT, "on"));
    loop_advance(f->loop, 599999);
    assert_true(switches_is(f->switches, SWITCH_SMTP_AUTH_TENANT, "on"));
    loop_advance(f->loop, 1);
    assert_true(switches_is(f->switches, SWITCH_SMTP_AUTH_TENANT, "off"));
}

static void test_names(void **state)
{
    struct fixture *f = *state;
    struct fault why;
    assert_false(switches_set(f->switches, "auto-consnet", "on", 0, &why));
    assert_non_null(strstr(why.text, "auto-consent"));
    assert_false(switches_set(f->switches, "inject", "on", 0, &why));
    assert_non_null(strstr(why.text, "smtp.inject"));
    assert_false(switches_set(f->switches, "", "on", 0, &why));
    for (unsigned i = 0; i < SWITCH_COUNT; i++)
        assert_int_equal(switches_find(switch_rows[i].name, &why), i);
}

static void test_actions_and_reset(void **state)
{
    struct fixture *f = *state;
    struct fault why;
    assert_true(switches_set(f->switches, "revoke", "all", 0, &why));
    assert_string_equal(f->action, "all");
    assert_false(switches_set(f->switches, "revoke", "bad", 0, &why));
    assert_true(switches_set(f->switches, "token.size", "5", 0, &why));
    assert_true(switches_set(f->switches, "smtp.auth-mailbox", "a@b.example=off", 0, &why));
    switches_reset(f->switches);
    assert_int_equal(switches_number(f->switches, SWITCH_TOKEN_SIZE), 0);
    assert_string_equal(switches_keyed(f->switches, SWITCH_SMTP_AUTH_MAILBOX, "a@b.example"), "inherit");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_every_row_starts_with_a_value_it_allows),
        TEST(test_keys),
        TEST(test_uses),
        TEST(test_propagation),
        TEST(test_names),
        TEST(test_actions_and_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
