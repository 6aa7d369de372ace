/* Connections in the clear: bytes both ways, back-pressure both ways, ends and idleness. */
#include "net/conn.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "ends.h"

struct pair {
    struct loop *loop;
    struct test_end a, b;
    int near; /* the descriptor of `a`, of open_half() */
    int raw;  /* the far end, where a test speaks by itself */
};

static void open_pair(struct pair *p, const struct conn_limits *limits)
{
    int fds[2];
    *p = (struct pair){ .loop = loop_new(), .raw = -1 };
    test_pair(fds);
    test_end_init(&p->a, p->loop);
    test_end_init(&p->b, p->loop);
    p->a.conn = conn_accept(p->loop, fds[0], limits, &test_end_events, &p->a);
    p->b.conn = conn_accept(p->loop, fds[1], NULL, &test_end_events, &p->b);
}

static void open_half(struct pair *p, const struct conn_limits *limits, bool is_virtual)
{
    int fds[2];
    *p = (struct pair){ .loop = is_virtual ? loop_new_virtual(0) : loop_new() };
    test_pair(fds);
    test_end_init(&p->a, p->loop);
    test_end_init(&p->b, p->loop);
    p->a.conn = conn_accept(p->loop, fds[0], limits, &test_end_events, &p->a);
    p->near = fds[0];
    p->raw = fds[1];
}

static void close_pair(struct pair *p)
{
    test_end_fini(&p->a);
    test_end_fini(&p->b);
    if (p->raw >= 0)
        close(p->raw);
    loop_free(p->loop);
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static struct bytes pattern(size_t size)
{
    uint8_t *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    return (struct bytes){ data, size };
}

static void bytes_go_both_ways_gathered(void **state)
{
    struct pair p;
    open_pair(&p, NULL);
    assert_true(conn_write(p.a.conn, BYTES_LIT("one ")));
    assert_true(conn_writev(p.a.conn, (struct bytes[]){ BYTES_LIT("two "), BYTES_NONE, BYTES_LIT("three") }, 3));
    assert_int_equal(conn_pending(p.a.conn), 13);
    assert_true(conn_write(p.b.conn, BYTES_LIT("back")));
    TEST_UNTIL(p.loop, p.b.got.size == 13 && p.a.got.size == 4);
    assert_string_equal(buf_str(&p.b.got), "one two three");
    assert_int_equal(p.b.data, 1);
    assert_int_equal(p.a.drained, 1);
    assert_int_equal(conn_pending(p.a.conn), 0);
    assert_false(conn_is_tls(p.a.conn));
    assert_true(net_addr_is_loopback(conn_peer(p.a.conn)));
    close_pair(&p);
}

static void flush_writes_at_once(void **state)
{
    struct pair p;
    char got[8] = "";
    open_half(&p, NULL, false);
    conn_write(p.a.conn, BYTES_LIT("now"));
    conn_flush(p.a.conn);
    assert_int_equal(read(p.raw, got, sizeof got), 3);
    assert_int_equal(p.a.drained, 0);
    TEST_UNTIL(p.loop, p.a.drained == 1);
    close_pair(&p);
}

static void resume_data(struct test_end *e)
{
    conn_resume(e->conn);
}

static unsigned ends_told;

static void on_ended(void *ctx)
{
    ends_told++;
}

static void an_owner_may_outlive_the_peers_last_word(void **state)
{
    struct pair p;
    struct conn_events events = test_end_events;
    char got[8] = "";
    int fds[2];
    events.ended = on_ended;
    ends_told = 0;
    p = (struct pair){ .loop = loop_new() };
    test_pair(fds);
    test_end_init(&p.a, p.loop);
    test_end_init(&p.b, p.loop);
    p.a.conn = conn_accept(p.loop, fds[0], NULL, &events, &p.a);
    p.raw = fds[1];
    conn_pause(p.a.conn);
    say(p.raw, "bye");
    shutdown(p.raw, SHUT_WR);
    for (int i = 0; i < 5; i++)
        loop_turn(p.loop, 1);
    assert_int_equal(ends_told, 0); /* what came before goes first */
    conn_resume(p.a.conn);
    TEST_UNTIL(p.loop, ends_told == 1);
    assert_string_equal(buf_str(&p.a.got), "bye");
    assert_int_equal(p.a.closed, 0);
    assert_true(conn_write(p.a.conn, BYTES_LIT("more")));
    for (int i = 0; i < 5; i++)
        loop_turn(p.loop, 1);
    assert_int_equal(read(p.raw, got, sizeof got), 4);
    conn_shut(p.a.conn);
    TEST_UNTIL(p.loop, p.a.closed == 1);
    assert_false(p.a.has_why);
    assert_int_equal(ends_told, 1);
    assert_int_equal(read(p.raw, got, sizeof got), 0);
    close_pair(&p);
}

static void our_direction_ends_and_theirs_goes_on(void **state)
{
    struct pair p;
    char got[8] = "";
    open_half(&p, NULL, false);
    assert_true(conn_write(p.a.conn, BYTES_LIT("last")));
    conn_shut(p.a.conn);
    assert_false(conn_write(p.a.conn, BYTES_LIT("x")));
    for (int i = 0; i < 5; i++)
        loop_turn(p.loop, 1);
    assert_int_equal(read(p.raw, got, sizeof got), 4);
    assert_int_equal(read(p.raw, got, sizeof got), 0);
    assert_int_equal(p.a.closed, 0);
    say(p.raw, "answer");
    TEST_UNTIL(p.loop, p.a.got.size == 6);
    shutdown(p.raw, SHUT_WR);
    TEST_UNTIL(p.loop, p.a.closed == 1);
    assert_false(p.a.has_why);
    close_pair(&p);
}

static void an_owner_may_take_one_byte_at_a_time(void **state)
{
    struct pair p;
    open_pair(&p, &(struct conn_limits){ .in_limit = 64 });
    struct bytes all = pattern(3000);
    p.a.takes = 1;
    p.a.on_data = resume_data;
    assert_true(conn_write(p.b.conn, all));
    TEST_UNTIL(p.loop, p.a.got.size == all.size);
    assert_memory_equal(p.a.got.data, all.data, all.size);
    free((void *)all.data);
    close_pair(&p);
}

static void an_owner_that_takes_nothing_stops_the_peer(void **state)
{
    struct pair p;
    open_pair(&p, &(struct conn_limits){ .in_limit = 4096 });
    p.a.takes = 0;
    struct bytes all = pattern(200000);
    size_t sent = 0;
    for (int quiet = 0; quiet < 20;) {
        struct bytes part = bytes_slice(all, sent % all.size, sent % all.size + 50000);
        bool took = conn_write(p.b.conn, part);
        sent += took ? part.size : 0;
        quiet = took ? 0 : quiet + 1;
        loop_turn(p.loop, 1);
    }
    unsigned calls = p.a.data;
    for (int i = 0; i < 10; i++)
        loop_turn(p.loop, 1);
    assert_int_equal(p.a.data, calls); /* nothing is offered over and over */
    p.a.takes = SIZE_MAX;
    conn_resume(p.a.conn);
    TEST_UNTIL(p.loop, p.a.got.size == sent);
    for (size_t i = 0; i < sent; i++)
        if (p.a.got.data[i] != all.data[i % all.size])
            fail_msg("byte %zu differs", i);
    free((void *)all.data);
    close_pair(&p);
}

static void a_reader_that_stops_is_met_by_a_ceiling(void **state)
{
    struct pair p;
    open_half(&p, &(struct conn_limits){ .out_limit = 10000 }, false);
    uint8_t chunk[4000] = { 0 };
    assert_true(conn_write(p.a.conn, (struct bytes){ chunk, sizeof chunk }));
    assert_true(conn_write(p.a.conn, (struct bytes){ chunk, sizeof chunk }));
    assert_false(conn_write(p.a.conn, (struct bytes){ chunk, sizeof chunk }));
    assert_int_equal(conn_pending(p.a.conn), 8000);
    size_t taken = 8000;
    for (int quiet = 0; quiet < 20;) {
        bool took = conn_write(p.a.conn, (struct bytes){ chunk, sizeof chunk });
        taken += took ? sizeof chunk : 0;
        quiet = took ? 0 : quiet + 1;
        loop_turn(p.loop, 1);
    }
    assert_true(conn_pending(p.a.conn) > 0);
    unsigned drained_before = p.a.drained;
    size_t got = 0;
    while (got < taken) {
        uint8_t sink[65536];
        ssize_t n = read(p.raw, sink, sizeof sink);
        got += n > 0 ? (size_t)n : 0;
        loop_turn(p.loop, 1);
    }
    TEST_UNTIL(p.loop, p.a.drained > drained_before);
    close_pair(&p);
}

static void the_peers_end_is_told_once_its_words_are_used(void **state)
{
    struct pair p;
    open_half(&p, NULL, false);
    p.a.takes = 3;
    conn_pause(p.a.conn);
    say(p.raw, "onetwo");
    shutdown(p.raw, SHUT_WR);
    for (int i = 0; i < 5; i++)
        loop_turn(p.loop, 1);
    assert_int_equal(p.a.data, 0);
    p.a.on_data = resume_data;
    conn_resume(p.a.conn);
    TEST_UNTIL(p.loop, p.a.closed);
    assert_string_equal(buf_str(&p.a.got), "onetwo");
    assert_false(p.a.has_why);
    close_pair(&p);
}

static void answer_data(struct test_end *e)
{
    conn_write(e->conn, BYTES_LIT("answer"));
}

static void a_half_closed_peer_still_gets_its_answer(void **state)
{
    struct pair p;
    char got[16] = "";
    open_half(&p, NULL, false);
    p.a.on_data = answer_data;
    say(p.raw, "question");
    shutdown(p.raw, SHUT_WR);
    TEST_UNTIL(p.loop, p.a.closed);
    assert_int_equal(read(p.raw, got, sizeof got), 6);
    assert_string_equal(got, "answer");
    close_pair(&p);
}

static void a_lost_connection_is_a_fault_that_names_the_peer(void **state)
{
    struct pair p;
    open_half(&p, NULL, false);
    setsockopt(p.raw, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    close(p.raw);
    p.raw = -1;
    TEST_UNTIL(p.loop, p.a.closed);
    assert_true(p.a.has_why);
    assert_int_equal(p.a.why.kind, FAULT_RETRY);
    assert_string_equal(p.a.why.id, "net.lost");
    assert_non_null(strstr(p.a.why.text, "127.0.0.1:"));
    close_pair(&p);
}

static void last_words_before_a_reset_are_heard(void **state)
{
    struct pair p;
    open_half(&p, NULL, false);
    conn_write(p.a.conn, BYTES_LIT("unread"));
    loop_turn(p.loop, 1);
    say(p.raw, "421 going down");
    close(p.raw); /* with unread input: a reset */
    p.raw = -1;
    conn_write(p.a.conn, BYTES_LIT("more"));
    TEST_UNTIL(p.loop, p.a.closed);
    assert_string_equal(buf_str(&p.a.got), "421 going down");
    close_pair(&p);
}

static void idleness_ends_it_and_traffic_does_not(void **state)
{
    struct pair p;
    open_half(&p, &(struct conn_limits){ .idle_ms = 60000 }, true);
    for (int i = 0; i < 3; i++) {
        loop_advance(p.loop, 50000);
        say(p.raw, "x");
        TEST_UNTIL(p.loop, (int)p.a.got.size == i + 1);
    }
    assert_int_equal(p.a.closed, 0);
    loop_advance(p.loop, 59999);
    assert_int_equal(p.a.closed, 0);
    loop_advance(p.loop, 1);
    assert_int_equal(p.a.closed, 1);
    assert_string_equal(p.a.why.id, "net.idle");
    assert_non_null(strstr(p.a.why.text, "60 s"));
    close_pair(&p);
}

static void the_idle_limit_can_change(void **state)
{
    struct pair p;
    open_half(&p, &(struct conn_limits){ .idle_ms = 60000 }, true);
    loop_turn(p.loop, 0);
    conn_set_idle(p.a.conn, 1000);
    loop_advance(p.loop, 1000);
    assert_int_equal(p.a.closed, 1);
    close_pair(&p);
}

static void finish_says_everything_then_closes(void **state)
{
    struct pair p;
    open_pair(&p, NULL);
    struct bytes all = pattern(200000);
    assert_true(conn_write(p.a.conn, all));
    conn_finish(p.a.conn, 5000);
    assert_false(conn_write(p.a.conn, BYTES_LIT("late")));
    TEST_UNTIL(p.loop, p.b.closed);
    assert_int_equal(p.b.got.size, all.size);
    assert_false(p.b.has_why);
    conn_free(p.b.conn);
    p.b.conn = NULL;
    TEST_UNTIL(p.loop, p.a.closed);
    assert_false(p.a.has_why);
    free((void *)all.data);
    close_pair(&p);
}

static bool was_heard(const struct pair *p)
{
    int unheard;
    assert_int_equal(ioctl(p->near, SIOCOUTQ, &unheard), 0);
    return unheard == 0;
}

static void who_has_heard_all_has_two_seconds_for_a_goodbye(void **state)
{
    struct pair p;
    open_half(&p, NULL, true);
    conn_write(p.a.conn, BYTES_LIT("bye"));
    conn_finish(p.a.conn, 60000);
    loop_turn(p.loop, 0);
    TEST_UNTIL(p.loop, was_heard(&p));
    loop_advance(p.loop, 1999);
    assert_int_equal(p.a.closed, 0);
    loop_advance(p.loop, 1);
    assert_int_equal(p.a.closed, 1);
    close_pair(&p);
}

static void who_is_still_reading_has_the_whole_time(void **state)
{
    struct pair p;
    open_half(&p, NULL, true);
    setsockopt(p.raw, SOL_SOCKET, SO_RCVBUF, &(int){ 2000 }, sizeof(int));
    struct bytes all = pattern(50000);
    conn_write(p.a.conn, all);
    conn_finish(p.a.conn, 60000);
    loop_turn(p.loop, 0);
    assert_int_equal(conn_pending(p.a.conn), 0);
    for (int s = 0; s < 59; s++)
        loop_advance(p.loop, 1000);
    assert_int_equal(p.a.closed, 0);
    loop_advance(p.loop, 1000);
    assert_int_equal(p.a.closed, 1);
    free((void *)all.data);
    close_pair(&p);
}

static void nothing_more_is_offered_once_finished(void **state)
{
    struct pair p;
    open_half(&p, NULL, false);
    conn_finish(p.a.conn, 100);
    say(p.raw, "late words");
    TEST_UNTIL(p.loop, p.a.closed);
    assert_int_equal(p.a.data, 0);
    close_pair(&p);
}

static void free_in_data(struct test_end *e)
{
    conn_free(e->conn);
    e->conn = NULL;
}

static void free_inside_a_callback_is_the_end_of_callbacks(void **state)
{
    struct pair p;
    open_half(&p, NULL, false);
    p.a.on_data = free_in_data;
    p.a.takes = 1;
    say(p.raw, "words");
    TEST_UNTIL(p.loop, p.a.data == 1);
    for (int i = 0; i < 5; i++)
        loop_turn(p.loop, 1);
    assert_int_equal(p.a.data, 1);
    assert_int_equal(p.a.closed, 0);
    close_pair(&p);
}

static struct buf heard;

static void on_record(void *ctx, bool out, struct bytes data)
{
    buf_addf(&heard, "%s%.*s|", out ? ">" : "<", (int)data.size, data.data);
}

static void the_recorder_hears_all_but_secrets(void **state)
{
    struct pair p;
    open_pair(&p, NULL);
    buf_init(&heard, 4096);
    conn_record(p.a.conn, on_record, NULL);
    conn_write(p.a.conn, BYTES_LIT("AUTH"));
    conn_record_mask(p.a.conn, true);
    conn_write(p.a.conn, BYTES_LIT("tok"));
    conn_write(p.a.conn, BYTES_LIT("en"));
    conn_record_mask(p.a.conn, false);
    conn_write(p.a.conn, BYTES_LIT("QUIT"));
    conn_write(p.b.conn, BYTES_LIT("ok"));
    TEST_UNTIL(p.loop, p.b.got.size == 13 && p.a.got.size == 2);
    assert_string_equal(buf_str(&heard), ">AUTH|>[masked]|>QUIT|<ok|");
    buf_fini(&heard);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_gathered),
        cmocka_unit_test(flush_writes_at_once),
        cmocka_unit_test(an_owner_may_outlive_the_peers_last_word),
        cmocka_unit_test(our_direction_ends_and_theirs_goes_on),
        cmocka_unit_test(an_owner_may_take_one_byte_at_a_time),
        cmocka_unit_test(an_owner_that_takes_nothing_stops_the_peer),
        cmocka_unit_test(a_reader_that_stops_is_met_by_a_ceiling),
        cmocka_unit_test(the_peers_end_is_told_once_its_words_are_used),
        cmocka_unit_test(a_half_closed_peer_still_gets_its_answer),
        cmocka_unit_test(a_lost_connection_is_a_fault_that_names_the_peer),
        cmocka_unit_test(last_words_before_a_reset_are_heard),
        cmocka_unit_test(idleness_ends_it_and_traffic_does_not),
        cmocka_unit_test(the_idle_limit_can_change),
        cmocka_unit_test(finish_says_everything_then_closes),
        cmocka_unit_test(who_has_heard_all_has_two_seconds_for_a_goodbye),
        cmocka_unit_test(who_is_still_reading_has_the_whole_time),
        cmocka_unit_test(nothing_more_is_offered_once_finished),
        cmocka_unit_test(free_inside_a_callback_is_the_end_of_callbacks),
        cmocka_unit_test(the_recorder_hears_all_but_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
