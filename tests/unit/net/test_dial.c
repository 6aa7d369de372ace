/* Dialling, TLS in both forms, and look-ups: what succeeds, and how each failure is sorted and said. */
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "certificates.h"
#include "ends.h"
#include "net/conn.h"
#include "net/listen.h"

enum { HOUR = 3600 };

static struct test_pem authority, stranger, good, wrong_name, expired, early, unknown;
static struct tls_context *trusting;

/* What the accepting side does. */
struct server {
    struct listener *listener;
    struct net_addr at;
    struct tls_context *tls; /* implicit; NULL: plain */
    const char *greeting;    /* in plain text */
    struct test_end end;
    int fd;  /* of the connection last accepted; it owns it */
    int raw; /* of a server that says nothing */
    bool is_mute;
};

struct scene {
    struct loop *loop;
    struct resolver *resolver;
    struct server server;
    struct test_end client;
};

static struct tls_context *server_context(const struct test_pem *p)
{
    struct fault why;
    struct tls_context *c = tls_server_new(buf_bytes(&p->certificate), buf_bytes(&p->key), &why);
    assert_non_null(c);
    return c;
}

static int make_all(void **state)
{
    struct fault why;
    test_authority(&authority);
    test_authority(&stranger);
    test_certificate(&authority, "DNS:localhost,IP:127.0.0.1", -HOUR, HOUR, &good);
    test_certificate(&authority, "DNS:other.example,IP:192.0.2.1", -HOUR, HOUR, &wrong_name);
    test_certificate(&authority, "DNS:localhost,IP:127.0.0.1", -2 * HOUR, -HOUR, &expired);
    test_certificate(&authority, "DNS:localhost,IP:127.0.0.1", HOUR, 2 * HOUR, &early);
    test_certificate(&stranger, "DNS:localhost,IP:127.0.0.1", -HOUR, HOUR, &unknown);
    trusting = tls_client_new(buf_bytes(&authority.certificate), &why);
    return trusting ? 0 : -1;
}

static int drop_all(void **state)
{
    struct test_pem *all[] = { &authority, &stranger, &good, &wrong_name, &expired, &early, &unknown };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        test_pem_fini(all[i]);
    tls_context_free(trusting);
    return 0;
}

static void on_accepted(void *ctx, int fd, const struct net_addr *peer)
{
    struct server *s = ctx;
    if (s->is_mute) {
        s->raw = fd;
        return;
    }
    s->fd = fd;
    s->end.conn = conn_accept(s->end.loop, fd, NULL, &test_end_events, &s->end);
    if (s->tls)
        conn_start_tls_server(s->end.conn, s->tls);
    else if (s->greeting)
        conn_write(s->end.conn, bytes_of(s->greeting));
}

static void open_scene_on(struct scene *s, struct loop *l)
{
    struct fault why;
    *s = (struct scene){ .loop = l, .server.raw = -1 };
    s->resolver = resolver_new(l);
    test_end_init(&s->client, l);
    test_end_init(&s->server.end, l);
    assert_true(net_addr_parse("127.0.0.1:0", &s->server.at, NULL));
    int fd = net_listen_open(&s->server.at, 8, &why);
    s->server.at.size = sizeof s->server.at.storage;
    getsockname(fd, (struct sockaddr *)&s->server.at.storage, &s->server.at.size);
    s->server.listener = listener_new(l, fd, on_accepted, &s->server);
}

static void open_scene(struct scene *s)
{
    open_scene_on(s, loop_new());
}

static void close_scene(struct scene *s)
{
    test_end_fini(&s->client);
    test_end_fini(&s->server.end);
    tls_context_free(s->server.tls);
    listener_free(s->server.listener);
    if (s->server.raw >= 0)
        close(s->server.raw);
    resolver_free(s->resolver);
    loop_free(s->loop);
}

static void dial(struct scene *s, const char *host, struct tls_context *tls, const struct conn_limits *limits)
{
    s->client.conn = conn_dial(s->loop, s->resolver, host, net_addr_port(&s->server.at), tls, limits, &test_end_events,
                               &s->client);
}

static void plain_text_arrives(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.greeting = "220 hello";
    dial(&s, "127.0.0.1", NULL, NULL);
    assert_int_equal(s.client.ready, 0); /* never inside the call */
    TEST_UNTIL(s.loop, s.client.got.size == 9);
    assert_int_equal(s.client.ready, 1);
    close_scene(&s);
}

static void a_name_is_looked_up(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.greeting = "220 hello";
    dial(&s, "localhost", NULL, NULL);
    TEST_UNTIL(s.loop, s.client.got.size == 9 || s.client.closed);
    assert_int_equal(s.client.closed, 0); /* ::1 refuses, so the next address was tried */
    close_scene(&s);
}

static void on_literal(void *ctx, const struct net_addr *addrs, size_t count, const struct fault *why)
{
    struct net_addr *found = ctx;
    assert_int_equal(count, 1);
    *found = addrs[0];
}

/* In the same turn, so no name server can have been asked. */
static void an_address_is_not_looked_up(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "::1", "192.0.2.7" };
    static const char *const texts[] = { "127.0.0.1:25", "[::1]:25", "192.0.2.7:25" };
    struct scene s;
    open_scene(&s);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct net_addr found = { .size = 0 };
        char text[NET_ADDR_TEXT_SIZE];
        resolve_start(s.resolver, hosts[i], 25, on_literal, &found);
        assert_int_equal(found.size, 0);
        loop_turn(s.loop, 0);
        net_addr_text(&found, text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
    close_scene(&s);
}

static void a_socket_in_the_file_system_is_dialled(void **state)
{
    struct scene s;
    struct net_addr at;
    struct fault why;
    char dir[] = "/tmp/postern-dial-XXXXXX", path[64], text[160];
    open_scene(&s);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/socket", dir);
    snprintf(text, sizeof text, "unix:%s", path);
    s.client.conn = conn_dial(s.loop, s.resolver, path, 0, NULL, NULL, &test_end_events, &s.client);
    TEST_UNTIL(s.loop, s.client.closed);
    assert_string_equal(s.client.why.id, "net.connect");
    snprintf(text, sizeof text, "connect to %s: No such file or directory", path);
    assert_string_equal(s.client.why.text, text);
    test_end_fini(&s.client);
    test_end_init(&s.client, s.loop);
    snprintf(text, sizeof text, "unix:%s", path);
    assert_true(net_addr_parse(text, &at, NULL));
    struct listener *there = listener_new(s.loop, net_listen_open(&at, 8, &why), on_accepted, &s.server);
    s.server.greeting = "220 hello";
    s.client.conn = conn_dial(s.loop, s.resolver, path, 0, NULL, NULL, &test_end_events, &s.client);
    TEST_UNTIL(s.loop, s.client.got.size == 9);
    listener_free(there);
    unlink(path);
    rmdir(dir);
    close_scene(&s);
}

static void implicit_tls_carries_bytes(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost" };
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        open_scene(&s);
        s.server.tls = server_context(&good);
        dial(&s, hosts[i], trusting, NULL);
        TEST_UNTIL(s.loop, s.client.ready && s.server.end.ready);
        assert_true(conn_is_tls(s.client.conn));
        assert_memory_equal(conn_tls_text(s.client.conn), "TLSv1.", 6);
        size_t size = 150000;
        uint8_t *big = calloc(1, size);
        assert_true(conn_write(s.server.end.conn, (struct bytes){ big, size }));
        assert_true(conn_write(s.client.conn, BYTES_LIT("ping")));
        TEST_UNTIL(s.loop, s.client.got.size == size && s.server.end.got.size == 4);
        conn_finish(s.server.end.conn, 1000);
        TEST_UNTIL(s.loop, s.client.closed);
        assert_false(s.client.has_why);
        free(big);
        close_scene(&s);
    }
}

/* Octets that the server has sent once the client has heard its greeting: a certificate among them or not. */
static size_t octets_of_a_sign_on(struct scene *s)
{
    struct tcp_info info = { 0 };
    dial(s, "localhost", trusting, NULL);
    TEST_UNTIL(s->loop, s->client.ready && s->server.end.ready);
    conn_write(s->server.end.conn, BYTES_LIT("220 hello"));
    TEST_UNTIL(s->loop, s->client.got.size == 9);
    assert_int_equal(getsockopt(s->server.fd, IPPROTO_TCP, TCP_INFO, &info, &(socklen_t){ sizeof info }), 0);
    conn_free(s->client.conn);
    TEST_UNTIL(s->loop, s->server.end.closed);
    conn_free(s->server.end.conn);
    s->client.conn = s->server.end.conn = NULL;
    s->client.ready = s->server.end.ready = s->server.end.closed = 0;
    buf_clear(&s->client.got);
    return (size_t)info.tcpi_bytes_sent;
}

static void the_next_handshake_goes_on_where_a_torn_connection_was(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.tls = server_context(&good);
    size_t first = octets_of_a_sign_on(&s), certificate = good.certificate.size / 2; /* PEM is longer than DER */
    for (int i = 0; i < 3; i++)
        assert_true(octets_of_a_sign_on(&s) + certificate < first);
    close_scene(&s);
}

static void tls_input_waits_while_its_owner_pauses(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.tls = server_context(&good);
    dial(&s, "localhost", trusting, &(struct conn_limits){ .in_limit = 1000 });
    TEST_UNTIL(s.loop, s.client.ready && s.server.end.ready);
    uint8_t big[50000] = { 7 };
    s.client.takes = 0;
    assert_true(conn_write(s.server.end.conn, (struct bytes){ big, sizeof big }));
    for (int i = 0; i < 20; i++)
        loop_turn(s.loop, 1);
    assert_int_equal(s.client.got.size, 0);
    s.client.takes = SIZE_MAX;
    conn_resume(s.client.conn);
    TEST_UNTIL(s.loop, s.client.got.size == sizeof big);
    close_scene(&s);
}

/* Records that the kernel does not take are kept, in their order, and nothing counts as gone before they are. */
static void tls_output_waits_while_its_reader_pauses(void **state)
{
    enum { SIZE = 24 << 20, PIECE = 100003 };
    struct scene s;
    uint8_t *big = malloc(SIZE);
    uint32_t number = 1;
    for (size_t i = 0; i < SIZE; i++)
        big[i] = (uint8_t)((number = number * 1664525 + 1013904223) >> 24);
    open_scene(&s);
    s.server.tls = server_context(&good);
    dial(&s, "localhost", trusting, &(struct conn_limits){ .out_limit = SIZE });
    TEST_UNTIL(s.loop, s.client.ready && s.server.end.ready);
    s.client.drained = 0;
    conn_pause(s.server.end.conn);
    for (size_t at = 0, size; at < SIZE; at += size) {
        size = SIZE - at < PIECE ? SIZE - at : PIECE;
        assert_true(conn_write(s.client.conn, (struct bytes){ big + at, size }));
        loop_turn(s.loop, 0);
    }
    for (int i = 0; i < 20; i++)
        loop_turn(s.loop, 1);
    assert_int_equal(s.server.end.got.size, 0);
    assert_true(conn_pending(s.client.conn) > 0);
    conn_write(s.server.end.conn, BYTES_LIT("the other way is free"));
    TEST_UNTIL(s.loop, s.client.got.size == 21);
    unsigned drained = s.client.drained;
    conn_resume(s.server.end.conn);
    TEST_UNTIL(s.loop, s.server.end.got.size == SIZE && conn_pending(s.client.conn) == 0);
    assert_memory_equal(s.server.end.got.data, big, SIZE);
    TEST_UNTIL(s.loop, s.client.drained == drained + 1);
    conn_shut(s.client.conn);
    TEST_UNTIL(s.loop, s.server.end.closed);
    assert_false(s.server.end.has_why);
    free(big);
    close_scene(&s);
}

static void resume_data(struct test_end *e)
{
    conn_resume(e->conn);
}

/* All of it is in OpenSSL's hands after the first reading, so that no readiness of the socket will tell. */
static void tls_input_that_was_read_ahead_is_not_forgotten(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.tls = server_context(&good);
    dial(&s, "localhost", trusting, &(struct conn_limits){ .in_limit = 1000 });
    TEST_UNTIL(s.loop, s.client.ready && s.server.end.ready);
    uint8_t record[9000] = { 7 };
    s.client.takes = 300;
    conn_pause(s.client.conn);
    assert_true(conn_write(s.server.end.conn, (struct bytes){ record, sizeof record }));
    for (int i = 0; i < 10; i++)
        loop_turn(s.loop, 1);
    assert_int_equal(s.client.got.size, 0);
    s.client.on_data = resume_data;
    conn_resume(s.client.conn);
    TEST_UNTIL(s.loop, s.client.got.size == sizeof record);
    conn_finish(s.server.end.conn, 1000);
    TEST_UNTIL(s.loop, s.client.closed);
    close_scene(&s);
}

static void a_quiet_tls_connection_costs_no_turns(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.tls = server_context(&good);
    dial(&s, "localhost", trusting, NULL);
    TEST_UNTIL(s.loop, s.client.ready && s.server.end.ready);
    conn_write(s.client.conn, BYTES_LIT("ping"));
    TEST_UNTIL(s.loop, s.server.end.got.size == 4);
    loop_turn(s.loop, 0);
    int64_t before_ms = clock_steady_ms();
    loop_turn(s.loop, 50);
    assert_true(clock_steady_ms() - before_ms >= 45);
    close_scene(&s);
}

static void bad_certificates_hold_for_a_person(void **state)
{
    const struct {
        const struct test_pem *shows;
        const char *host, *says;
    } cases[] = {
        { &wrong_name, "localhost", "mismatch" },  { &wrong_name, "127.0.0.1", "mismatch" },
        { &expired, "localhost", "expired" },      { &early, "localhost", "not yet valid" },
        { &unknown, "localhost", "local issuer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene s;
        open_scene(&s);
        s.server.tls = server_context(cases[i].shows);
        dial(&s, cases[i].host, trusting, NULL);
        TEST_UNTIL(s.loop, s.client.closed);
        assert_int_equal(s.client.ready, 0);
        assert_int_equal(s.client.why.kind, FAULT_HOLD);
        assert_string_equal(s.client.why.id, "tls.certificate");
        if (!strstr(s.client.why.text, cases[i].says) || !strstr(s.client.why.text, cases[i].host))
            fail_msg("case %zu says: %s", i, s.client.why.text);
        TEST_UNTIL(s.loop, s.server.end.closed);
        assert_string_equal(s.server.end.why.id, "tls.failed");
        close_scene(&s);
    }
}

static void a_server_that_speaks_plain_text_is_called_so(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.greeting = "220 mail.example ESMTP\r\n";
    dial(&s, "localhost", trusting, NULL);
    TEST_UNTIL(s.loop, s.client.closed);
    assert_int_equal(s.client.why.kind, FAULT_RETRY);
    assert_string_equal(s.client.why.id, "tls.failed");
    assert_non_null(strstr(s.client.why.text, "does not speak TLS here"));
    close_scene(&s);
}

static void a_client_that_speaks_plain_text_is_called_so(void **state)
{
    struct scene s;
    open_scene(&s);
    s.server.tls = server_context(&good);
    dial(&s, "localhost", NULL, NULL);
    TEST_UNTIL(s.loop, s.client.ready);
    conn_write(s.client.conn, BYTES_LIT("EHLO client.example\r\n"));
    TEST_UNTIL(s.loop, s.server.end.closed);
    assert_non_null(strstr(s.server.end.why.text, "expects TLS from the first byte"));
    close_scene(&s);
}

static void a_mute_server_ends_in_time(void **state)
{
    struct scene s;
    open_scene_on(&s, loop_new_virtual(0));
    s.server.is_mute = true;
    dial(&s, "127.0.0.1", trusting, &(struct conn_limits){ .connect_ms = 10000 });
    TEST_UNTIL(s.loop, s.server.raw >= 0);
    for (int i = 0; i < 10; i++)
        loop_turn(s.loop, 1);
    loop_advance(s.loop, 10001);
    assert_int_equal(s.client.closed, 1);
    assert_string_equal(s.client.why.id, "tls.failed");
    assert_non_null(strstr(s.client.why.text, "in time"));
    close_scene(&s);
}

static void a_refused_port_is_said(void **state)
{
    struct scene s;
    open_scene(&s);
    listener_free(s.server.listener);
    s.server.listener = NULL;
    loop_turn(s.loop, 0);
    dial(&s, "127.0.0.1", NULL, NULL);
    TEST_UNTIL(s.loop, s.client.closed);
    assert_int_equal(s.client.why.kind, FAULT_RETRY);
    assert_string_equal(s.client.why.id, "net.connect");
    assert_non_null(strstr(s.client.why.text, "127.0.0.1"));
    assert_non_null(strstr(s.client.why.text, "refused"));
    s.server.listener = NULL;
    close_scene(&s);
}

static void an_unknown_name_is_said(void **state)
{
    struct scene s;
    open_scene(&s);
    dial(&s, "no-such-host.invalid", NULL, &(struct conn_limits){ .connect_ms = 2000 });
    TEST_UNTIL(s.loop, s.client.closed);
    assert_int_equal(s.client.why.kind, FAULT_RETRY);
    assert_string_equal(s.client.why.id, "dns.failed");
    assert_non_null(strstr(s.client.why.text, "no-such-host.invalid"));
    close_scene(&s);
}

static void a_dial_can_be_given_up(void **state)
{
    struct scene s;
    open_scene(&s);
    dial(&s, "localhost", NULL, NULL);
    conn_free(s.client.conn);
    dial(&s, "no-such-host.invalid", NULL, NULL);
    loop_turn(s.loop, 0);
    conn_free(s.client.conn);
    s.client.conn = NULL;
    for (int i = 0; i < 5; i++)
        loop_turn(s.loop, 1);
    assert_int_equal(s.client.closed, 0);
    close_scene(&s);
}

/* -- STARTTLS -- */

static struct tls_context *starttls_context;

static void starttls_data(struct test_end *e)
{
    if (bytes_equal(buf_bytes(&e->got), BYTES_LIT("STARTTLS\r\n"))) {
        conn_write(e->conn, BYTES_LIT("220 go\r\n"));
        conn_start_tls_server(e->conn, starttls_context);
    }
}

static void client_starttls_data(struct test_end *e)
{
    if (e->got.size == 8)
        conn_start_tls_client(e->conn, trusting, "localhost");
}

static void starttls_switches_both(void **state)
{
    struct scene s;
    open_scene(&s);
    starttls_context = server_context(&good);
    s.server.end.on_data = starttls_data;
    s.client.on_data = client_starttls_data;
    dial(&s, "localhost", NULL, NULL);
    TEST_UNTIL(s.loop, s.client.ready);
    conn_write(s.client.conn, BYTES_LIT("STARTTLS\r\n"));
    TEST_UNTIL(s.loop, s.client.ready == 2 && s.server.end.ready == 1);
    conn_write(s.client.conn, BYTES_LIT("EHLO\r\n"));
    conn_write(s.server.end.conn, BYTES_LIT("250\r\n"));
    TEST_UNTIL(s.loop, s.server.end.got.size == 16 && s.client.got.size == 13);
    tls_context_free(starttls_context); /* connections keep theirs */
    conn_write(s.client.conn, BYTES_LIT("NOOP\r\n"));
    TEST_UNTIL(s.loop, s.server.end.got.size == 22);
    close_scene(&s);
}

static void plain_text_behind_starttls_is_an_attack(void **state)
{
    struct scene s;
    open_scene(&s);
    starttls_context = server_context(&good);
    s.server.end.on_data = starttls_data;
    s.server.end.takes = 10; /* as an engine does that stops after the line */
    dial(&s, "localhost", NULL, NULL);
    TEST_UNTIL(s.loop, s.client.ready);
    conn_write(s.client.conn, BYTES_LIT("STARTTLS\r\nMAIL FROM:<evil@example>\r\n"));
    TEST_UNTIL(s.loop, s.server.end.closed);
    assert_string_equal(s.server.end.why.id, "tls.injection");
    assert_string_equal(buf_str(&s.server.end.got), "STARTTLS\r\n");
    tls_context_free(starttls_context);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_arrives),
        cmocka_unit_test(a_name_is_looked_up),
        cmocka_unit_test(an_address_is_not_looked_up),
        cmocka_unit_test(a_socket_in_the_file_system_is_dialled),
        cmocka_unit_test(implicit_tls_carries_bytes),
        cmocka_unit_test(the_next_handshake_goes_on_where_a_torn_connection_was),
        cmocka_unit_test(tls_output_waits_while_its_reader_pauses),
        cmocka_unit_test(tls_input_waits_while_its_owner_pauses),
        cmocka_unit_test(tls_input_that_was_read_ahead_is_not_forgotten),
        cmocka_unit_test(a_quiet_tls_connection_costs_no_turns),
        cmocka_unit_test(bad_certificates_hold_for_a_person),
        cmocka_unit_test(a_server_that_speaks_plain_text_is_called_so),
        cmocka_unit_test(a_client_that_speaks_plain_text_is_called_so),
        cmocka_unit_test(a_mute_server_ends_in_time),
        cmocka_unit_test(a_refused_port_is_said),
        cmocka_unit_test(an_unknown_name_is_said),
        cmocka_unit_test(a_dial_can_be_given_up),
        cmocka_unit_test(starttls_switches_both),
        cmocka_unit_test(plain_text_behind_starttls_is_an_attack),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
