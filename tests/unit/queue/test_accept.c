/* The promise of a 250: kept by a commit, refused without one, and never both. */
#include "bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_a_submit_is_answered_after_the_turn_and_attempted(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit m = { .tag = 9,
                        .app = "crm",
                        .mailbox = "SHOP@contoso.example",
                        .sender = SHOP,
                        .peer = "",
                        .session = "",
                        .envid = "",
                        .size = 3,
                        .recipients = &r,
                        .recipients_count = 1,
                        .body = BYTES_LIT("x\r\n"),
                        .fd = -1 };
    bench_submit_raw(b, &m);
    assert_int_equal(b->answers, 0);
    bench_turn(b);
    assert_int_equal(b->answers, 1);
    assert_true(b->id > 0);
    struct bench_attempt *a = bench_attempt(b, 0);
    assert_int_equal(a->id, b->id);
    assert_string_equal(a->mailbox, SHOP);
    assert_string_equal(a->to[0], "a@fabrikam.example");
    assert_string_equal(a->body, "x\r\n");
    assert_string_equal(bench_state(b, b->id), "active");
    bench_deliver(b, 0);
    assert_string_equal(bench_state(b, b->id), "delivered");
}

static void test_ids_are_unique_and_grow(void **state)
{
    struct bench *b = *state;
    uint64_t last = 0;
    for (int i = 0; i < 50; i++) {
        uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
        assert_true(id > last);
        last = id;
        if (i == 25)
            bench_reopen(b);
    }
}

static struct submit repeatable(struct submit_recipient *r, const char *digest)
{
    return (struct submit){ .app = "key:shop",
                            .mailbox = SHOP,
                            .sender = SHOP,
                            .peer = "",
                            .session = "",
                            .envid = "",
                            .message_id = "<17@shop>",
                            .subject = "Order 17",
                            .repeat_of = "key:shop",
                            .repeat_key = "order-17",
                            .digest = digest,
                            .size = 3,
                            .recipients = r,
                            .recipients_count = 1,
                            .body = BYTES_LIT("x\r\n"),
                            .fd = -1 };
}

/* In one commit, after it, and after a kill; not for ever, and not for another. */
static void test_a_repeated_send_is_one_message(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit m = repeatable(&r, "aa"), other = repeatable(&r, "bb"), anothers = repeatable(&r, "bb");
    bench_submit_raw(b, &m);
    bench_submit_raw(b, &m);
    bench_turn(b);
    assert_int_equal(b->answers, 2);
    assert_true(b->is_repeated);
    uint64_t id = b->id;
    assert_true(id > 0);
    bench_reopen(b);
    bench_submit_raw(b, &m);
    bench_turn(b);
    assert_int_equal(b->id, id);
    assert_true(b->is_repeated);
    bench_submit_raw(b, &other);
    bench_turn(b);
    assert_int_equal(b->id, 0);
    assert_int_equal(b->why.kind, FAULT_REJECT);
    assert_string_equal(b->why.id, "api.idempotency");
    anothers.repeat_of = "key:crm";
    bench_submit_raw(b, &anothers);
    bench_turn(b);
    assert_true(b->id > id && !b->is_repeated);
    bench_advance(b, 24 * 3600 + 60);
    bench_submit_raw(b, &other);
    bench_turn(b);
    assert_true(b->id > id && !b->is_repeated);
    assert_int_equal(json_array_size(json_object_get(bench_ask(b, "message.list", "{\"q\":\"order 17\"}"), "items")),
                     3);
}

/* The first fails with its commit, and so does the one that would have been the same. */
static void test_a_repeated_send_fails_with_the_first(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit m = repeatable(&r, "aa");
    bench_disk_fails(10);
    bench_submit_raw(b, &m);
    bench_submit_raw(b, &m);
    bench_turn(b);
    assert_int_equal(b->answers, 2);
    assert_int_equal(b->id, 0);
    bench_disk_fails(0);
    bench_advance(b, 5);
    bench_submit_raw(b, &m);
    bench_turn(b);
    assert_true(b->id > 0 && !b->is_repeated);
}

static void test_messages_are_found_by_subject_and_owner(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    char ask[200];
    assert_int_equal(json_array_size(json_object_get(bench_ask(b, "message.list", "{\"subject\":\"HELL\"}"), "items")),
                     1);
    assert_int_equal(json_array_size(json_object_get(bench_ask(b, "message.list", "{\"subject\":\"bye\"}"), "items")),
                     0);
    assert_int_equal(json_array_size(json_object_get(bench_ask(b, "message.list", "{\"own\":\"erp\"}"), "items")), 0);
    snprintf(ask, sizeof ask, "{\"id\":\"%016llx\",\"own\":\"crm\"}", (unsigned long long)id);
    assert_string_equal(json_string_value(json_object_get(bench_ask(b, "message.get", ask), "subject")), "hello");
    snprintf(ask, sizeof ask, "{\"id\":\"%016llx\",\"own\":\"erp\"}", (unsigned long long)id);
    bench_ask(b, "message.get", ask);
    assert_int_equal(b->status, 404);
    snprintf(ask, sizeof ask, "{\"id\":\"%016llx\",\"mailboxes\":[\"" DESK "\"]}", (unsigned long long)id);
    bench_ask(b, "message.get", ask);
    assert_int_equal(b->status, 404);
}

static void test_nonsense_is_refused(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit good = { .app = "",
                           .mailbox = SHOP,
                           .sender = "",
                           .peer = "",
                           .session = "",
                           .envid = "",
                           .size = 3,
                           .recipients = &r,
                           .recipients_count = 1,
                           .body = BYTES_LIT("x\r\n"),
                           .fd = -1 };
    struct submit cases[4] = { good, good, good, good };
    cases[0].mailbox = "nobody@contoso.example";
    cases[1].recipients_count = 0;
    cases[2].size = 4;
    cases[3].size = 0;
    for (size_t i = 0; i < 4; i++) {
        bench_submit_raw(b, &cases[i]);
        bench_turn(b);
        assert_int_equal(b->id, 0);
        assert_int_equal(b->why.kind, FAULT_REJECT);
    }
    assert_int_equal(b->count, 0);
}

static void test_a_large_body_travels_as_a_descriptor(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    char *large = malloc(300000);
    memset(large, 'y', 300000);
    int fd = open(b->dir, O_TMPFILE | O_RDWR, 0600);
    assert_int_equal(write(fd, large, 300000), 300000);
    struct submit m = { .app = "",
                        .mailbox = SHOP,
                        .sender = SHOP,
                        .peer = "",
                        .session = "",
                        .envid = "",
                        .size = 300000,
                        .recipients = &r,
                        .recipients_count = 1,
                        .fd = fd };
    bench_submit_raw(b, &m);
    bench_turn(b);
    assert_true(b->id > 0);
    assert_true(bench_attempt(b, 0)->has_fd);
    assert_memory_equal(bench_attempt(b, 0)->body, large, 300000);
    bench_reopen(b);
    assert_memory_equal(bench_attempt(b, 1)->body, large, 300000);
    bench_deliver(b, 1);
    assert_string_equal(bench_state(b, b->id), "delivered");
    free(large);
}

static void test_a_lying_descriptor_harms_only_itself(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit good = { .app = "",
                           .mailbox = SHOP,
                           .sender = "",
                           .peer = "",
                           .session = "",
                           .envid = "",
                           .size = 3,
                           .recipients = &r,
                           .recipients_count = 1,
                           .body = BYTES_LIT("x\r\n"),
                           .fd = -1 };
    struct submit bad = good;
    bad.fd = open("/dev/null", O_RDONLY);
    bad.size = 100000;
    bench_submit_raw(b, &good);
    bench_submit_raw(b, &bad);
    bench_submit_raw(b, &good);
    bench_turn(b);
    assert_int_equal(b->answers, 3);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->states, 0); /* the queue stayed open */
}

static void test_a_failed_commit_refuses_all_of_it_and_keeps_nothing(void **state)
{
    static const int codes[] = { SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE };
    struct bench *b = *state;
    for (size_t i = 0; i < 3; i++) {
        size_t attempts = b->count;
        bench_disk_fails(codes[i]);
        assert_int_equal(bench_submit(b, SHOP, "crm", SHOP, "a@b.example"), 0);
        assert_int_equal(b->why.kind, FAULT_LOCAL);
        assert_false(b->is_open);
        assert_int_equal(bench_submit(b, SHOP, "crm", SHOP, "a@b.example"), 0); /* closed: refused without the disk */
        bench_advance(b, 5);
        assert_false(b->is_open);
        bench_disk_fails(0);
        bench_advance(b, 2);
        assert_true(b->is_open);
        assert_int_equal(b->count, attempts);
        assert_true(bench_submit(b, SHOP, "crm", SHOP, "a@b.example") > 0);
        bench_deliver(b, attempts);
    }
    bench_reopen(b);
    assert_int_equal(b->count, 3);
}

static void test_an_outcome_waits_for_the_disk_and_nothing_is_sent_twice(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_disk_fails(SQLITE_FULL);
    bench_deliver(b, 0);
    assert_string_equal(bench_state(b, id), "active");
    bench_advance(b, 600);
    assert_int_equal(b->count, 1);
    bench_disk_fails(0);
    bench_advance(b, 2);
    assert_string_equal(bench_state(b, id), "delivered");
    assert_true(b->is_open);
    assert_int_equal(b->count, 1);
}

static void test_a_question_while_the_disk_is_down_does_not_keep_it_down(void **state)
{
    struct bench *b = *state;
    bench_disk_fails(SQLITE_FULL);
    assert_int_equal(bench_submit(b, SHOP, "crm", SHOP, "a@b.example"), 0);
    bench_ask(b, "queue.stats", "");
    assert_true(json_is_false(json_object_get(b->answer, "is_open")));
    bench_disk_fails(0);
    bench_advance(b, 5);
    assert_true(b->is_open);
}

static void test_little_space_closes_the_queue_and_room_opens_it(void **state)
{
    struct bench *b = *state;
    b->conf.queue.free_space_min = UINT64_MAX / 4;
    bench_advance(b, 2);
    assert_int_equal(bench_submit(b, SHOP, "crm", SHOP, "a@b.example"), 0);
    assert_string_equal(b->why.id, "queue.disk-space");
    assert_false(b->is_open);
    b->conf.queue.free_space_min = 0;
    bench_advance(b, 6);
    assert_true(b->is_open);
    assert_true(bench_submit(b, SHOP, "crm", SHOP, "a@b.example") > 0);
}

static void test_a_peer_that_went_hears_nothing(void **state)
{
    struct bench *b = *state;
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit m = { .app = "",
                        .mailbox = SHOP,
                        .sender = "",
                        .peer = "",
                        .session = "",
                        .envid = "",
                        .size = 3,
                        .recipients = &r,
                        .recipients_count = 1,
                        .body = BYTES_LIT("x\r\n"),
                        .fd = -1 };
    bench_submit_raw(b, &m);
    queue_forget(b->q, b);
    bench_turn(b);
    assert_int_equal(b->answers, 0);
    assert_int_equal(b->count, 1); /* kept all the same */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_submit_is_answered_after_the_turn_and_attempted),
        TEST(test_ids_are_unique_and_grow),
        TEST(test_a_repeated_send_is_one_message),
        TEST(test_a_repeated_send_fails_with_the_first),
        TEST(test_messages_are_found_by_subject_and_owner),
        TEST(test_nonsense_is_refused),
        TEST(test_a_large_body_travels_as_a_descriptor),
        TEST(test_a_lying_descriptor_harms_only_itself),
        TEST(test_a_failed_commit_refuses_all_of_it_and_keeps_nothing),
        TEST(test_an_outcome_waits_for_the_disk_and_nothing_is_sent_twice),
        TEST(test_a_question_while_the_disk_is_down_does_not_keep_it_down),
        TEST(test_little_space_closes_the_queue_and_room_opens_it),
        TEST(test_a_peer_that_went_hears_nothing),
    };
    return cmocka_run_group_tests_name("queue-accept", tests, NULL, NULL);
}
