/* Sessions as such: limits, clocks, TLS, reload, the end. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../net/certificates.h"
#include "../net/ends.h"
#include "base/clock.h"
#include "world.h"

static void on_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped++;
}

static void a_host_has_only_so_many_sessions(void **state)
{
    struct world w;
    int fds[5];
    world_open(&w, &(struct world_options){ 0 });
    for (int i = 0; i < 4; i++) {
        fds[i] = world_dial(&w);
        TALK(&w, fds[i], "<220 ");
    }
    fds[4] = world_dial(&w);
    TALK(&w, fds[4], "<421 4.3.0*from your address", "<");
    assert_int_equal(edge_sessions(w.edge), 4);
    close(fds[0]);
    TEST_UNTIL(w.loop, edge_sessions(w.edge) == 3);
    int again = world_dial(&w);
    TALK(&w, again, "<220 ");
    for (int i = 1; i < 5; i++)
        close(fds[i]);
    close(again);
    world_close(&w);
}

static void all_hosts_together_too(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    w.conf.limits.sessions = 1;
    int a = world_dial(&w);
    TALK(&w, a, "<220 ");
    int b = world_dial(&w);
    TALK(&w, b, "<421 4.3.0*Too many sessions, ", "<");
    close(a);
    close(b);
    world_close(&w);
}

static void tls_spoken_to_a_plain_port_is_told_so(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ");
    world_say(fd, "\x16\x03\x01\x00\x05hello", 10);
    TALK(&w, fd, "<421*TLS", "<");
    close(fd);
    world_close(&w);
}

static void a_silent_client_is_told_and_cut(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ .is_virtual = true });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ");
    loop_advance(w.loop, 299999);
    assert_int_equal(edge_sessions(w.edge), 1);
    loop_advance(w.loop, 1);
    TALK(&w, fd, "<421 4.4.2", "<");
    close(fd);
    TEST_UNTIL(w.loop, edge_sessions(w.edge) == 0);
    world_close(&w);
}

static void a_dribbled_command_is_silence(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ .is_virtual = true });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ");
    for (int i = 0; i < 5; i++) {
        world_say(fd, "N", 1);
        world_turns(&w, 2);
        loop_advance(w.loop, 60000);
    }
    TALK(&w, fd, "<421 4.4.2", "<");
    close(fd);
    world_close(&w);
}

static int begin_data(struct world *w)
{
    world_open(w, &(struct world_options){ .is_virtual = true });
    int fd = world_dial(w);
    world_sign_in(w, fd);
    TALK(w, fd, ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">DATA", "<354 ");
    return fd;
}

static void a_message_that_stops_is_cut(void **state)
{
    struct world w;
    int fd = begin_data(&w);
    TALK(&w, fd, ">Subject: x");
    world_turns(&w, 3);
    loop_advance(w.loop, 600000);
    TALK(&w, fd, "<421 4.4.2", "<");
    close(fd);
    world_close(&w);
}

static void a_message_that_dribbles_is_cut(void **state)
{
    struct world w;
    int fd = begin_data(&w);
    for (int i = 0; i < 3; i++) {
        world_say(fd, "x", 1);
        world_turns(&w, 3);
        loop_advance(w.loop, 200000);
    }
    TALK(&w, fd, "<421 4.4.2", "<");
    assert_int_equal(w.submitted, 0);
    close(fd);
    world_close(&w);
}

/* Last lines of EHLO's answer in all that can be read now; lines may be cut between two reads. */
static unsigned read_answers(int fd)
{
    static char kept[65536 + 512];
    static size_t held;
    unsigned count = 0;
    ssize_t n;
    while ((n = read(fd, kept + held, 65536)) > 0) {
        char *line = kept, *end;
        held += (size_t)n;
        while ((end = memchr(line, '\n', held - (size_t)(line - kept)))) {
            count += memcmp(line, "250 ", 4) == 0;
            line = end + 1;
        }
        held -= (size_t)(line - kept);
        memmove(kept, line, held);
    }
    return count;
}

static void replies_nobody_reads_stop_the_reading(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ");
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 32768 }, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 32768 }, sizeof(int));
    static const char line[] = "EHLO a\r\n";
    size_t octets = 0;
    for (int quiet = 0; quiet < 50;) {
        ssize_t n = send(fd, line + octets % 8, 8 - octets % 8, MSG_NOSIGNAL);
        octets += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        if (n < 0 || octets % 512 == 0)
            loop_turn(w.loop, 0);
    }
    unsigned sent = (unsigned)(octets / 8);
    assert_true(sent > 10000);
    assert_int_equal(edge_sessions(w.edge), 1);
    TEST_UNTIL(w.loop, (sent -= read_answers(fd)) == 0);
    close(fd);
    world_close(&w);
}

static void stopping_lets_a_message_end_first(void **state)
{
    struct world w;
    int busy = begin_data(&w), idle = world_dial(&w);
    TALK(&w, idle, "<220 ");
    edge_stop(w.edge, on_stopped, &w);
    TALK(&w, idle, "<421 4.3.2", "<");
    close(idle);
    TALK(&w, busy, ">Subject: x", ">", ">.", "<250 2.0.0 Queued", "<421 4.3.2", "<");
    assert_int_equal(w.submitted, 1);
    assert_int_equal(w.stopped, 0);
    close(busy);
    TEST_UNTIL(w.loop, w.stopped == 1);
    world_close(&w);
}

static void stopping_does_not_wait_for_ever(void **state)
{
    struct world w;
    int fd = begin_data(&w);
    edge_stop(w.edge, on_stopped, &w);
    loop_advance(w.loop, 10000);
    world_turns(&w, 2);
    assert_int_equal(w.stopped, 1);
    close(fd);
    world_close(&w);
}

static void stopping_with_nobody_there_is_quick(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    edge_stop(w.edge, on_stopped, &w);
    assert_int_equal(w.stopped, 0);
    TEST_UNTIL(w.loop, w.stopped == 1);
    world_close(&w);
}

static void reload_and_closed_doors_leave_sessions_alone(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ 0 });
    int fd = world_dial(&w);
    world_sign_in(&w, fd);
    struct conf next = w.conf;
    next.hostname = "other.example";
    edge_reload(w.edge, &next);
    int later = world_dial(&w);
    TALK(&w, later, "<220 other.example");
    edge_unlisten(w.edge, 1);
    TALK(&w, fd, ">MAIL FROM:<shop@a.example>", "<250 ", ">RCPT TO:<x@b.example>", "<250 ", ">DATA", "<354 ",
         ">Subject: x", ">", ">.", "<250 ");
    assert_non_null(strstr(buf_str(&w.body), "by gate.example"));
    TALK(&w, later, ">QUIT", "<221 ");
    close(fd);
    close(later);
    world_close(&w);
}

/* -- TLS -- */

static struct test_pem authority, server;
static struct tls_context *trusting;

static int make_certificates(void **state)
{
    struct fault why;
    test_authority(&authority);
    test_certificate(&authority, "IP:127.0.0.1", -3600, 3600, &server);
    trusting = tls_client_new(buf_bytes(&authority.certificate), &why);
    return trusting ? 0 : -1;
}

static int drop_certificates(void **state)
{
    tls_context_free(trusting);
    test_pem_fini(&authority);
    test_pem_fini(&server);
    return 0;
}

struct client {
    struct world w;
    struct resolver *resolver;
    struct test_end end;
};

static void dial_tls(struct client *c, enum conf_tls tls)
{
    world_open(&c->w, &(struct world_options){
                          .tls = tls, .certificate = buf_bytes(&server.certificate), .key = buf_bytes(&server.key) });
    c->resolver = resolver_new(c->w.loop);
    test_end_init(&c->end, c->w.loop);
    c->end.conn = conn_dial(c->w.loop, c->resolver, "127.0.0.1", net_addr_port(&c->w.door),
                            tls == CONF_TLS_IMPLICIT ? trusting : NULL, NULL, &test_end_events, &c->end);
    TEST_UNTIL(c->w.loop, c->end.ready == 1);
}

static void close_tls(struct client *c)
{
    test_end_fini(&c->end);
    resolver_free(c->resolver);
    world_close(&c->w);
}

/* Says it and waits for `wanted` in what comes back. */
static void ask(struct client *c, const char *line, const char *wanted)
{
    buf_clear(&c->end.got);
    if (line)
        conn_write(c->end.conn, bytes_of(line));
    TEST_UNTIL(c->w.loop, strstr(buf_str(&c->end.got), wanted) || c->end.closed);
    if (c->end.closed)
        fail_msg("the connection ended before \"%s\"", wanted);
}

static void send_one(struct client *c)
{
    ask(c, "AUTH PLAIN AHdlYgBzZWNyZXQ=\r\n", "235 ");
    ask(c, "MAIL FROM:<shop@a.example>\r\nRCPT TO:<x@b.example>\r\nDATA\r\n", "354 ");
    ask(c, "Subject: x\r\n\r\n.\r\n", "250 2.0.0 Queued");
    assert_non_null(strstr(buf_str(&c->w.body), "with ESMTPSA id"));
}

static void starttls_guards_the_password(void **state)
{
    struct client c;
    dial_tls(&c, CONF_TLS_STARTTLS);
    ask(&c, "EHLO c\r\n", "STARTTLS");
    ask(&c, "AUTH PLAIN AHdlYgBzZWNyZXQ=\r\n", "5");
    assert_int_equal(c.w.asked, 0);
    ask(&c, "STARTTLS\r\n", "220 2.0.0");
    conn_start_tls_client(c.end.conn, trusting, "127.0.0.1");
    TEST_UNTIL(c.w.loop, c.end.ready == 2);
    ask(&c, "EHLO c\r\n", "AUTH PLAIN LOGIN");
    send_one(&c);
    close_tls(&c);
}

static void implicit_tls_greets_after_the_handshake(void **state)
{
    struct client c;
    dial_tls(&c, CONF_TLS_IMPLICIT);
    ask(&c, NULL, "220 gate.example");
    ask(&c, "EHLO c\r\n", "250 ");
    send_one(&c);
    close_tls(&c);
}

static void commands_behind_starttls_end_the_session(void **state)
{
    struct world w;
    world_open(&w, &(struct world_options){ .tls = CONF_TLS_STARTTLS,
                                            .certificate = buf_bytes(&server.certificate),
                                            .key = buf_bytes(&server.key) });
    int fd = world_dial(&w);
    TALK(&w, fd, "<220 ", ">EHLO c", "<250 ");
    world_say(fd, "STARTTLS\r\nMAIL FROM:<x@b.example>\r\n", 35);
    TALK(&w, fd, "<220 2.0.0", "<");
    TEST_UNTIL(w.loop, edge_sessions(w.edge) == 0);
    close(fd);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_has_only_so_many_sessions),
        cmocka_unit_test(all_hosts_together_too),
        cmocka_unit_test(tls_spoken_to_a_plain_port_is_told_so),
        cmocka_unit_test(a_silent_client_is_told_and_cut),
        cmocka_unit_test(a_dribbled_command_is_silence),
        cmocka_unit_test(a_message_that_stops_is_cut),
        cmocka_unit_test(a_message_that_dribbles_is_cut),
        cmocka_unit_test(replies_nobody_reads_stop_the_reading),
        cmocka_unit_test(stopping_lets_a_message_end_first),
        cmocka_unit_test(stopping_does_not_wait_for_ever),
        cmocka_unit_test(stopping_with_nobody_there_is_quick),
        cmocka_unit_test(reload_and_closed_doors_leave_sessions_alone),
        cmocka_unit_test(starttls_guards_the_password),
        cmocka_unit_test(implicit_tls_greets_after_the_handshake),
        cmocka_unit_test(commands_behind_starttls_end_the_session),
    };
    return cmocka_run_group_tests(tests, make_certificates, drop_certificates);
}
