/* A mail server that follows a script: what is said to it, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "certificates.h"
#include "handoff_fixture.h"
#include "script_server.h"

static struct script_server *server;
static const char *const *scripts[2];
static char host[64];
static struct tls_context *tls;

static int begin(void **state, int (*open)(void **))
{
    open(state);
    stage.endpoint.kind = ENDPOINT_LMTP;
    stage.endpoint.lmtp.host = host;
    stage.endpoint.lmtp.recipient = stage.endpoint.lmtp.ca_file = "";
    return 0;
}

static int open_lmtp(void **state)
{
    return begin(state, stage_open);
}

static int open_lmtp_virtual(void **state)
{
    return begin(state, stage_open_virtual);
}

static void drop_server(void)
{
    if (server)
        script_server_free(server);
    server = NULL;
}

static int close_lmtp(void **state)
{
    drop_server();
    tls_context_free(tls);
    tls = NULL;
    return stage_close(state);
}

static void serve(const char *const *script)
{
    drop_server();
    scripts[0] = script;
    server = script_server_new(stage.loop, scripts, tls);
    snprintf(host, sizeof host, "127.0.0.1:%u", script_server_port(server));
}

static void expect_served(void)
{
    /* QUIT may still be on its way. */
    for (int i = 0; i < 20; i++)
        stage_turn();
    const char *surprise = script_server_surprise(server);
    if (surprise)
        fail_msg("%s", surprise);
}

#define SCRIPT(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define HELLO \
    "S: 220 lmtp ready", "C: LHLO gate.example", "S: 250-lmtp\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000"
#define TO_DATA \
    HELLO, "C: MAIL FROM:<joe@example.org>", "S: 250 2.1.0 ok", "C: RCPT TO:<box@corp.example>", "S: 250 2.1.5 ok", \
        "C: DATA", "S: 354 go", "BODY"

static void test_a_message_is_taken(void **state)
{
    serve(SCRIPT(TO_DATA, "S: 250 2.0.0 <box@corp.example> Saved", "C: QUIT", "S: 221 bye"));
    stage_run();
    stage_expect(HANDOFF_DONE, "", "250 2.0.0 <box@corp.example> Saved");
    expect_served();
    assert_int_equal(script_server_body(server).size, stage.job.size);
    assert_non_null(strstr(script_server_heard(server), "MAIL FROM:<joe@example.org> SIZE="));
    assert_non_null(strstr(script_server_heard(server), "QUIT"));
}

static void test_smtp_and_another_recipient(void **state)
{
    stage.endpoint.lmtp.is_smtp = true;
    stage.endpoint.lmtp.recipient = "team@corp.example";
    stage_message("Return-Path: <>\r\nSubject: \xc3\xb6\r\n\r\nx\r\n");
    serve(SCRIPT("S: 220 smtp", "C: EHLO gate.example", "S: 250-smtp\r\n250 8BITMIME", "C: MAIL FROM:<> BODY=8BITMIME",
                 "S: 250 ok", "C: RCPT TO:<team@corp.example>", "S: 250 ok", "C: DATA", "S: 354 go", "BODY",
                 "S: 250 2.0.0 queued as 7", "C: QUIT"));
    stage_run();
    stage_expect(HANDOFF_DONE, "", "queued as 7");
    expect_served();
}

/* What Return-Path can't be is no sender; line ends that are none become some. */
static void test_odd_messages(void **state)
{
    stage_octets(BYTES_LIT("Return-Path: <a b>\r\n\nx\r.\r\ry\n\n.z\r\n\r"));
    serve(SCRIPT(HELLO, "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO", "S: 250 ok", "C: DATA", "S: 354 go", "BODY",
                 "S: 250 ok", "C: QUIT"));
    stage_run();
    stage_expect(HANDOFF_DONE, "", "250 ok");
    expect_served();
    struct bytes body = script_server_body(server);
    char text[200];
    snprintf(text, sizeof text, "%.*s", (int)body.size, (const char *)body.data);
    assert_string_equal(text, "Return-Path: <a b>\r\n\r\nx\r\n.\r\n\r\ny\r\n\r\n.z\r\n\r\n");
}

static void test_answers(void **state)
{
    static const char *const parked[] = { TO_DATA, "S: 550-5.1.1 <box> no such\r\n550 5.1.1 user", "C: QUIT", NULL };
    static const char *const later[] = { TO_DATA, "S: 452 4.2.2 mailbox full", "C: QUIT", NULL };
    static const char *const large[] = { TO_DATA, "S: 552 5.3.4 too big", "C: QUIT", NULL };
    static const char *const recipient[] = { HELLO,  "C: MAIL",   "S: 250 ok", "C: RCPT", "S: 550 5.1.1 unknown user",
                                             "C: R", "S: 250 ok", NULL };
    static const char *const sender[] = { HELLO, "C: MAIL", "S: 451 4.3.0 try again", "C: QUIT", NULL };
    static const char *const data[] = { HELLO,     "C: MAIL",   "S: 250 ok", "C: RCPT",   "S: 250 ok",
                                        "C: DATA", "S: 451 no", "C: RSET",   "S: 250 ok", NULL };
    static const char *const busy[] = { "S: 421 4.3.2 shutting down", NULL };
    static const char *const forbidden[] = { "S: 554 5.7.1 not you", NULL };
    static const char *const smtp[] = { "S: 220 smtp", "C: LHLO", "S: 500 5.5.1 unknown command", NULL };
    static const char *const imap[] = { "S: * OK IMAP4rev1 ready", NULL };
    static const char *const cut[] = { HELLO, "C: MAIL", "CUT", NULL };
    static const char *const uncertain[] = { TO_DATA, "CUT", NULL };
    static const struct {
        const char *const *script;
        enum handoff_result result;
        const char *finding, *text;
    } cases[] = {
        { parked, HANDOFF_PARK, "lmtp.refused", "550 5.1.1 <box> no such user" },
        { later, HANDOFF_RETRY, "lmtp.busy", "452 4.2.2 mailbox full" },
        { large, HANDOFF_PARK, "lmtp.too-large", "552 5.3.4" },
        { recipient, HANDOFF_PARK, "lmtp.refused", "unknown user" },
        { sender, HANDOFF_RETRY, "lmtp.busy", "451 4.3.0 try again" },
        { data, HANDOFF_RETRY, "lmtp.busy", "451 no" },
        { busy, HANDOFF_RETRY, "lmtp.busy", "421 4.3.2 shutting down" },
        { forbidden, HANDOFF_RETRY, "lmtp.protocol", "554 5.7.1 not you" },
        { smtp, HANDOFF_RETRY, "lmtp.protocol", "500" },
        { imap, HANDOFF_RETRY, "lmtp.protocol", "IMAP" },
        { cut, HANDOFF_RETRY, "lmtp.unreachable", "" },
        { uncertain, HANDOFF_RETRY, "lmtp.unreachable", "may come twice" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        serve(cases[i].script);
        stage_run();
        stage_expect(cases[i].result, cases[i].finding, cases[i].text);
        expect_served();
    }
}

static void test_too_large_is_known_before(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    while (text.size < 150000)
        buf_add_str(&text, "0123456789012345678901234567890123456789\r\n");
    stage_octets(buf_bytes(&text));
    serve(SCRIPT(HELLO, "C: QUIT"));
    stage_run();
    stage_expect(HANDOFF_PARK, "lmtp.too-large", "the server takes 100000");
    expect_served();
    buf_fini(&text);
}

static void test_a_large_message_goes_in_pieces(void **state)
{
    struct buf text;
    buf_init(&text, 32 << 20);
    while (text.size < 8 << 20)
        buf_add_str(&text, ".123456789012345678901234567890123456789\r\n");
    stage_octets(buf_bytes(&text));
    serve(SCRIPT("S: 220 x", "C: LHLO", "S: 250 x", "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok", "C: DATA",
                 "S: 354 go", "BODY", "S: 250 ok", "C: QUIT"));
    stage_run();
    stage_expect(HANDOFF_DONE, "", "250 ok");
    assert_true(bytes_equal(script_server_body(server), buf_bytes(&text)));
    buf_fini(&text);
}

static void test_tls_is_asked_for(void **state)
{
    struct test_pem authority, good;
    struct fault why;
    test_authority(&authority);
    test_certificate(&authority, "DNS:localhost,IP:127.0.0.1", -3600, 3600, &good);
    tls = tls_server_new(buf_bytes(&good.certificate), buf_bytes(&good.key), &why);
    stage.endpoint.lmtp.tls = OBJECT_TLS_STARTTLS;
    stage_file("ca.pem", buf_str(&authority.certificate), 0600);
    stage.endpoint.lmtp.ca_file = stage_path("ca.pem");
    const char *const *script = SCRIPT("S: 220 x", "C: LHLO", "S: 250-x\r\n250 STARTTLS", "C: STARTTLS", "S: 220 go",
                                       "TLS", "C: LHLO", "S: 250 x", "C: MAIL", "S: 250 ok", "C: RCPT", "S: 250 ok",
                                       "C: DATA", "S: 354 go", "BODY", "S: 250 ok", "C: QUIT");
    serve(script);
    stage_run();
    stage_expect(HANDOFF_DONE, "", "250 ok");
    /* Not trusted; not offered; no certificates to trust. */
    stage.endpoint.lmtp.ca_file = "";
    serve(script);
    stage_run();
    stage_expect(HANDOFF_RETRY, "lmtp.tls", "certificate");
    serve(SCRIPT("S: 220 x", "C: LHLO", "S: 250 x", "END"));
    stage_run();
    stage_expect(HANDOFF_RETRY, "lmtp.tls", "STARTTLS");
    stage_file("ca.pem", "", 0600);
    stage.endpoint.lmtp.ca_file = stage_path("ca.pem");
    stage_run();
    stage_expect(HANDOFF_RETRY, "lmtp.tls", "ca.pem");
    test_pem_fini(&authority);
    test_pem_fini(&good);
}

static void test_addresses(void **state)
{
    stage.endpoint.lmtp.host = "127.0.0.1:1";
    stage_run();
    stage_expect(HANDOFF_RETRY, "lmtp.unreachable", "127.0.0.1:1");
    stage.endpoint.lmtp.host = stage_path("no.socket");
    stage_run();
    stage_expect(HANDOFF_RETRY, "lmtp.unreachable", "No such file");
    stage.endpoint.lmtp.host = "localhost:port";
    stage_run();
    stage_expect(HANDOFF_RETRY, "lmtp.unreachable", "no HOST:PORT");
}

static void test_a_server_that_hangs(void **state)
{
    serve(SCRIPT(HELLO, "C: MAIL", "HANG"));
    stage_start();
    for (int i = 0; i < 5000 && !strstr(script_server_heard(server), "MAIL"); i++)
        stage_turn();
    loop_advance(stage.loop, 299000);
    stage_turn();
    assert_int_equal(stage.outcomes, 0);
    loop_advance(stage.loop, 2000);
    stage_wait();
    stage_expect(HANDOFF_RETRY, "lmtp.unreachable", "");
}

static void test_cancelled(void **state)
{
    serve(SCRIPT(HELLO, "C: MAIL", "HANG"));
    stage_start();
    for (int i = 0; i < 5000 && !strstr(script_server_heard(server), "MAIL"); i++)
        stage_turn();
    handoff_cancel(stage.run);
    for (int i = 0; i < 5; i++)
        stage_turn();
    assert_int_equal(stage.outcomes, 0);
    stage_start(); /* and one that is under way when all ends */
    for (int i = 0; i < 5; i++)
        stage_turn();
}

#define TEST(name, open) cmocka_unit_test_setup_teardown(name, open, close_lmtp)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_is_taken, open_lmtp),
        TEST(test_smtp_and_another_recipient, open_lmtp),
        TEST(test_odd_messages, open_lmtp),
        TEST(test_answers, open_lmtp),
        TEST(test_too_large_is_known_before, open_lmtp),
        TEST(test_a_large_message_goes_in_pieces, open_lmtp),
        TEST(test_tls_is_asked_for, open_lmtp),
        TEST(test_addresses, open_lmtp),
        TEST(test_a_server_that_hangs, open_lmtp_virtual),
        TEST(test_cancelled, open_lmtp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
