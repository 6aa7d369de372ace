/* Messages: what reaches the queue, byte for byte, and how each refusal reads. */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../net/ends.h"
#include "base/clock.h"

static int open_signed_in(struct world *w, const struct world_options *o)
{
    world_open(w, o);
    int fd = world_dial(w);
    world_sign_in(w, fd);
    return fd;
}

static void begin(struct world *w, int fd)
{
    TALK(w, fd, ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">DATA", "<354 ");
}

static void close_both(struct world *w, int fd)
{
    close(fd);
    world_close(w);
}

/* What stands behind our Received field. */
static struct bytes behind_received(const struct world *w)
{
    struct bytes body = buf_bytes(&w->body);
    size_t at = 0;
    assert_true(bytes_starts_nocase(body, "Received: from "));
    do
        at += bytes_find(bytes_slice(body, at, body.size), BYTES_LIT("\r\n")) + 2;
    while (at < body.size && body.data[at] == '\t');
    return bytes_slice(body, at, body.size);
}

static void the_envelope_reaches_the_queue(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    TALK(&w, fd, ">MAIL FROM:<store@a.example> BODY=8BITMIME RET=HDRS ENVID=ab+2Bc", "<250 ",
         ">RCPT TO:<x@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;y@c.example", "<250 ", ">RCPT TO:<z@b.example>",
         "<250 ", ">DATA", "<354 ", ">From: store@a.example", ">", ">hello", ">.",
         "<250 2.0.0 Queued as 000000000000abc1");
    assert_string_equal(w.submit.app, "web");
    assert_string_equal(w.submit.mailbox, "shop@a.example");
    assert_string_equal(w.submit.sender, "store@a.example");
    assert_string_equal(w.submit.peer, "127.0.0.1");
    assert_int_equal(strlen(w.submit.session), 16);
    assert_true(w.submit.is_8bit);
    assert_false(w.submit.is_smtputf8);
    assert_int_equal(w.submit.ret, RET_HDRS);
    assert_string_equal(w.submit.envid, "ab+2Bc");
    assert_int_equal(w.submit.recipients_count, 2);
    assert_string_equal(w.submit.recipients[0].address, "x@b.example");
    assert_int_equal(w.submit.recipients[0].notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
    assert_string_equal(w.submit.recipients[0].orcpt, "rfc822;y@c.example");
    assert_string_equal(w.submit.recipients[1].address, "z@b.example");
    TALK(&w, fd, ">QUIT", "<221 ", "<");
    close_both(&w, fd);
}

static void the_received_field_says_how_it_came(void **state)
{
    struct world w;
    char wanted[400];
    int fd = open_signed_in(&w, &(struct world_options){ .is_virtual = true });
    begin(&w, fd);
    TALK(&w, fd, ">Subject: x", ">", ">.", "<250 ");
    snprintf(wanted, sizeof wanted,
             "Received: from client.example ([127.0.0.1])\r\n\tby gate.example with ESMTPA id %s.1\r\n"
             "\tfor <x@b.example>; Tue, 14 Nov 2023 22:13:20 +0000\r\nSubject: x\r\n\r\n",
             w.submit.session);
    assert_string_equal(buf_str(&w.body), wanted);
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">RCPT TO:<y@b.example>",
         "<250 ", ">DATA", "<354 ", ">Subject: y", ">", ">.", "<250 ");
    assert_null(strstr(buf_str(&w.body), "for <"));
    assert_non_null(strstr(buf_str(&w.body), ".2;"));
    close_both(&w, fd);
}

static char *make_message(size_t size)
{
    char *m = malloc(size + 8);
    size_t at = (size_t)sprintf(m, "From: Shop <shop@a.example>\r\n\r\n");
    for (unsigned n = 0; at < size; n++) {
        unsigned length = n % 7 == 3 ? 998 : n * 37 % 200;
        for (unsigned i = 0; i < length && at < size; i++)
            m[at++] = (char)(i == 0 && n % 5 == 0 ? '.' : n % 11 == 4 ? 0x80 + i % 128 : 32 + (i * 7 + n) % 95);
        m[at++] = '\r';
        m[at++] = '\n';
    }
    m[at] = '\0';
    return m;
}

/* Sends with dots stuffed, turning the loop when the socket is full. */
static void send_stuffed(struct world *w, int fd, const char *m, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *end = memchr(m + at, '\n', size - at);
        size_t length = end ? (size_t)(end + 1 - (m + at)) : size - at;
        if (m[at] == '.')
            world_say(fd, ".", 1);
        world_say(fd, m + at, length);
        at += length;
        if (at % 16 == 0)
            world_turns(w, 1);
    }
    world_say(fd, ".\r\n", 3);
}

static void bodies_arrive_byte_for_byte(void **state)
{
    static const size_t sizes[] = { 100, 4096, 65000, 66000, 300000, 1040000 };
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *m = make_message(sizes[i]);
        begin(&w, fd);
        send_stuffed(&w, fd, m, strlen(m));
        TALK(&w, fd, "<250 ");
        struct bytes got = behind_received(&w);
        assert_int_equal(got.size, strlen(m));
        assert_memory_equal(got.data, m, got.size);
        assert_int_equal(w.came_by_fd, w.body.size > EDGE_BODY_INLINE);
        free(m);
    }
    close_both(&w, fd);
}

static void chunks_arrive_byte_for_byte(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">BDAT 12");
    world_say(fd, "Subject: x\r\n", 12);
    TALK(&w, fd, "<250 ", ">BDAT 12 LAST");
    world_say(fd, "\r\n.no end\r\n.", 12);
    TALK(&w, fd, "<250 2.0.0 Queued");
    assert_true(bytes_equal(behind_received(&w), BYTES_LIT("Subject: x\r\n\r\n.no end\r\n.")));
    close_both(&w, fd);
}

static void a_forced_sender_is_put_everywhere(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ", ">AUTH PLAIN AHByaW50ZXIAc2VjcmV0", "<235 ", ">MAIL FROM:<scan@local>",
         "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">DATA", "<354 ", ">Subject: scan", ">From: Copier <scan@local>",
         ">", ">page", ">.", "<250 ");
    assert_string_equal(w.submit.sender, "store@a.example");
    struct bytes got = behind_received(&w);
    assert_true(bytes_find(got, BYTES_LIT("\r\nFrom: Copier <store@a.example>\r\n")) != SIZE_MAX);
    assert_true(bytes_find(got, BYTES_LIT("\r\n\r\npage\r\n")) != SIZE_MAX);
    assert_true(bytes_find(got, BYTES_LIT("From: Copier <scan@local>")) == SIZE_MAX);
    close_both(&w, fd);
}

static void senders_that_are_not_theirs_are_refused(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    TALK(&w, fd, ">MAIL FROM:<boss@a.example>",
         "<550 5.7.1*may not send as boss@a.example; it may send as shop@a.example, store@a.example; add it with: "
         "postern "
         "mailbox set shop@a.example --shared boss@a.example");
    begin(&w, fd);
    TALK(&w, fd, ">From: The Boss <boss@a.example>", ">", ">do it", ">.",
         "<550 5.7.1*may not write boss@a.example into From");
    assert_int_equal(w.submitted, 0);
    begin(&w, fd);
    TALK(&w, fd, ">From: shop@a.example", ">", ">fine", ">.", "<250 ");
    assert_int_equal(w.submitted, 1);
    close_both(&w, fd);
}

static void the_null_sender_passes(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    TALK(&w, fd, ">MAIL FROM:<>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">DATA", "<354 ", ">From: shop@a.example",
         ">", ">gone", ">.", "<250 ");
    assert_string_equal(w.submit.sender, "");
    assert_string_equal(w.submit.mailbox, "shop@a.example");
    close_both(&w, fd);
}

static void size_is_met_early_and_late(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    TALK(&w, fd, ">MAIL FROM:<shop@a.example> SIZE=1048577", "<552 5.3.4*shop@a.example takes at most 1048576");
    TALK(&w, fd, ">MAIL FROM:<shop@a.example> SIZE=99999999", "<552 5.3.4");
    TALK(&w, fd, ">MAIL FROM:<shop@a.example> SIZE=1048576", "<250 ", ">RSET", "<250 ");
    char *m = make_message(1100000);
    begin(&w, fd);
    send_stuffed(&w, fd, m, strlen(m));
    TALK(&w, fd, "<552 5.3.4*at most 1048576", ">NOOP", "<250 ");
    assert_int_equal(w.submitted, 0);
    free(m);
    close_both(&w, fd);
}

static void a_disk_that_fails_is_try_again(void **state)
{
    struct world w;
    struct rlimit before;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    char *m = make_message(300000);
    begin(&w, fd);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100000, before.rlim_max });
    send_stuffed(&w, fd, m, strlen(m));
    TALK(&w, fd, "<452 4.3.1*spool");
    setrlimit(RLIMIT_FSIZE, &before);
    begin(&w, fd);
    TALK(&w, fd, ">Subject: x", ">", ">.", "<250 ");
    assert_int_equal(w.submitted, 1);
    free(m);
    close_both(&w, fd);
}

static void loops_and_endless_headers_are_cut(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    begin(&w, fd);
    for (int i = 0; i < 51; i++)
        TALK(&w, fd, ">Received: from a by b");
    TALK(&w, fd, ">", ">.", "<554 5.4.6");
    begin(&w, fd);
    for (int i = 0; i < 60; i++)
        TALK(&w, fd,
             ">X-Long: 012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
    TALK(&w, fd, ">", ">.", "<554 5.6.0");
    assert_int_equal(w.submitted, 0);
    close_both(&w, fd);
}

static void recipients_have_a_limit_and_a_domain(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<postmaster>", "<550 5.1.3",
         ">RCPT TO:<a@b.example>", "<250 ", ">RCPT TO:<b@b.example>", "<250 ", ">RCPT TO:<c@b.example>", "<250 ",
         ">RCPT TO:<d@b.example>", "<452 4.5.3");
    close_both(&w, fd);
}

static void the_queues_refusals_are_passed_on(void **state)
{
    static const struct {
        struct submit_done done;
        const char *says;
    } cases[] = {
        { { .kind = FAULT_LOCAL, .text = "The disk is nearly full" }, "<452 4.3.1*nearly full" },
        { { .kind = FAULT_RETRY, .text = "Busy" }, "<451 4.3.0*Busy" },
        { { .kind = FAULT_REJECT, .enhanced = "5.6.0", .text = "No" }, "<550 5.6.0*No" },
        { { .kind = 99, .text = "Odd" }, "<451 4.3.0*Odd" },
    };
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    w.queue_does = QUEUE_REFUSES;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w.refusal = cases[i].done;
        begin(&w, fd);
        TALK(&w, fd, ">Subject: x", ">", ">.", cases[i].says);
    }
    close_both(&w, fd);
}

static void a_queue_that_dies_in_the_middle_is_no_hang(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    w.queue_does = QUEUE_SILENT;
    begin(&w, fd);
    TALK(&w, fd, ">Subject: x", ">", ">.");
    TEST_UNTIL(w.loop, w.submitted == 1);
    world_queue_dies(&w);
    TALK(&w, fd, "<451 4.3.0*restarted", ">MAIL FROM:<shop@a.example>", "<451 4.3.0");
    world_queue_returns(&w);
    w.queue_does = QUEUE_STORES;
    begin(&w, fd);
    TALK(&w, fd, ">Subject: x", ">", ">.", "<250 ");
    close_both(&w, fd);
}

static void a_queue_that_dies_during_data_is_said_at_its_end(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    begin(&w, fd);
    world_queue_dies(&w);
    TALK(&w, fd, ">Subject: x", ">", ">.", "<451 4.3.0");
    close_both(&w, fd);
}

static void a_silent_queue_is_given_up_and_its_late_answer_ignored(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ .is_virtual = true });
    w.queue_does = QUEUE_SILENT;
    begin(&w, fd);
    TALK(&w, fd, ">Subject: x", ">", ">.");
    TEST_UNTIL(w.loop, w.submitted == 1);
    uint64_t tag = w.submit.tag;
    loop_advance(w.loop, 30000);
    TALK(&w, fd, "<451 4.3.0*in time");
    channel_send(w.queue, EDGE_SUBMIT_DONE, &(struct submit_done){ .tag = tag, .id = 7 });
    world_turns(&w, 5);
    TALK(&w, fd, ">NOOP", "<250 ");
    close_both(&w, fd);
}

static void a_closed_queue_says_why_at_mail(void **state)
{
    struct world w;
    int fd = open_signed_in(&w, &(struct world_options){ 0 });
    channel_send(w.queue, EDGE_QUEUE_STATE, &(struct queue_state){ .is_open = false, .why = "Only 3 MB are free" });
    world_turns(&w, 5);
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<452 4.3.1*Only 3 MB are free");
    channel_send(w.queue, EDGE_QUEUE_STATE, &(struct queue_state){ .is_open = true });
    world_turns(&w, 5);
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<250 ");
    close_both(&w, fd);
}

static void a_whole_session_in_one_breath_is_answered(void **state)
{
    static const char all[] =
        "EHLO c\r\nAUTH PLAIN AHdlYgBzZWNyZXQ=\r\nMAIL FROM:<shop@a.example>\r\nRCPT TO:<x@b.example>\r\n"
        "DATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n";
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    world_say(fd, all, sizeof all - 1);
    shutdown(fd, SHUT_WR);
    TALK(&w, fd, "<220 ", "<250 ", "<235 ", "<250 2.1.0", "<250 2.1.5", "<354 ", "<250 2.0.0 Queued", "<221 ", "<");
    assert_int_equal(w.submitted, 1);
    close_both(&w, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope_reaches_the_queue),
        cmocka_unit_test(the_received_field_says_how_it_came),
        cmocka_unit_test(bodies_arrive_byte_for_byte),
        cmocka_unit_test(chunks_arrive_byte_for_byte),
        cmocka_unit_test(a_forced_sender_is_put_everywhere),
        cmocka_unit_test(senders_that_are_not_theirs_are_refused),
        cmocka_unit_test(the_null_sender_passes),
        cmocka_unit_test(size_is_met_early_and_late),
        cmocka_unit_test(a_disk_that_fails_is_try_again),
        cmocka_unit_test(loops_and_endless_headers_are_cut),
        cmocka_unit_test(recipients_have_a_limit_and_a_domain),
        cmocka_unit_test(the_queues_refusals_are_passed_on),
        cmocka_unit_test(a_queue_that_dies_in_the_middle_is_no_hang),
        cmocka_unit_test(a_queue_that_dies_during_data_is_said_at_its_end),
        cmocka_unit_test(a_silent_queue_is_given_up_and_its_late_answer_ignored),
        cmocka_unit_test(a_closed_queue_says_why_at_mail),
        cmocka_unit_test(a_whole_session_in_one_breath_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
