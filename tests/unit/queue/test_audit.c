/* The audit as the queue role writes it: every change has its line in the same transaction, with who asked, and nothing else has one. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define ANNA "\"who\":{\"kind\":\"operator\",\"name\":\"anna\",\"host\":\"192.0.2.7\"}"

static int set_up(void **state)
{
    bench_set_up(state);
    ((struct bench *)*state)->conf.console.audit_history_s = 400 * 86400;
    return 0;
}

/* Lent until the next question. */
static json_t *lines(struct bench *b, const char *filter)
{
    json_t *items = json_object_get(bench_ask(b, "audit.list", filter), "items");
    assert_int_equal(b->status, 200);
    return items;
}

static size_t count(struct bench *b)
{
    return json_array_size(lines(b, "{}"));
}

/* The newest line, its members as text: kind of who, name, host, action, kind, key, changes. */
static void is_newest(struct bench *b, const char *expected)
{
    const char *who_kind, *name, *host, *action, *kind, *key;
    json_t *changes, *line = json_array_get(lines(b, "{\"limit\":\"1\"}"), 0);
    char text[1024];
    assert_non_null(line);
    assert_int_equal(json_unpack(line, "{s:{s:s, s:s, s:s}, s:s, s:s, s:s, s:o}", "who", "kind", &who_kind, "name",
                                 &name, "host", &host, "action", &action, "kind", &kind, "key", &key, "changes",
                                 &changes),
                     0);
    char *json = json_dumps(changes, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(text, sizeof text, "%s %s %s: %s %s %s %s", who_kind, name, host, action, kind, key, json);
    free(json);
    assert_string_equal(text, expected);
}

static void pause_shop(struct bench *b, const char *who, const char *is_paused)
{
    char json[512];
    snprintf(json, sizeof json, "{%s\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"changes\":{\"is_paused\":%s}}", who,
             is_paused);
    bench_ask(b, "object.patch", json);
}

static void test_a_change_has_one_line(void **state)
{
    struct bench *b = *state;
    assert_int_equal(count(b), 0); /* what the bench set up was asked for by nobody */
    pause_shop(b, ANNA ",", "true");
    is_newest(b, "operator anna 192.0.2.7: change mailbox " SHOP " {\"is_paused\":[false,true]}");
    bench_ask(b, "object.put",
              "{" ANNA ",\"kind\":\"key\",\"key\":\"Shop\",\"object\":{\"name\":\"Shop\",\"scopes\":[\"send\"]}}");
    assert_int_equal(b->status, 201);
    json_t *added = json_array_get(lines(b, "{\"kind\":\"key\",\"key\":\"SHOP\"}"), 0);
    json_t *scopes = json_object_get(json_object_get(added, "changes"), "scopes");
    assert_true(json_is_null(json_array_get(scopes, 0)));
    assert_string_equal(json_string_value(json_array_get(json_array_get(scopes, 1), 0)), "send");
    bench_ask(b, "object.remove", "{" ANNA ",\"kind\":\"key\",\"key\":\"shop\"}");
    json_t *removed = json_array_get(lines(b, "{\"kind\":\"key\",\"limit\":\"1\"}"), 0);
    assert_string_equal(json_string_value(json_object_get(removed, "action")), "remove");
    assert_true(json_is_null(json_array_get(json_object_get(json_object_get(removed, "changes"), "scopes"), 1)));
    assert_int_equal(count(b), 3);
}

static void test_what_changes_nothing_has_none(void **state)
{
    struct bench *b = *state;
    pause_shop(b, ANNA ",", "false");
    assert_int_equal(b->status, 200);
    pause_shop(b, ANNA ",", "7");
    assert_int_equal(b->status, 422);
    bench_ask(b, "object.remove", "{" ANNA ",\"kind\":\"provider\",\"key\":\"plain\"}");
    assert_int_equal(b->status, 409);
    bench_ask(b, "message.hold", "{" ANNA ",\"ids\":[\"0000000000000001\"]}");
    bench_ask(b, "object.get", "{" ANNA ",\"kind\":\"mailbox\",\"key\":\"" SHOP "\"}");
    bench_disk_fails(13);
    pause_shop(b, ANNA ",", "true");
    assert_int_equal(b->status, 503);
    bench_disk_fails(0);
    assert_int_equal(count(b), 0);
    pause_shop(b, "", "true"); /* by the daemon itself */
    assert_int_equal(count(b), 0);
}

static void test_messages_have_one_line_for_all(void **state)
{
    struct bench *b = *state;
    char json[256], expected[256];
    uint64_t one = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    uint64_t two = bench_submit(b, SHOP, "crm", SHOP, "c@d.example");
    bench_answer(b, 0, ATTEMPT_RETRY, 451, "", "later");
    bench_answer(b, 1, ATTEMPT_RETRY, 451, "", "later");
    snprintf(json, sizeof json, "{" ANNA ",\"ids\":[\"%016llx\",\"%016llx\",\"nonsense\"]}", (unsigned long long)one,
             (unsigned long long)two);
    bench_ask(b, "message.hold", json);
    snprintf(expected, sizeof expected,
             "operator anna 192.0.2.7: hold message  {\"count\":2,\"ids\":[\"%016llx\",\"%016llx\"]}",
             (unsigned long long)one, (unsigned long long)two);
    is_newest(b, expected);
    snprintf(json, sizeof json, "{" ANNA ",\"ids\":[\"%016llx\"]}", (unsigned long long)one);
    bench_ask(b, "message.remove", json);
    snprintf(expected, sizeof expected,
             "operator anna 192.0.2.7: remove message %016llx {\"count\":1,\"ids\":[\"%016llx\"]}",
             (unsigned long long)one, (unsigned long long)one);
    is_newest(b, expected);
    assert_int_equal(count(b), 2);
}

static void test_a_document_has_a_line_for_each_change(void **state)
{
    struct bench *b = *state;
    const char *document =
        ",\"document\":{\"mailboxes\":[{\"address\":\"" SHOP
        "\",\"provider\":\"plain\",\"grant\":\"basic\",\"is_paused\":true},{\"address\":\"" DESK
        "\",\"provider\":\"plain\",\"grant\":\"basic\"}],\"apps\":[{\"name\":\"crm\",\"mailboxes\":[\"" SHOP "\"]}]}}";
    char json[1024];
    snprintf(json, sizeof json, "{" ANNA ",\"dry_run\":true%s", document);
    bench_ask(b, "object.apply", json);
    assert_int_equal(b->status, 200);
    assert_int_equal(count(b), 0);
    snprintf(json, sizeof json, "{" ANNA "%s", document);
    bench_ask(b, "object.apply", json);
    assert_int_equal(b->status, 200);
    assert_int_equal(count(b), 2); /* DESK is as it was */
    assert_int_equal(json_array_size(lines(b, "{\"kind\":\"app\",\"key\":\"crm\"}")), 1);
    assert_int_equal(json_array_size(lines(b, "{\"who_name\":\"anna\",\"key\":\"" SHOP "\"}")), 1);
}

static void test_a_line_is_added_by_verb(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {
        "{" ANNA "}",
        "{" ANNA ",\"action\":\"\"}",
        "{" ANNA ",\"action\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
        "{" ANNA
        ",\"action\":\"a\",\"kind\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench_ask(b, "audit.add", bad[i]);
        assert_int_equal(b->status, 400);
    }
    bench_ask(b, "audit.add", "{\"action\":\"sign-in\",\"kind\":\"operator\",\"key\":\"anna\"}"); /* who? */
    assert_int_equal(count(b), 0);
    bench_ask(b, "audit.add",
              "{\"who\":{\"kind\":\"operator\",\"name\":\"a\\u0007\\nb\\u001b[2J\",\"host\":\"192.0.2.7\"},\"action\":"
              "\"sign-in\",\"kind\":\"operator\",\"key\":\"anna\",\"changes\":{\"left_out\":7}}");
    json_t *line = json_array_get(lines(b, "{}"), 0);
    const char *name = json_string_value(json_object_get(json_object_get(line, "who"), "name"));
    for (const char *at = name; *at; at++)
        assert_true(*at >= ' ');
    assert_int_equal(json_integer_value(json_object_get(json_object_get(line, "changes"), "left_out")), 7);
}

/* Half a JSON text would be none: what is too long is left out, and the line stays. */
static void test_endless_changes_are_left_out(void **state)
{
    struct bench *b = *state;
    json_t *in = json_pack("{s:{s:s, s:s, s:s}, s:s, s:s, s:s, s:{s:o}}", "who", "kind", "local", "name", "root",
                           "host", "local", "action", "change", "kind", "app", "key", "erp", "changes", "from",
                           json_array());
    json_t *list = json_object_get(json_object_get(in, "changes"), "from");
    for (int i = 0; i < 3000; i++)
        json_array_append_new(list, json_string("192.0.2.0/24"));
    char *text = json_dumps(in, JSON_COMPACT);
    bench_ask(b, "audit.add", text);
    free(text);
    json_decref(in);
    is_newest(b, "local root local: change app erp {}");
}

static void test_it_is_forgotten_as_the_setting_says(void **state)
{
    struct bench *b = *state;
    b->conf.console.audit_history_s = 30 * 86400;
    pause_shop(b, ANNA ",", "true");
    bench_advance(b, 20 * 86400);
    pause_shop(b, ANNA ",", "false");
    bench_advance(b, 9 * 86400);
    assert_int_equal(count(b), 2);
    bench_advance(b, 2 * 86400);
    assert_int_equal(count(b), 1);
    is_newest(b, "operator anna 192.0.2.7: change mailbox " SHOP " {\"is_paused\":[true,false]}");
    b->conf.console.audit_history_s = 5 * 86400; /* as after a reload */
    bench_advance(b, 120);
    assert_int_equal(count(b), 0);
}

static void test_a_wrong_filter_is_refused(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = { "{\"since\":\"yesterday\"}", "{\"limit\":\"0\"}",  "{\"limit\":\"501\"}",
                                       "{\"limit\":\"x\"}",         "{\"cursor\":\"x\"}", "{\"cursor\":\"-1\"}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench_ask(b, "audit.list", bad[i]);
        assert_int_equal(b->status, 400);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_change_has_one_line),
        CASE(test_what_changes_nothing_has_none),
        CASE(test_messages_have_one_line_for_all),
        CASE(test_a_document_has_a_line_for_each_change),
        CASE(test_a_line_is_added_by_verb),
        CASE(test_endless_changes_are_left_out),
        CASE(test_it_is_forgotten_as_the_setting_says),
        CASE(test_a_wrong_filter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
