/* The administrator's verbs: objects and messages, done or refused with a reason. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static const char *text_at(json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "(none)";
}

static json_t *ids(struct bench *b, const char *verb, uint64_t id)
{
    char json[64];
    snprintf(json, sizeof json, "{\"ids\":[\"%016llx\"]}", (unsigned long long)id);
    json_t *answer = bench_ask(b, verb, json);
    assert_int_equal(b->status, 200);
    return answer;
}

static bool is_done(json_t *answer)
{
    return json_array_size(json_object_get(answer, "done")) == 1;
}

static void test_objects_are_kept_told_and_given_to_new_peers(void **state)
{
    struct bench *b = *state;
    assert_int_equal(b->objects, 3);
    bench_ask(b, "object.put",
              "{\"kind\":\"app\",\"key\":\"crm\",\"is_new\":true,\"object\":{\"name\":\"crm\",\"mailboxes\":[\"" SHOP
              "\"]}}");
    assert_int_equal(b->status, 201);
    assert_int_equal(b->objects, 4);
    bench_reopen(b);
    json_t *items = json_object_get(bench_ask(b, "object.list", "{\"kind\":\"app\"}"), "items");
    assert_int_equal(json_array_size(items), 1);
    bench_ask(b, "object.get", "{\"kind\":\"mailbox\",\"key\":\"SHOP@contoso.example\"}");
    assert_int_equal(b->status, 200);
    assert_int_equal(json_integer_value(json_object_get(b->answer, "queued")), 0);
    assert_true(queue_objects_version(b->q) >= 4);
}

static void test_objects_are_refused_with_the_right_status(void **state)
{
    static const struct {
        const char *verb, *json;
        uint32_t status;
        const char *says;
    } cases[] = {
        { "object.put",
          "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"is_new\":true,\"object\":{\"address\":\"" SHOP
          "\",\"provider\":\"plain\",\"grant\":\"basic\"}}",
          409, "already" },
        { "object.put",
          "{\"kind\":\"mailbox\",\"key\":\"x@y.example\",\"object\":{\"address\":\"x@y.example\",\"provider\":"
          "\"nowhere\","
          "\"grant\":\"basic\"}}",
          422, "nowhere" },
        { "object.put",
          "{\"kind\":\"mailbox\",\"key\":\"x@y.example\",\"object\":{\"address\":\"other@y.example\",\"provider\":"
          "\"plain\","
          "\"grant\":\"basic\"}}",
          422, "other@y.example" },
        { "object.put", "{\"kind\":\"mailbox\",\"key\":\"x@y.example\",\"object\":{\"colour\":\"red\"}}", 422,
          "colour" },
        { "object.put", "{\"kind\":\"mailbox\",\"key\":\"x@y.example\"}", 400, "holds no" },
        { "object.get", "{\"kind\":\"mailbox\",\"key\":\"x@y.example\"}", 404, "no mailbox" },
        { "object.patch", "{\"kind\":\"app\",\"key\":\"ghost\",\"changes\":{}}", 404, "ghost" },
        { "object.list", "{\"kind\":\"dragon\"}", 400, "dragon" },
        { "object.remove", "{\"kind\":\"provider\",\"key\":\"plain\"}", 409, "still used" },
        { "object.remove", "{\"kind\":\"provider\",\"key\":\"microsoft365\"}", 409, "built in" },
        { "object.remove", "{\"kind\":\"mailbox\",\"key\":\"x@y.example\"}", 404, "no mailbox" },
        { "object.get", "[1]", 400, "JSON" },
        { "object.get", "{", 400, "JSON" },
        { "object.dance", "{}", 400, "verb" },
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *answer = bench_ask(b, cases[i].verb, cases[i].json);
        if (b->status != cases[i].status || !strstr(text_at(answer, "detail"), cases[i].says))
            fail_msg("case %zu: %u %s", i, b->status, text_at(answer, "detail"));
        assert_true(json_array_size(json_object_get(answer, "findings")) == 1);
    }
    assert_int_equal(b->objects, 3);
}

static void test_a_patch_merges_and_null_gives_the_default_back(void **state)
{
    struct bench *b = *state;
    bench_ask(b, "object.patch",
              "{\"kind\":\"mailbox\",\"key\":\"" SHOP
              "\",\"changes\":{\"aliases\":[\"sales@contoso.example\"],\"limits\":{\"connections\":7}}}");
    assert_int_equal(b->status, 200);
    bench_ask(b, "object.patch",
              "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"changes\":{\"limits\":{\"messages_per_minute\":9}}}");
    json_t *limits = json_object_get(b->answer, "limits");
    assert_int_equal(json_integer_value(json_object_get(limits, "connections")), 7);
    assert_int_equal(json_integer_value(json_object_get(limits, "messages_per_minute")), 9);
    assert_int_equal(json_array_size(json_object_get(b->answer, "aliases")), 1);
    bench_ask(b, "object.patch",
              "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"changes\":{\"aliases\":null,\"limits\":null}}");
    assert_int_equal(json_array_size(json_object_get(b->answer, "aliases")), 0);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(b->answer, "limits"), "connections")), 0);
}

static void test_a_mailbox_with_mail_is_not_removed(void **state)
{
    struct bench *b = *state;
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    json_t *answer = bench_ask(b, "object.remove", "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\"}");
    assert_int_equal(b->status, 409);
    assert_non_null(strstr(text_at(answer, "detail"), "1 messages still wait"));
    bench_deliver(b, 0);
    bench_ask(b, "object.remove", "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\"}");
    assert_int_equal(b->status, 204);
    assert_int_equal(bench_submit(b, SHOP, "crm", SHOP, "a@b.example"), 0);
}

static void test_a_failing_disk_changes_no_object(void **state)
{
    struct bench *b = *state;
    bench_disk_fails(13);
    bench_ask(b, "object.patch", "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"changes\":{\"is_paused\":true}}");
    assert_int_equal(b->status, 503);
    bench_disk_fails(0);
    bench_ask(b, "object.get", "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\"}");
    assert_true(json_is_false(json_object_get(b->answer, "is_paused")));
    assert_int_equal(b->objects, 3);
}

static void test_hold_release_retry_and_remove(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    assert_false(is_done(ids(b, "message.hold", id))); /* it is being sent */
    bench_answer(b, 0, ATTEMPT_RETRY, 451, "", "later");
    assert_true(is_done(ids(b, "message.hold", id)));
    assert_string_equal(bench_state(b, id), "held");
    bench_reopen(b);
    bench_advance(b, 10 * 86400);
    assert_string_equal(bench_state(b, id), "held"); /* a person said so */
    assert_int_equal(b->count, 1);
    assert_true(is_done(ids(b, "message.release", id)));
    bench_turn(b);
    assert_int_equal(b->count, 2);
    bench_answer(b, 1, ATTEMPT_RETRY, 451, "", "later");
    assert_false(is_done(ids(b, "message.release", id)));
    assert_true(is_done(ids(b, "message.retry", id)));
    bench_turn(b);
    assert_int_equal(b->count, 3);
    bench_answer(b, 2, ATTEMPT_RETRY, 451, "", "later");
    assert_true(is_done(ids(b, "message.remove", id)));
    assert_string_equal(bench_state(b, id), "removed");
    bench_advance(b, 3600);
    assert_int_equal(b->count, 3); /* neither sent nor reported */
    json_t *answer = ids(b, "message.retry", id);
    assert_non_null(strstr(text_at(json_array_get(json_object_get(answer, "refused"), 0), "why"), "finished"));
}

static void test_retry_does_not_wait_for_a_resting_mailbox(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    struct attempt_result r = { .class = ATTEMPT_HOLD, .code = 535, .enhanced = "", .text = "no", .id = "" };
    bench_answer_done(b, 0, (struct attempt_done){ .results = &r, .results_count = 1, .is_mailbox_fault = true });
    assert_int_equal(b->count, 1);
    assert_true(is_done(ids(b, "message.retry", id)));
    bench_turn(b);
    assert_int_equal(b->count, 2);
}

static void test_lists_page_and_filter(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 5; i++)
        bench_submit(b, i % 2 ? SHOP : DESK, "crm", SHOP, i == 3 ? "special@b.example" : "a@b.example");
    bench_deliver(b, 0);
    bench_answer(b, 1, ATTEMPT_RETRY, 451, "", "later");
    static const struct {
        const char *json;
        size_t count;
    } cases[] = {
        { "{}", 5 },
        { "{\"state\":\"delivered\"}", 1 },
        { "{\"state\":\"deferred\"}", 1 },
        { "{\"state\":\"active\"}", 3 },
        { "{\"mailbox\":\"" SHOP "\"}", 2 },
        { "{\"recipient\":\"SPECIAL\"}", 1 },
        { "{\"sender\":\"nobody\"}", 0 },
        { "{\"since\":\"2030-01-01\"}", 0 },
        { "{\"limit\":\"2\"}", 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(json_array_size(json_object_get(bench_ask(b, "message.list", cases[i].json), "items")),
                         cases[i].count);
    size_t seen = 0;
    char json[64] = "{\"limit\":\"2\"}";
    for (;;) {
        json_t *page = bench_ask(b, "message.list", json);
        seen += json_array_size(json_object_get(page, "items"));
        const char *next = json_string_value(json_object_get(page, "next"));
        if (!next)
            break;
        snprintf(json, sizeof json, "{\"limit\":\"2\",\"cursor\":\"%s\"}", next);
    }
    assert_int_equal(seen, 5);
    bench_ask(b, "message.list", "{\"state\":\"lost\"}");
    assert_int_equal(b->status, 400);
    bench_ask(b, "message.list", "{\"cursor\":\"x\"}");
    assert_int_equal(b->status, 400);
    bench_ask(b, "message.list", "{\"limit\":\"many\"}");
    assert_int_equal(b->status, 400);
}

static void test_content_is_given_while_it_is_kept(void **state)
{
    struct bench *b = *state;
    char json[64];
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    snprintf(json, sizeof json, "{\"id\":\"%016llx\"}", (unsigned long long)id);
    bench_ask(b, "message.content", json);
    assert_int_equal(b->status, 200);
    assert_string_equal(b->content, BENCH_BODY);
    bench_deliver(b, 0);
    bench_ask(b, "message.content", json);
    assert_int_equal(b->status, 404);
    bench_ask(b, "message.get", "{\"id\":\"nonsense\"}");
    assert_int_equal(b->status, 404);
}

static void test_a_very_large_message_is_still_shown(void **state)
{
    struct bench *b = *state;
    enum { COUNT = 1000 };
    static char addresses[COUNT][1001];
    struct submit_recipient r[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        memset(addresses[i], '\"', 1000);
        r[i] = (struct submit_recipient){ .address = addresses[i], .orcpt = "" };
    }
    struct submit m = { .app = "",
                        .mailbox = SHOP,
                        .sender = SHOP,
                        .peer = "",
                        .session = "",
                        .envid = "",
                        .size = 1,
                        .recipients = r,
                        .recipients_count = COUNT,
                        .body = BYTES_LIT("x"),
                        .fd = -1 };
    bench_submit_raw(b, &m);
    bench_turn(b);
    bench_state(b, b->id);
    assert_int_equal(json_integer_value(json_object_get(b->answer, "recipient_count")), COUNT);
    assert_true(json_array_size(json_object_get(b->answer, "recipients")) > 500);
}

static void test_one_messages_story_is_told(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_answer(b, 0, ATTEMPT_RETRY, 451, "4.7.0", "caf\xe9 is closed"); /* not UTF-8 */
    bench_advance(b, 80);
    bench_deliver(b, 1);
    bench_state(b, id);
    json_t *attempts = json_object_get(b->answer, "attempts");
    assert_int_equal(json_array_size(attempts), 2);
    assert_string_equal(text_at(json_array_get(attempts, 0), "outcome"), "retry");
    assert_string_equal(text_at(json_array_get(attempts, 1), "outcome"), "delivered");
    assert_non_null(strstr(text_at(json_array_get(attempts, 1), "dialogue"), "MAIL"));
    json_t *recipient = json_array_get(json_object_get(b->answer, "recipients"), 0);
    assert_string_equal(text_at(recipient, "state"), "delivered");
    assert_string_equal(text_at(recipient, "last"), "250 2.0.0 OK");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

static json_t *hour_of_shop(struct bench *b, size_t back)
{
    json_t *items = json_object_get(bench_ask(b, "queue.overview", "{}"), "items"), *item;
    size_t i;
    json_array_foreach(items, i, item) if (strcmp(text_at(item, "mailbox"), SHOP) == 0)
    {
        json_t *hours = json_object_get(item, "hours");
        assert_int_equal(json_array_size(hours), 24);
        return json_array_get(hours, 23 - back);
    }
    fail();
    return NULL;
}

static void assert_hour(struct bench *b, size_t back, int accepted, int delivered, int failed)
{
    const int wanted[] = { accepted, delivered, failed };
    json_t *hour = hour_of_shop(b, back);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_integer_value(json_array_get(hour, i)), wanted[i]);
}

static void test_a_day_is_counted_by_the_hour_and_kept(void **state)
{
    struct bench *b = *state;
    assert_hour(b, 0, 0, 0, 0);
    bench_submit(b, SHOP, "erp", SHOP, "alice@example.org");
    bench_submit(b, SHOP, "erp", SHOP, "bob@example.org");
    bench_deliver(b, 0);
    bench_turn(b);
    assert_hour(b, 0, 2, 1, 0);
    bench_advance(b, 3600);
    bench_answer(b, 1, ATTEMPT_BOUNCE, 550, "5.1.1", "no such user");
    bench_turn(b);
    assert_hour(b, 1, 2, 1, 0);
    assert_hour(b, 0, 0, 0, 1); /* the report that follows is our own and not counted */
    bench_advance(b, 61);
    bench_reopen(b);
    assert_hour(b, 1, 2, 1, 0);
    assert_hour(b, 0, 0, 0, 1);
    bench_advance(b, 24 * 3600);
    for (size_t back = 0; back < 24; back++)
        assert_hour(b, back, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_objects_are_kept_told_and_given_to_new_peers),
        TEST(test_objects_are_refused_with_the_right_status),
        TEST(test_a_patch_merges_and_null_gives_the_default_back),
        TEST(test_a_mailbox_with_mail_is_not_removed),
        TEST(test_a_failing_disk_changes_no_object),
        TEST(test_hold_release_retry_and_remove),
        TEST(test_retry_does_not_wait_for_a_resting_mailbox),
        TEST(test_lists_page_and_filter),
        TEST(test_content_is_given_while_it_is_kept),
        TEST(test_a_very_large_message_is_still_shown),
        TEST(test_one_messages_story_is_told),
        TEST(test_a_day_is_counted_by_the_hour_and_kept),
    };
    return cmocka_run_group_tests_name("queue-admin", tests, NULL, NULL);
}
