/* When an endpoint does not take mail: how often it is tried, how long, what it means for the mail behind it; and ten thousand messages. */
#include <malloc.h>
#include <stdio.h>

#include "inbox_fixture.h"

enum { HOUR_MS = 3600 * 1000 };

static size_t wanted;

static bool idles(struct fixture *f)
{
    return mail_server_idling(f->server) == 1;
}

static bool are_done(struct fixture *f)
{
    return fixture_count(f, INBOX_DONE) == wanted && f->pending_count == 0;
}

static void add_many(struct fixture *f, int count)
{
    for (int n = 0; n < count; n++) {
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        fixture_add(f, subject);
    }
}

static void an_endpoint_down_for_an_hour_gets_everything_soon_after(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_RETRY;
    add_many(f, 50);
    fixture_pass(f, HOUR_MS);
    assert_true(f->deliveries_count > 20);
    assert_true(f->deliveries_count < 120); /* one a minute finds out, not fifty at a time */
    assert_int_equal(fixture_count(f, INBOX_WAITING), 50);
    size_t tries = f->deliveries_count;
    f->result = HANDOFF_DONE;
    fixture_pass(f, 70 * 1000);
    assert_int_equal(fixture_count(f, INBOX_DONE), 50);
    assert_int_equal(f->deliveries_count, tries + 50);
}

static void one_bad_message_does_not_hold_up_the_others(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->fails_for = "mail 0";
    add_many(f, 20);
    fixture_pass(f, 30 * 1000);
    assert_int_equal(fixture_count(f, INBOX_DONE), 19);
    for (int n = 20; n < 60; n += 5) { /* and those that come later, while it is tried again */
        char subject[20];
        snprintf(subject, sizeof subject, "mail %d", n);
        fixture_pass(f, 10 * 60 * 1000);
        fixture_add(f, subject);
        fixture_pass(f, 70 * 1000);
        assert_int_equal(fixture_delivered(f, subject), 1);
    }
    assert_int_equal(fixture_count(f, INBOX_WAITING), 1);
}

static void after_its_patience_mail_is_parked_and_stays(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"patience_h\":2,\"after\":\"delete\"");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_RETRY;
    fixture_add(f, "new");
    fixture_pass(f, 119 * 60 * 1000);
    assert_int_equal(fixture_count(f, INBOX_WAITING), 1);
    fixture_pass(f, 3 * 60 * 1000);
    assert_int_equal(fixture_count(f, INBOX_PARKED), 1);
    struct kept *k = fixture_kept(f, "new");
    assert_string_equal(k->m.last, "HTTP 503: no");
    assert_true(k->m.attempts > 5 && k->m.attempts < 20);
    assert_int_equal(mail_server_count(f->server), 1);

    /* A person has it tried again. */
    size_t tries = f->deliveries_count;
    f->result = HANDOFF_DONE;
    struct inbox_item m = k->m;
    k->m.state = m.state = INBOX_WAITING;
    m.next_ms = loop_wall_ms(f->loop);
    m.fd = -1;
    inbox_item(f->inbox, &m);
    wanted = 1;
    fixture_until(f, are_done);
    assert_int_equal(f->deliveries_count, tries + 1);
    assert_int_equal(mail_server_count(f->server), 0);
}

static void what_a_person_removed_is_not_handed_over(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_RETRY;
    fixture_add(f, "new");
    fixture_pass(f, 10 * 1000);
    assert_int_equal(f->deliveries_count, 1);
    struct inbox_item m = fixture_kept(f, "new")->m;
    fixture_kept(f, "new")->m.state = m.state = INBOX_REMOVED;
    m.fd = -1;
    inbox_item(f->inbox, &m);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(f->deliveries_count, 1);
}

static void what_the_endpoint_refuses_for_good_is_parked_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_PARK;
    fixture_add(f, "new");
    fixture_pass(f, 10 * 1000);
    assert_int_equal(fixture_count(f, INBOX_PARKED), 1);
    fixture_pass(f, HOUR_MS);
    assert_int_equal(f->deliveries_count, 1);
    f->result = HANDOFF_DONE; /* and the next one goes its way */
    fixture_add(f, "next");
    fixture_pass(f, 10 * 1000);
    assert_int_equal(fixture_delivered(f, "next"), 1);
}

static void the_endpoints_own_wish_is_kept(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_RETRY;
    f->retry_after_s = 600;
    fixture_add(f, "new");
    fixture_pass(f, 590 * 1000);
    assert_int_equal(f->deliveries_count, 1);
    fixture_pass(f, 20 * 1000);
    assert_int_equal(f->deliveries_count, 2);
}

/* "Come back in a hundred years" would hold up all other mail as well. */
static void a_wish_beyond_reason_is_not_kept(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_RETRY;
    f->retry_after_s = 4000000000u;
    fixture_add(f, "new");
    fixture_pass(f, 10 * 1000);
    assert_int_equal(f->deliveries_count, 1);
    f->result = HANDOFF_DONE;
    for (int hour = 0; hour < 25; hour++) {
        loop_advance(f->loop, HOUR_MS);
        fixture_turns(f);
    }
    wanted = 1;
    fixture_until(f, are_done);
}

static void webhooks_take_several_at_a_time(void **state)
{
    struct fixture *f = *state;
    fixture_object(f, OBJECT_ENDPOINT, "hook",
                   "{\"name\":\"hook\",\"mailbox\":\"" BOX
                   "\",\"kind\":\"webhook\",\"webhook\":{\"url\":\"https://x.example/\"}}");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    add_many(f, 10);
    fixture_pass(f, 5000);
    assert_int_equal(f->running, 4);
    f->holds = false;
    wanted = 10;
    fixture_until(f, are_done);
    assert_int_equal(f->running_most, 4);
}

static void webhook(struct fixture *f, const char *name, const char *folder)
{
    fixture_object(f, OBJECT_ENDPOINT, name,
                   "{\"name\":\"%s\",\"mailbox\":\"" BOX
                   "\",\"kind\":\"webhook\",\"folder\":\"%s\",\"after\":\"leave\","
                   "\"webhook\":{\"url\":\"https://x.example/\"}}",
                   name, folder);
}

static size_t delivered_to(const struct fixture *f, const char *endpoint)
{
    size_t count = 0;

    for (size_t n = 0; n < f->deliveries_count; n++)
        count += strcmp(f->deliveries[n].endpoint, endpoint) == 0;
    return count;
}

/* As many hand-overs hang as there may be bodies, and their endpoint has more; one that ends is enough for the other endpoint. */
static void an_endpoint_that_hangs_leaves_others_their_turn(void **state)
{
    struct fixture *f = *state;
    f->settings.at_once = INBOX_BODIES;
    webhook(f, "slow", "INBOX");
    fixture_start(f);
    fixture_until(f, idles);
    f->holds = true;
    add_many(f, 30);
    fixture_pass(f, 5000);
    assert_int_equal(f->running, INBOX_BODIES);
    webhook(f, "other", "Other");
    fixture_pass(f, 30 * 1000);
    fixture_add(f, "new");
    fixture_pass(f, 60 * 1000);
    assert_int_equal(delivered_to(f, "other"), 0);
    f->ends_one = true;
    fixture_pass(f, 3000);
    assert_int_equal(delivered_to(f, "other"), 1);
    f->holds = false;
    wanted = 32; /* the one folder of the server is both */
    fixture_until(f, are_done);
}

static void a_changed_endpoint_is_tried_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    f->result = HANDOFF_RETRY;
    add_many(f, 5);
    fixture_pass(f, HOUR_MS);
    f->result = HANDOFF_DONE;
    fixture_endpoint(f, "crm", ",\"patience_h\":50");
    fixture_pass(f, 3000);
    assert_int_equal(fixture_count(f, INBOX_DONE), 5);
}

static void spool_is(struct fixture *f, const char *path)
{
    f->settings.spool = path;
    inbox_set(f->inbox, &f->settings);
}

/* More messages than are taken in hand at one time, and nothing new comes to wake the endpoint. */
static void a_spool_that_could_not_be_written_is_tried_again_by_itself(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", "");
    fixture_start(f);
    fixture_until(f, idles);
    spool_is(f, "/nonexistent/spool");
    add_many(f, 20);
    fixture_pass(f, 5 * 60 * 1000);
    assert_int_equal(f->deliveries_count, 0);
    assert_int_equal(fixture_count(f, INBOX_WAITING), 20);
    spool_is(f, f->spool);
    fixture_pass(f, 3 * 60 * 1000);
    assert_int_equal(fixture_count(f, INBOX_DONE), 20);
}

static void a_message_that_the_server_does_not_give_is_tried_again_and_shown(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "crm", ",\"patience_h\":1");
    fixture_start(f);
    fixture_until(f, idles);
    mail_server_refuse_body(f->server, "NO [UNAVAILABLE] not now");
    fixture_add(f, "late");
    fixture_pass(f, 10 * 60 * 1000);
    struct kept *k = fixture_kept(f, "late");
    assert_true(k->m.attempts > 1);
    assert_non_null(strstr(k->m.last, "not now"));
    mail_server_refuse_body(f->server, NULL);
    fixture_pass(f, 30 * 60 * 1000);
    assert_int_equal(fixture_delivered(f, "late"), 1);

    mail_server_refuse_body(f->server, "NO [UNAVAILABLE] never");
    fixture_add(f, "broken");
    fixture_pass(f, 62 * 60 * 1000);
    k = fixture_kept(f, "broken");
    assert_int_equal(k->m.state, INBOX_PARKED);
    assert_string_equal(k->m.finding, "inbox.not-given");
    assert_int_equal(mail_server_count(f->server), 2);
}

/* Ten thousand wait at the first start; the endpoint is down, then well. */
static void ten_thousand_messages_wait_in_bounded_memory(void **state)
{
    struct fixture *f = *state;
    fixture_object(f, OBJECT_ENDPOINT, "store",
                   "{\"name\":\"store\",\"mailbox\":\"" BOX "\",\"kind\":\"webhook\","
                   "\"webhook\":{\"url\":\"https://x.example/\"},\"include_old\":true,\"after\":\"leave\"}");
    add_many(f, 10000);
    f->result = HANDOFF_RETRY;
    fixture_start(f);
    wanted = 0;
    for (int n = 0; n < 4000 && f->kept_count < 10000; n++)
        fixture_turns(f), loop_advance(f->loop, 1000);
    assert_int_equal(f->kept_count, 10000);
    print_message("%zu octets of items for 10000 messages\n", f->inbox->item_memory);
    assert_true(f->inbox->item_memory < 10000 * 1024);
    assert_true(f->inbox->bodies <= INBOX_BODIES);
    f->result = HANDOFF_DONE;
    fixture_pass(f, 61 * 1000);
    wanted = 10000;
    fixture_until(f, are_done);
    assert_int_equal(f->inbox->item_memory, 0);
    assert_true(f->deliveries_count < 10200);
}

static bool are_handed(struct fixture *f)
{
    return f->deliveries_count == wanted && f->pending_count == 0;
}

/* One endpoint has all of it and would delete it, the other is paused and still wants it. */
static void mail_that_another_endpoint_wants_is_not_put_away(void **state)
{
    struct fixture *f = *state;
    fixture_endpoint(f, "able", ",\"include_old\":true,\"after\":\"delete\"");
    fixture_endpoint(f, "paused", ",\"include_old\":true,\"is_paused\":true");
    add_many(f, 600);
    wanted = 600;
    fixture_start(f);
    fixture_until(f, are_handed);
    assert_int_equal(mail_server_count(f->server), 600);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(an_endpoint_down_for_an_hour_gets_everything_soon_after),
        T(one_bad_message_does_not_hold_up_the_others),
        T(after_its_patience_mail_is_parked_and_stays),
        T(what_a_person_removed_is_not_handed_over),
        T(what_the_endpoint_refuses_for_good_is_parked_at_once),
        T(the_endpoints_own_wish_is_kept),
        T(a_wish_beyond_reason_is_not_kept),
        T(webhooks_take_several_at_a_time),
        T(an_endpoint_that_hangs_leaves_others_their_turn),
        T(a_changed_endpoint_is_tried_at_once),
        T(a_spool_that_could_not_be_written_is_tried_again_by_itself),
        T(a_message_that_the_server_does_not_give_is_tried_again_and_shown),
        T(ten_thousand_messages_wait_in_bounded_memory),
        T(mail_that_another_endpoint_wants_is_not_put_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
