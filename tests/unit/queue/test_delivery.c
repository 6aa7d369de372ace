/* What becomes of a message: retried, held, split, paced, given up; and what survives the queue's own death. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct attempt_result one(enum attempt_class class, unsigned code, const char *text, uint32_t retry_after_s)
{
    return (struct attempt_result){
        .class = class, .code = code, .enhanced = "", .text = text, .id = "", .retry_after_s = retry_after_s
    };
}

static void answer_one(struct bench *b, size_t i, struct attempt_result r, bool is_mailbox_fault)
{
    bench_answer_done(b, i,
                      (struct attempt_done){ .results = &r, .results_count = 1, .is_mailbox_fault = is_mailbox_fault });
}

static double waited(struct bench *b, size_t i)
{
    return (double)(bench_attempt(b, i)->time - bench_attempt(b, i - 1)->answered) / 1000;
}

static void test_back_off_doubles_and_the_servers_wish_comes_first(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    answer_one(b, 0, one(ATTEMPT_RETRY, 451, "busy", 0), false);
    assert_string_equal(bench_state(b, id), "deferred");
    bench_advance(b, 80);
    assert_true(waited(b, 1) >= 48 && waited(b, 1) <= 72);
    answer_one(b, 1, one(ATTEMPT_RETRY, 451, "busy", 0), false);
    bench_advance(b, 150);
    assert_true(waited(b, 2) >= 96 && waited(b, 2) <= 144);
    answer_one(b, 2, one(ATTEMPT_RETRY, 432, "come back in 7 minutes", 420), false);
    bench_advance(b, 419);
    assert_int_equal(b->count, 3);
    bench_advance(b, 1);
    assert_true(waited(b, 3) >= 420 && waited(b, 3) < 421);
    assert_string_equal(json_string_value(json_object_get(bench_recipient(b, id, 0), "last")),
                        "432 come back in 7 minutes");
    bench_deliver(b, 3);
    assert_string_equal(bench_state(b, id), "delivered");
    assert_int_equal(json_integer_value(json_object_get(bench_recipient(b, id, 0), "attempts")), 4);
}

static void test_recipients_have_fates_of_their_own(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit_many(b, SHOP, 3);
    struct attempt_result r[3] = { one(ATTEMPT_DELIVERED, 250, "OK", 0), one(ATTEMPT_RETRY, 450, "later", 0),
                                   one(ATTEMPT_BOUNCE, 550, "unknown", 0) };
    bench_answer_done(b, 0, (struct attempt_done){ .results = r, .results_count = 3 });
    assert_string_equal(bench_state(b, id), "deferred");
    bench_advance(b, 80);
    struct bench_attempt *again = NULL;
    for (size_t i = 1; i < b->count; i++)
        if (b->attempts[i].id == id)
            again = &b->attempts[i];
    assert_non_null(again);
    assert_int_equal(again->recipients, 1);
    assert_string_equal(again->to[0], "r1@fabrikam.example");
    bench_deliver(b, (size_t)(again - b->attempts));
    assert_string_equal(bench_state(b, id), "partial");
}

static void test_a_fault_of_the_mailbox_rests_it_with_one_probe_at_a_time(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 10; i++)
        bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    assert_int_equal(b->count, 10);
    for (size_t i = 0; i < 10; i++)
        answer_one(b, i, one(ATTEMPT_RETRY, 0, "connection refused", 0), true);
    uint64_t other = bench_submit(b, DESK, "crm", DESK, "a@b.example");
    assert_int_equal(b->count, 11); /* the other mailbox does not care */
    assert_int_equal(b->attempts[10].id, other);
    bench_deliver(b, 10);

    bench_advance(b, 47);
    assert_int_equal(b->count, 11);
    bench_advance(b, 30); /* ten faults of one moment count once: the first pause, not the tenth */
    assert_int_equal(b->count, 12);
    bench_advance(b, 600);
    assert_int_equal(b->count, 12); /* one probe, however long it takes */
    answer_one(b, 11, one(ATTEMPT_RETRY, 0, "connection refused", 0), true);
    bench_advance(b, 150);
    assert_int_equal(b->count, 13);
    assert_int_not_equal(b->attempts[11].id, b->attempts[12].id); /* not always the same one */
    bench_deliver(b, 12);
    assert_int_equal(b->count, 22); /* well again: all nine at once */
}

static void test_throttling_is_respected_for_the_whole_mailbox(void **state)
{
    struct bench *b = *state;
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    answer_one(b, 0, one(ATTEMPT_RETRY, 432, "too many", 300), true);
    bench_submit(b, SHOP, "crm", SHOP, "c@d.example");
    bench_advance(b, 299);
    assert_int_equal(b->count, 1);
    bench_advance(b, 1);
    assert_int_equal(b->count, 2);
}

static void test_a_matter_for_a_person_holds_the_mailbox_and_heals_by_itself(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    struct attempt_result r = one(ATTEMPT_HOLD, 535, "SmtpClientAuthentication is disabled for the Tenant", 0);
    r.id = "smtp.auth.disabled-tenant";
    answer_one(b, 0, r, true);
    assert_string_equal(bench_state(b, id), "held");
    uint64_t second = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    assert_string_equal(bench_state(b, second), "held");
    json_t *stats = json_array_get(json_object_get(bench_ask(b, "queue.stats", ""), "by_mailbox"), 0);
    assert_string_equal(json_string_value(json_object_get(stats, "state")), "held");
    assert_string_equal(json_string_value(json_object_get(stats, "finding")), "smtp.auth.disabled-tenant");
    for (size_t probe = 1; probe <= 3; probe++) {
        bench_advance(b, 14 * 60);
        assert_int_equal(b->count, probe);
        bench_advance(b, 60);
        assert_int_equal(b->count, probe + 1);
        answer_one(b, probe, r, true);
    }
    bench_advance(b, 15 * 60);
    bench_deliver(b, 4); /* an administrator mended it, and told nobody */
    assert_int_equal(b->count, 6);
}

static void test_the_vault_holds_and_releases_at_once(void **state)
{
    struct bench *b = *state;
    struct mailbox_state down = { SHOP, true, "oauth.invalid-grant", "sign in again" }, up = { SHOP, false, "", "" };
    queue_mailbox_state(b->q, &down);
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    assert_int_equal(b->count, 0);
    assert_string_equal(bench_state(b, id), "held");
    queue_mailbox_state(b->q, &up);
    bench_turn(b);
    assert_int_equal(b->count, 2);
}

static void test_nothing_held_is_bounced_before_its_lifetime_ends(void **state)
{
    struct bench *b = *state;
    struct mailbox_state down = { SHOP, true, "oauth.invalid-grant", "sign in again" };
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    answer_one(b, 0, one(ATTEMPT_RETRY, 451, "busy", 0), false);
    uint64_t untried = 0;
    for (int hour = 0; hour < 5 * 24 - 1; hour++) {
        queue_mailbox_state(b->q, &down); /* so that no probe goes out */
        if (hour == 0)
            untried = bench_submit(b, SHOP, "crm", SHOP, "c@d.example");
        bench_advance(b, 600);
        queue_mailbox_state(b->q, &down);
        for (int i = 0; i < 5; i++) {
            bench_advance(b, 600);
            queue_mailbox_state(b->q, &down);
        }
    }
    assert_string_equal(bench_state(b, id), "held");
    bench_advance(b, 800);
    queue_mailbox_state(b->q, &down);
    for (int i = 0; i < 10; i++) {
        bench_advance(b, 600);
        queue_mailbox_state(b->q, &down);
    }
    assert_string_equal(bench_state(b, id), "expired");
    assert_string_equal(bench_state(b, untried), "expired");
    assert_string_equal(json_string_value(json_object_get(bench_recipient(b, untried, 0), "last")), "sign in again");
}

static void test_too_many_recipients_are_split_and_sent_at_once(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit_many(b, SHOP, 5);
    struct attempt_result r[5];
    for (size_t i = 0; i < 5; i++)
        r[i] = i < 3 ? one(ATTEMPT_DELIVERED, 250, "OK", 0) : one(ATTEMPT_SPLIT, 452, "too many recipients", 0);
    bench_answer_done(b, 0, (struct attempt_done){ .results = r, .results_count = 5 });
    assert_int_equal(b->count, 2);
    assert_int_equal(b->attempts[1].recipients, 2);
    assert_string_equal(b->attempts[1].to[0], "r3@fabrikam.example");
    bench_deliver(b, 1);
    assert_string_equal(bench_state(b, id), "delivered");
    assert_int_equal(json_integer_value(json_object_get(bench_recipient(b, id, 4), "attempts")), 1);
}

static void test_a_split_without_progress_halves_and_ends(void **state)
{
    struct bench *b = *state;
    bench_submit_many(b, SHOP, 8);
    static const size_t sizes[] = { 8, 4, 2, 1 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(bench_attempt(b, i)->recipients, sizes[i]);
        bench_answer(b, i, ATTEMPT_SPLIT, 452, "4.5.3", "too many");
    }
    /* Even one is too many: that one waits like any refusal, the next goes its own way. */
    assert_int_equal(b->attempts[4].recipients, 1);
    assert_string_equal(b->attempts[4].to[0], "r1@fabrikam.example");
}

static void test_limits_of_the_mailbox_are_kept(void **state)
{
    struct bench *b = bench_new("{\"connections\":2,\"messages_per_minute\":4,\"recipients_per_message\":3}");
    bench_submit_many(b, SHOP, 7);
    for (int i = 0; i < 5; i++)
        bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    assert_int_equal(b->count, 2); /* connections */
    assert_int_equal(b->attempts[0].recipients, 3);
    bench_deliver(b, 0);
    bench_deliver(b, 1);
    bench_deliver(b, 2);
    bench_deliver(b, 3);
    assert_int_equal(b->count, 4); /* four in this minute */
    bench_advance(b, 59);
    assert_int_equal(b->count, 4);
    bench_advance(b, 2);
    assert_int_equal(b->count, 6);
    bench_free(b);
}

static void test_the_sliding_day_is_kept_over_restarts(void **state)
{
    struct bench *b = bench_new("{\"connections\":5,\"recipients_per_day\":10}");
    bench_submit_many(b, SHOP, 8);
    bench_deliver(b, 0);
    bench_reopen(b);
    bench_submit_many(b, SHOP, 8);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->attempts[1].recipients, 2); /* what the day still has room for */
    bench_deliver(b, 1);
    bench_advance(b, 23 * 3600);
    assert_int_equal(b->count, 2);
    uint64_t other = bench_submit(b, DESK, "crm", DESK, "a@b.example");
    assert_int_equal(b->attempts[2].id, other);
    bench_deliver(b, 2);
    bench_advance(b, 3600 + 1200);
    assert_int_equal(bench_attempt(b, 3)->recipients, 6);
    bench_free(b);
}

static void test_apps_of_a_mailbox_take_turns(void **state)
{
    struct bench *b = bench_new("{\"connections\":1}");
    for (int i = 0; i < 20; i++)
        bench_submit(b, SHOP, "newsletter", SHOP, "a@b.example");
    uint64_t alarm = bench_submit(b, SHOP, "alarm", SHOP, "a@b.example");
    bench_deliver(b, 0);
    if (b->attempts[1].id != alarm)
        bench_deliver(b, 1);
    assert_true(b->attempts[1].id == alarm || b->attempts[2].id == alarm);
    bench_free(b);
}

static void test_a_lost_relay_resends_what_was_in_flight_once(void **state)
{
    struct bench *b = *state;
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_deliver(b, 0);
    queue_relay_down(b->q);
    uint64_t third = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_advance(b, 10);
    assert_int_equal(b->count, 2);
    queue_relay_up(b->q);
    bench_turn(b);
    assert_int_equal(b->count, 4);
    assert_int_equal(b->attempts[2].id + b->attempts[3].id, b->attempts[1].id + third);
    /* The one that takes the relay down again and again does not do so every second. */
    queue_relay_down(b->q);
    queue_relay_up(b->q);
    bench_advance(b, 30);
    assert_int_equal(b->count, 5);
    assert_int_equal(b->attempts[4].id, third);
}

static void test_an_answer_that_comes_late_or_twice_is_ignored(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    struct attempt_result r = one(ATTEMPT_BOUNCE, 550, "no", 0);
    struct attempt_done done = { .results = &r, .results_count = 1, .host = "", .dialogue = "" };
    uint64_t tags[] = { 0, 1, b->attempts[0].tag + 256, UINT64_MAX };
    for (size_t i = 0; i < 4; i++) {
        done.tag = tags[i];
        queue_attempt_done(b->q, &done);
    }
    bench_turn(b);
    assert_string_equal(bench_state(b, id), "active");
    done.tag = b->attempts[0].tag;
    r.class = ATTEMPT_DELIVERED;
    queue_attempt_done(b->q, &done);
    r.class = ATTEMPT_BOUNCE;
    queue_attempt_done(b->q, &done);
    bench_turn(b);
    assert_string_equal(bench_state(b, id), "delivered");
}

static void test_missing_and_strange_results_are_retries(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit_many(b, SHOP, 2);
    struct attempt_result r = one((enum attempt_class)77, 250, "?", 0);
    bench_answer_done(b, 0, (struct attempt_done){ .results = &r, .results_count = 1 });
    assert_string_equal(bench_state(b, id), "deferred");
}

static void test_a_paused_mailbox_takes_mail_and_sends_none(void **state)
{
    struct bench *b = *state;
    bench_ask(b, "object.patch", "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"changes\":{\"is_paused\":true}}");
    assert_int_equal(b->status, 200);
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_advance(b, 3600);
    assert_int_equal(b->count, 0);
    assert_string_equal(bench_state(b, id), "held");
    bench_ask(b, "object.patch", "{\"kind\":\"mailbox\",\"key\":\"" SHOP "\",\"changes\":{\"is_paused\":false}}");
    bench_turn(b);
    assert_int_equal(b->count, 1);
}

/* Kill after each step of a message's life: it is never lost, and never sent again once its delivery was committed. */
static void test_reopening_at_every_step_loses_nothing(void **state)
{
    struct bench *b = *state;
    uint64_t id = bench_submit_many(b, SHOP, 2);
    bench_reopen(b); /* in flight */
    assert_int_equal(b->count, 2);
    assert_int_equal(b->attempts[1].id, id);
    struct attempt_result r[2] = { one(ATTEMPT_DELIVERED, 250, "OK", 0), one(ATTEMPT_RETRY, 450, "later", 0) };
    bench_answer_done(b, 1, (struct attempt_done){ .results = r, .results_count = 2 });
    bench_reopen(b); /* half done */
    assert_string_equal(bench_state(b, id), "deferred");
    assert_int_equal(b->count, 2);
    bench_advance(b, 80);
    assert_int_equal(b->count, 3);
    assert_int_equal(b->attempts[2].recipients, 1);
    assert_string_equal(b->attempts[2].to[0], "r1@fabrikam.example");
    bench_deliver(b, 2);
    bench_reopen(b); /* done */
    bench_advance(b, 86400);
    assert_int_equal(b->count, 3);
    assert_string_equal(bench_state(b, id), "delivered");
}

static void test_history_is_forgotten_in_time(void **state)
{
    struct bench *b = *state;
    char json[64];
    uint64_t id = bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    bench_deliver(b, 0);
    bench_advance(b, 7 * 86400 - 3600);
    assert_string_equal(bench_state(b, id), "delivered");
    bench_advance(b, 2 * 3600);
    snprintf(json, sizeof json, "{\"id\":\"%016llx\"}", (unsigned long long)id);
    bench_ask(b, "message.get", json);
    assert_int_equal(b->status, 404);
}

static void test_ten_thousand_messages(void **state)
{
    struct bench *b = bench_new("{\"connections\":40}");
    struct submit_recipient r = { .address = "a@fabrikam.example", .orcpt = "" };
    struct submit m = { .app = "",
                        .sender = "",
                        .peer = "",
                        .session = "",
                        .envid = "",
                        .size = 3,
                        .recipients = &r,
                        .recipients_count = 1,
                        .body = BYTES_LIT("x\r\n"),
                        .fd = -1 };
    for (int i = 0; i < 10000; i++) {
        m.mailbox = i % 2 ? SHOP : DESK;
        bench_submit_raw(b, &m);
        if (i % 100 == 0)
            bench_turn(b);
    }
    bench_turn(b);
    assert_int_equal(b->answers, 10000);
    bench_reopen(b);
    size_t from = b->count;
    for (size_t i = from - 80; i < b->count; i++)
        if (i >= from - 80)
            bench_deliver(b, i);
    json_t *stats = bench_ask(b, "queue.stats", "");
    assert_int_equal(json_integer_value(json_object_get(stats, "queued")), 0);
    assert_int_equal(json_integer_value(json_object_get(stats, "active")), 0);
    assert_int_equal(json_integer_value(json_object_get(stats, "delivered_total")), 10000);
    bench_free(b);
}

static void on_drained(void *ctx)
{
    ++*(int *)ctx;
}

static void test_draining_waits_for_what_is_in_flight(void **state)
{
    struct bench *b = *state;
    int drained = 0;
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example");
    queue_drain(b->q, on_drained, &drained);
    bench_submit(b, SHOP, "crm", SHOP, "a@b.example"); /* still taken, no longer attempted */
    bench_advance(b, 1);
    assert_int_equal(drained, 0);
    assert_int_equal(b->count, 1);
    bench_deliver(b, 0);
    bench_advance(b, 1);
    assert_int_equal(drained, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_back_off_doubles_and_the_servers_wish_comes_first),
        TEST(test_recipients_have_fates_of_their_own),
        TEST(test_a_fault_of_the_mailbox_rests_it_with_one_probe_at_a_time),
        TEST(test_throttling_is_respected_for_the_whole_mailbox),
        TEST(test_a_matter_for_a_person_holds_the_mailbox_and_heals_by_itself),
        TEST(test_the_vault_holds_and_releases_at_once),
        TEST(test_nothing_held_is_bounced_before_its_lifetime_ends),
        TEST(test_too_many_recipients_are_split_and_sent_at_once),
        TEST(test_a_split_without_progress_halves_and_ends),
        cmocka_unit_test(test_limits_of_the_mailbox_are_kept),
        cmocka_unit_test(test_the_sliding_day_is_kept_over_restarts),
        cmocka_unit_test(test_apps_of_a_mailbox_take_turns),
        TEST(test_a_lost_relay_resends_what_was_in_flight_once),
        TEST(test_an_answer_that_comes_late_or_twice_is_ignored),
        TEST(test_missing_and_strange_results_are_retries),
        TEST(test_a_paused_mailbox_takes_mail_and_sends_none),
        TEST(test_reopening_at_every_step_loses_nothing),
        TEST(test_history_is_forgotten_in_time),
        cmocka_unit_test(test_ten_thousand_messages),
        TEST(test_draining_waits_for_what_is_in_flight),
    };
    return cmocka_run_group_tests_name("queue-delivery", tests, NULL, NULL);
}
