/* The inbox's memory behind the queue: saved means on disk, one commit for many, recall after a death, bounces, what a person says. */
#include "bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "queue/inbound.h"

#define ENDPOINT \
    "{\"kind\":\"endpoint\",\"key\":\"tickets\",\"object\":{\"name\":\"tickets\",\"mailbox\":\"" SHOP "\"}}"

/* What came back. */
static struct {
    size_t count, failed;
    uint64_t tag, queued_id;
    char text[256];
} saved;

static void on_saved(void *ctx, const struct inbox_saved *m)
{
    saved.count++;
    saved.failed += !m->is_ok;
    saved.tag = m->tag;
    saved.queued_id = m->queued_id;
    snprintf(saved.text, sizeof saved.text, "%s", m->text);
}

static int set_up(void **state)
{
    memset(&saved, 0, sizeof saved);
    bench_set_up(state);
    bench_ask(*state, "object.put", ENDPOINT);
    assert_int_equal(((struct bench *)*state)->status, 201);
    return 0;
}

static struct inbox_place a_place(const char *folder)
{
    return (struct inbox_place){ .tag = 1,
                                 .endpoint = "tickets",
                                 .mailbox = SHOP,
                                 .folder = folder,
                                 .protocol = 2,
                                 .uidvalidity = 7,
                                 .floor = 1,
                                 .began_ms = 5 };
}

static struct inbox_item an_item(uint64_t id, enum inbox_state state)
{
    return (struct inbox_item){ .tag = id,
                                .id = id,
                                .endpoint = "tickets",
                                .mailbox = SHOP,
                                .folder = "INBOX",
                                .uidvalidity = 7,
                                .uid = id,
                                .uidl = "",
                                .fingerprint = "f",
                                .message_id = "<m@x>",
                                .state = state,
                                .sender = "a@b",
                                .recipients = SHOP,
                                .subject = "s",
                                .in_reply_to = "",
                                .last = "",
                                .finding = "",
                                .fd = -1 };
}

static void place(struct bench *b)
{
    struct inbox_place p = a_place("INBOX");
    queue_inbox_place(b->q, &p, on_saved, b);
    bench_turn(b);
}

static void item(struct bench *b, struct inbox_item i)
{
    queue_inbox_item(b->q, &i, on_saved, b);
}

static int a_file(struct bench *b, const char *text)
{
    int fd = open(b->dir, O_TMPFILE | O_RDWR, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

/* --- recall, as text --- */

static char told[4096];

static void tell_place(void *ctx, const struct inbox_place *m)
{
    snprintf(told + strlen(told), 100, "place %s %s %llu;", m->endpoint, m->folder, (unsigned long long)m->floor);
}

static void tell_item(void *ctx, const struct inbox_item *m)
{
    snprintf(told + strlen(told), 100, "item %llu %u;", (unsigned long long)m->id, m->state);
    assert_int_equal(m->fd, -1);
}

static void tell_known(void *ctx, const struct inbox_known *m)
{
    snprintf(told + strlen(told), 100, "known %zu;", m->keys_count);
}

static void tell_recalled(void *ctx, const struct inbox_recalled *m)
{
    snprintf(told + strlen(told), 100, "all %llu", (unsigned long long)m->last_id);
}

static const char *recall(struct bench *b)
{
    static const struct queue_recall to = { tell_place, tell_item, tell_known, tell_recalled };
    struct fault why = { 0 };
    told[0] = '\0';
    if (!queue_inbox_recall(b->q, &to, b, &why))
        fail_msg("%s", why.text);
    return told;
}

static void test_saved_means_on_disk_and_many_share_one_commit(void **state)
{
    struct bench *b = *state;
    place(b);
    assert_int_equal(saved.count, 1);
    for (uint64_t id = 10; id < 20; id++)
        item(b, an_item(id, id < 15 ? INBOX_WAITING : INBOX_DONE));
    assert_int_equal(saved.count, 1); /* not before the commit */
    bench_turn(b);
    assert_int_equal(saved.count, 11);
    assert_int_equal(saved.failed, 0);
    bench_reopen(b);
    assert_string_equal(recall(b),
                        "place tickets INBOX 1;known 5;item 10 0;item 11 0;item 12 0;item 13 0;item 14 0;all 19");
}

static void test_known_keys_come_in_bounded_messages(void **state)
{
    struct bench *b = *state;
    place(b);
    for (uint64_t id = 1; id <= INBOX_KNOWN_MAX + 5; id++)
        item(b, an_item(id, INBOX_DONE));
    bench_turn(b);
    assert_string_equal(recall(b), "place tickets INBOX 1;known 2000;known 5;all 2005");
}

static void test_a_full_disk_is_said_and_nothing_stays(void **state)
{
    struct bench *b = *state;
    place(b);
    item(b, an_item(1, INBOX_WAITING));
    bench_disk_fails(SQLITE_FULL);
    bench_turn(b);
    assert_int_equal(saved.failed, 1);
    assert_non_null(strstr(saved.text, "full"));
    item(b, an_item(2, INBOX_WAITING)); /* refused at once while it lasts */
    bench_turn(b);
    assert_int_equal(saved.failed, 2);
    bench_disk_fails(0);
    bench_advance(b, 2);
    item(b, an_item(3, INBOX_WAITING));
    bench_turn(b);
    assert_int_equal(saved.failed, 2);
    assert_string_equal(recall(b), "place tickets INBOX 1;item 3 0;all 3");
}

static void test_what_makes_no_sense_hurts_nobody_else(void **state)
{
    struct bench *b = *state;
    place(b);
    struct inbox_item bad = an_item(4, INBOX_WAITING);
    item(b, an_item(1, INBOX_WAITING));
    item(b, an_item(2, INBOX_STATES));
    item(b, an_item(0, INBOX_WAITING));
    bad.endpoint = "nobody";
    item(b, bad);
    bad = an_item(5, INBOX_WAITING);
    bad.folder = "elsewhere";
    item(b, bad);
    bad = an_item(6, INBOX_DONE);
    bad.keep_until_ms = BENCH_START * 2;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    close(pair[1]);
    bad.fd = pair[0]; /* no regular file */
    item(b, bad);
    item(b, an_item(7, INBOX_WAITING));
    bench_turn(b);
    assert_int_equal(saved.count, 8);
    assert_int_equal(saved.failed, 5);
    assert_string_equal(recall(b), "place tickets INBOX 1;item 1 0;item 7 0;all 7");
}

static void test_a_removed_endpoint_is_forgotten_and_takes_nothing_in(void **state)
{
    struct bench *b = *state;
    place(b);
    item(b, an_item(1, INBOX_WAITING));
    bench_turn(b);
    bench_ask(b, "object.remove", "{\"kind\":\"endpoint\",\"key\":\"Tickets\"}");
    assert_int_equal(b->status, 204);
    item(b, an_item(2, INBOX_WAITING));
    place(b);
    assert_int_equal(saved.failed, 2);
    assert_non_null(strstr(recall(b), "all"));
    assert_null(strstr(told, "item"));
    assert_null(strstr(told, "place"));
}

static void test_whoever_is_forgotten_hears_nothing(void **state)
{
    struct bench *b = *state;
    item(b, an_item(1, INBOX_WAITING));
    queue_inbox_forget(b->q, b);
    bench_turn(b);
    assert_int_equal(saved.count, 0);
}

static void test_lookups(void **state)
{
    struct bench *b = *state;
    struct inbox_mark marks[] = { { "f", "" }, { "g", "" }, { "", "<m@x>" }, { "", "" } };
    struct inbox_lookup_ask ask = {
        .tag = 9, .endpoint = "tickets", .mailbox = SHOP, .folder = "INBOX", .marks = marks, .marks_count = 4
    };
    struct inbox_lookup_answer answer;
    uint8_t known[INBOX_LOOKUP_MAX];
    place(b);
    item(b, an_item(1, INBOX_DONE));
    bench_turn(b);
    queue_inbox_lookup(b->q, &ask, known, &answer);
    assert_true(answer.is_ok);
    assert_int_equal(answer.tag, 9);
    assert_true(bytes_equal(answer.known, (struct bytes){ (const uint8_t *)"\1\0\1\0", 4 }));
}

/* --- replies and bounces --- */

static void test_a_reply_is_tied_to_the_message_it_answers(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "ann@fabrikam.example");
    struct inbox_item reply = an_item(1, INBOX_WAITING);
    place(b);
    reply.in_reply_to = "<1@shop>"; /* as the bench's body has it */
    item(b, reply);
    bench_turn(b);
    assert_int_equal(saved.queued_id, id);
    reply.id = 2;
    reply.in_reply_to = "<unknown@shop>";
    item(b, reply);
    bench_turn(b);
    assert_int_equal(saved.queued_id, 0);
    bench_advance(b, 120); /* made findable by the sweep */
    bench_reopen(b);
    reply.id = 3;
    reply.in_reply_to = "<1@shop>";
    item(b, reply);
    bench_turn(b);
    assert_int_equal(saved.queued_id, id);
}

static void bounced(struct bench *b, const char *recipient, const char *action)
{
    struct inbox_bounced m = { .mailbox = SHOP,
                               .message_id = "<1@shop>",
                               .recipient = recipient,
                               .action = action,
                               .status = "5.1.1",
                               .diagnostic = "no such user",
                               .host = "mx.fabrikam.example" };
    queue_inbox_bounced(b->q, &m);
    bench_turn(b);
}

static void test_a_bounce_stands_with_its_message_and_sends_nothing(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "ann@fabrikam.example");
    bench_deliver(b, 0);
    size_t attempts = b->count;
    bounced(b, "ANN@fabrikam.example", "failed");
    json_t *back = json_object_get(bench_recipient(b, id, 0), "bounced_back");
    assert_string_equal(json_string_value(json_object_get(back, "action")), "failed");
    assert_string_equal(json_string_value(json_object_get(back, "status")), "5.1.1");
    assert_string_equal(json_string_value(json_object_get(back, "diagnostic")), "no such user");
    assert_string_equal(json_string_value(json_object_get(back, "time")), "2025-11-21T09:15:00.000Z");
    assert_string_equal(bench_state(b, id), "delivered");               /* it was: the provider took it */
    bounced(b, "somebody-behind-an-alias@fabrikam.example", "delayed"); /* the only recipient; a failure stays one */
    back = json_object_get(bench_recipient(b, id, 0), "bounced_back");
    assert_string_equal(json_string_value(json_object_get(back, "action")), "failed");
    bench_advance(b, 3600);
    assert_int_equal(b->count, attempts);
}

static void test_a_bounce_of_nothing_we_know_is_passed_over(void **state)
{
    struct bench *b = *state;
    bounced(b, "x@y.example", "failed");
    assert_int_equal(b->count, 0);
    bench_submit_many(b, SHOP, 3);
    bounced(b, "stranger@y.example", "failed");
    bench_ask(b, "message.list", "{}");
    char id[17], json[64];
    snprintf(id, sizeof id, "%s",
             json_string_value(json_object_get(json_array_get(json_object_get(b->answer, "items"), 0), "id")));
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", id);
    bench_ask(b, "message.get", json);
    json_t *others = json_object_get(b->answer, "bounced_back");
    assert_int_equal(json_array_size(others), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(others, 0), "recipient")),
                        "stranger@y.example");
}

/* --- a person --- */

static const char *state_of(struct bench *b, const char *id)
{
    char json[64];
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", id);
    bench_ask(b, "inbound.get", json);
    return json_string_value(json_object_get(b->answer, "state"));
}

static void test_a_person_has_parked_mail_tried_again_or_dropped(void **state)
{
    struct bench *b = *state;
    place(b);
    item(b, an_item(1, INBOX_PARKED));
    item(b, an_item(2, INBOX_PARKED));
    item(b, an_item(3, INBOX_DONE));
    bench_turn(b);
    bench_ask(b, "inbound.stats", "{}");
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(json_object_get(b->answer, "items"), 0), "parked")), 2);
    bench_ask(b, "inbound.retry", "{\"ids\":[\"0000000000000001\",\"0000000000000003\",\"x\"]}");
    assert_int_equal(json_array_size(json_object_get(b->answer, "done")), 1);
    assert_int_equal(json_array_size(json_object_get(b->answer, "refused")), 2);
    assert_int_equal(b->items_changed, 1);
    assert_int_equal(b->item_id, 1);
    assert_int_equal(b->item_state, INBOX_WAITING);
    assert_string_equal(state_of(b, "0000000000000001"), "waiting");
    bench_ask(b, "inbound.remove", "{\"ids\":[\"0000000000000002\"]}");
    assert_int_equal(b->items_changed, 2);
    assert_int_equal(b->item_state, INBOX_REMOVED);
    bench_reopen(b);
    assert_string_equal(recall(b), "place tickets INBOX 1;known 2;item 1 0;all 3");
}

static void test_content_is_given_until_its_time_is_over(void **state)
{
    struct bench *b = *state;
    struct inbox_item kept = an_item(1, INBOX_DONE);
    kept.keep_until_ms = BENCH_START + 86400000;
    kept.finished_ms = BENCH_START;
    kept.fd = a_file(b, "Subject: kept\r\n\r\n");
    place(b);
    item(b, kept);
    bench_turn(b);
    assert_int_equal(saved.failed, 0);
    bench_ask(b, "inbound.content", "{\"id\":\"0000000000000001\"}");
    assert_int_equal(b->status, 200);
    assert_string_equal(b->content, "Subject: kept\r\n\r\n");
    bench_ask(b, "inbound.content", "{\"id\":\"0000000000000001\",\"mailbox\":\"" DESK "\"}");
    assert_int_equal(b->status, 404);
    bench_ask(b, "inbound.list", "{\"mailbox\":\"" SHOP "\",\"kept\":true}");
    assert_int_equal(json_array_size(json_object_get(b->answer, "items")), 1);
    bench_advance(b, 86400 + 120);
    bench_ask(b, "inbound.content", "{\"id\":\"0000000000000001\"}");
    assert_int_equal(b->status, 404);
    bench_ask(b, "inbound.list", "{\"mailbox\":\"" SHOP "\",\"kept\":true}");
    assert_int_equal(json_array_size(json_object_get(b->answer, "items")), 0);
    bench_ask(b, "inbound.list", "{\"state\":\"sideways\"}");
    assert_int_equal(b->status, 400);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_saved_means_on_disk_and_many_share_one_commit),
        TEST(test_known_keys_come_in_bounded_messages),
        TEST(test_a_full_disk_is_said_and_nothing_stays),
        TEST(test_what_makes_no_sense_hurts_nobody_else),
        TEST(test_a_removed_endpoint_is_forgotten_and_takes_nothing_in),
        TEST(test_whoever_is_forgotten_hears_nothing),
        TEST(test_lookups),
        TEST(test_a_reply_is_tied_to_the_message_it_answers),
        TEST(test_a_bounce_stands_with_its_message_and_sends_nothing),
        TEST(test_a_bounce_of_nothing_we_know_is_passed_over),
        TEST(test_a_person_has_parked_mail_tried_again_or_dropped),
        TEST(test_content_is_given_until_its_time_is_over),
    };
    return cmocka_run_group_tests_name("queue-inbound", tests, NULL, NULL);
}
