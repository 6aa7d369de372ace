/* A receiver of a few lines on loopback: what is posted, what is signed, and what each answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <jansson.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "handoff_fixture.h"

static int listener;
static char url[64];
static struct buf request;
static const char *body; /* of the request */

static int begin(void **state, int (*open)(void **))
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    setenv("no_proxy", "127.0.0.1,localhost", 1);
    open(state);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/hook", ntohs(at.sin_port));
    stage.endpoint.kind = ENDPOINT_WEBHOOK;
    stage.endpoint.webhook.url = url;
    stage.endpoint.webhook.ca_file = "";
    buf_init(&request, 64 << 20);
    return 0;
}

static int open_webhook(void **state)
{
    return begin(state, stage_open);
}

static int open_webhook_virtual(void **state)
{
    return begin(state, stage_open_virtual);
}

static int close_webhook(void **state)
{
    buf_fini(&request);
    close(listener);
    return stage_close(state);
}

static bool is_whole(void)
{
    const char *head = buf_str(&request), *end = strstr(head, "\r\n\r\n"), *length = strstr(head, "Content-Length: ");
    if (!end || !length)
        return false;
    body = end + 4;
    return request.size - (size_t)(body - head) >= strtoul(length + 16, NULL, 10);
}

static int take_request(void)
{
    int fd = -1;
    buf_clear(&request);
    for (int i = 0; i < 5000 && fd < 0; i++) {
        stage_turn();
        fd = accept(listener, NULL, NULL);
    }
    assert_true(fd >= 0);
    for (int i = 0; i < 20000 && !is_whole(); i++) {
        uint8_t *room = buf_reserve(&request, 1 << 20);
        ssize_t n = recv(fd, room, 1 << 20, MSG_DONTWAIT);
        if (n > 0) {
            buf_grew(&request, (size_t)n);
            request.data[request.size] = '\0';
        } else {
            stage_turn();
        }
    }
    assert_true(is_whole());
    return fd;
}

static void serve(const char *answer)
{
    stage_start();
    int fd = take_request();
    assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL), (ssize_t)strlen(answer));
    close(fd);
    stage_wait();
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

static json_t *parsed(void)
{
    json_error_t error;
    json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s at %d: %.200s", error.text, error.position, body);
    return json;
}

static const char *text_at(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    assert_non_null(value);
    return json_is_null(value) ? "(null)" : json_string_value(value);
}

static void expect_header(const char *name, const char *value)
{
    char line[300];
    snprintf(line, sizeof line, "\r\n%s: %s\r\n", name, value);
    if (!strstr(buf_str(&request), line))
        fail_msg("no %s in %.1000s", line, buf_str(&request));
}

static void test_what_is_posted(void **state)
{
    char id[17];
    stage.job.queued_id = "0123456789abcdef";
    stage.job.raw_link = "https://gate.example/raw/7?sig=x";
    stage.job.raw_link_ends_ms = 1764450000000;
    stage_message("From: =?utf-8?Q?J=C3=B6rg?= <joe@x>\r\nTo: a@y, \"B\\\"c\" <b@y>\r\nSubject: \"q\" \\ "
                  "=?utf-8?Q?=E2=82=AC?=\r\nIn-Reply-To: <1@ours>\r\nReferences: <0@ours> <1@ours>\r\nMessage-ID: "
                  "<2@x>\r\nDate: Fri, 28 Nov 2025 21:00:00 +0000\r\nContent-Type: multipart/mixed; "
                  "boundary=b\r\n\r\n--b\r\n\r\none\r\ntwo\ttabs\r\n--b\r\nContent-Type: text/plain; "
                  "name=a.txt\r\nContent-ID: <c@x>\r\n\r\nattached\r\n--b--\r\n");
    snprintf(id, sizeof id, "%016llx", (unsigned long long)stage.job.id);
    serve(OK);
    stage_expect(HANDOFF_DONE, "", "HTTP 200: ok");
    assert_int_equal(strncmp(buf_str(&request), "POST /hook HTTP/1.1\r\n", 21), 0);
    expect_header("Content-Type", "application/json");
    expect_header("Postern-Id", id);
    expect_header("Idempotency-Key", id);
    expect_header("Postern-Attempt", "1");
    expect_header("User-Agent", "Postern/" POSTERN_VERSION);
    json_t *json = parsed();
    assert_string_equal(text_at(json, "id"), id);
    assert_string_equal(text_at(json, "kind"), "reply");
    assert_string_equal(text_at(json, "answers"), "0123456789abcdef");
    assert_string_equal(text_at(json, "subject"), "\"q\" \\ \xe2\x82\xac");
    assert_string_equal(text_at(json, "text"), "one\ntwo\ttabs");
    assert_string_equal(text_at(json, "html"), "(null)");
    assert_string_equal(text_at(json, "date"), "2025-11-28T21:00:00Z");
    assert_string_equal(text_at(json, "received"), "2025-11-28T21:00:00.123Z");
    assert_string_equal(text_at(json, "bounce"), "(null)");
    assert_int_equal(json_array_size(json_object_get(json, "references")), 2);
    assert_int_equal(json_array_size(json_object_get(json, "to")), 2);
    assert_string_equal(text_at(json_array_get(json_object_get(json, "to"), 1), "name"), "B\"c");
    assert_string_equal(text_at(json_array_get(json_object_get(json, "from"), 0), "name"), "J\xc3\xb6rg");
    assert_int_equal(json_array_size(json_object_get(json, "headers")), 8);
    const json_t *part = json_array_get(json_object_get(json, "attachments"), 0);
    assert_string_equal(text_at(part, "content"), "YXR0YWNoZWQ=");
    assert_string_equal(text_at(part, "name"), "a.txt");
    assert_string_equal(text_at(part, "content_id"), "<c@x>");
    assert_int_equal(json_integer_value(json_object_get(part, "size")), 8);
    assert_string_equal(text_at(json_object_get(json, "raw"), "url"), "https://gate.example/raw/7?sig=x");
    json_decref(json);
}

static void test_the_signature_covers_the_body(void **state)
{
    uint8_t hash[32];
    char hex[65], text[200], stamp[200];
    long long t = 0;
    serve(OK);
    EVP_Digest(body, strlen(body), hash, NULL, EVP_sha256(), NULL);
    hex_encode((struct bytes){ hash, sizeof hash }, hex, sizeof hex);
    assert_int_equal(sscanf(stage.sign_text, "postern-webhook-1.%lld.", &t), 1);
    assert_true(t >= loop_wall_ms(stage.loop) / 1000 - 60 && t <= loop_wall_ms(stage.loop) / 1000);
    snprintf(text, sizeof text, "postern-webhook-1.%lld.%s", t, hex);
    assert_string_equal(stage.sign_text, text);
    snprintf(stamp, sizeof stamp, "t=%lld,v1=5160000000000000000000000000000000000000000000000000000000000000", t);
    expect_header("Postern-Signature", stamp);
}

static void test_a_bounce_is_told(void **state)
{
    stage_message("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: "
                  "message/delivery-status\r\n\r\nReporting-MTA: dns;a\r\n\r\nFinal-Recipient: rfc822;joe@x\r\nAction: "
                  "failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: "
                  "<1@ours>\r\n--b--\r\n");
    serve(OK);
    json_t *json = parsed(), *bounce = json_object_get(json, "bounce");
    assert_string_equal(text_at(json, "kind"), "bounce");
    assert_true(json_is_true(json_object_get(json, "is_automatic")));
    assert_string_equal(text_at(bounce, "reported_id"), "<1@ours>");
    assert_string_equal(text_at(json_array_get(json_object_get(bounce, "recipients"), 0), "address"), "joe@x");
    assert_string_equal(text_at(json_array_get(json_object_get(bounce, "recipients"), 0), "diagnostic"), "(null)");
    json_decref(json);
}

/* Two of three fit beside each other, and one is over what a single one may have. */
static void test_large_attachments_go_by_reference(void **state)
{
    struct buf text;
    buf_init(&text, 64 << 20);
    buf_add_str(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    const size_t sizes[] = { 9 << 20, 17 << 20, 9 << 20, 1 << 20 };
    for (size_t i = 0; i < 4; i++) {
        buf_add_str(&text, "--b\r\nContent-Type: application/x-large\r\n\r\n");
        for (size_t n = 0; n < sizes[i]; n += 64)
            buf_add_str(&text, "012345678901234567890123456789012345678901234567890123456789012\n");
        buf_add_str(&text, "\r\n");
    }
    buf_add_str(&text, "--b--\r\n");
    stage_octets(buf_bytes(&text));
    stage.endpoint.webhook.inline_kb = 16384;
    serve(OK);
    json_t *json = parsed(), *parts = json_object_get(json, "attachments");
    const bool is_inline[] = { true, false, false, true };
    assert_int_equal(json_array_size(parts), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *part = json_array_get(parts, i);
        assert_int_equal(json_integer_value(json_object_get(part, "size")), sizes[i]);
        assert_int_equal(json_is_true(json_object_get(part, "inline")), is_inline[i]);
        assert_int_equal(json_object_get(part, "content") != NULL, is_inline[i]);
        assert_int_equal(strlen(text_at(part, "sha256")), 64);
    }
    json_decref(json);
    buf_fini(&text);
}

static void test_answers(void **state)
{
    static const struct {
        const char *answer;
        enum handoff_result result;
        uint32_t retry_after_s;
        const char *finding, *text;
    } cases[] = {
        { "HTTP/1.1 204 No\r\n\r\n", HANDOFF_DONE, 0, "", "HTTP 204" },
        { "HTTP/1.1 202 Later\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n", HANDOFF_DONE, 0, "", "HTTP 202" },
        { "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/login\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY,
          0, "webhook.redirect", "HTTP 302 to https://elsewhere.example/login" },
        { "HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nno\x01 field", HANDOFF_RETRY, 0, "webhook.refused",
          "HTTP 400: no  field" },
        { "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY, 0, "webhook.denied", "HTTP 401" },
        { "HTTP/1.1 404 Where\r\nContent-Length: 6\r\n\r\n<html>", HANDOFF_RETRY, 0, "webhook.missing", "HTTP 404" },
        { "HTTP/1.1 409 Busy\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY, 0, "webhook.busy", "HTTP 409" },
        { "HTTP/1.1 410 Gone\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", HANDOFF_PARK, 0, "webhook.gone",
          "HTTP 410" },
        { "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY, 0, "webhook.too-large", "HTTP 413" },
        { "HTTP/1.1 429 Slow\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY, 120, "webhook.busy",
          "HTTP 429" },
        { "HTTP/1.1 503 Down\r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\nbusy", HANDOFF_RETRY, 30, "webhook.busy",
          "HTTP 503: busy" },
        { "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY, 0, "webhook.failed", "HTTP 500" },
        { "HTTP/1.1 599 ?\r\nContent-Length: 0\r\n\r\n", HANDOFF_RETRY, 0, "webhook.failed", "HTTP 599" },
        { "SSH-2.0-OpenSSH_9\r\n", HANDOFF_RETRY, 0, "webhook.unreachable", "" },
        { "", HANDOFF_RETRY, 0, "webhook.unreachable", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        serve(cases[i].answer);
        stage_expect(cases[i].result, cases[i].finding, cases[i].text);
        assert_int_equal(stage.retry_after_s, cases[i].retry_after_s);
    }
}

static void test_a_flood_for_an_answer(void **state)
{
    char *flood = malloc(200000);
    int size = snprintf(flood, 200000, "HTTP/1.1 200 OK\r\nContent-Length: 199000\r\n\r\n");
    memset(flood + size, 'x', 50000);
    flood[size + 50000] = '\0';
    serve(flood);
    stage_expect(HANDOFF_DONE, "", "HTTP 200: xxx");
    free(flood);
}

static void test_addresses_that_will_not_do(void **state)
{
    stage.endpoint.webhook.url = "http://hooks.example/x";
    stage_run();
    stage_expect(HANDOFF_RETRY, "webhook.url", "http://hooks.example/x");
    stage.endpoint.webhook.url = "https://no-such-name.invalid/x";
    stage_run();
    stage_expect(HANDOFF_RETRY, "webhook.dns", "no-such-name.invalid");
    stage.endpoint.webhook.url = "http://127.0.0.1:1/x";
    stage_run();
    stage_expect(HANDOFF_RETRY, "webhook.unreachable", "127.0.0.1");
    stage.endpoint.webhook.url = url;
    stage.endpoint.webhook.ca_file = stage_path("no.pem");
    stage_run();
    stage_expect(HANDOFF_RETRY, "webhook.tls", "No such file");
}

static void test_without_a_signature_nothing_is_sent(void **state)
{
    struct fault why = { .text = "no such key" };
    stage.cannot_sign = true;
    stage_run();
    stage_expect(HANDOFF_RETRY, "webhook.key", "can't be asked");
    stage.cannot_sign = stage.signs_at_once = false;
    stage_start();
    handoff_signed(stage.handoff, stage.sign_tag, NULL, &why);
    stage_wait();
    stage_expect(HANDOFF_RETRY, "webhook.key", "no such key");
    stage_start();
    loop_advance(stage.loop, 30001);
    stage_wait();
    stage_expect(HANDOFF_RETRY, "webhook.key", "does not answer");
    handoff_signed(stage.handoff, stage.sign_tag, "too late", NULL);
    assert_int_equal(accept(listener, NULL, NULL), -1);
}

static void test_who_never_answers(void **state)
{
    stage_start();
    int fd = take_request();
    loop_advance(stage.loop, 59000);
    stage_turn();
    assert_int_equal(stage.outcomes, 0);
    loop_advance(stage.loop, 1001);
    stage_wait();
    stage_expect(HANDOFF_RETRY, "webhook.unreachable", "no answer within 60 seconds");
    close(fd);
}

static void test_cancelled_calls_are_cut(void **state)
{
    char octet;
    stage_start();
    int fd = take_request();
    handoff_cancel(stage.run);
    for (int i = 0; i < 500 && recv(fd, &octet, 1, MSG_DONTWAIT) != 0; i++)
        stage_turn();
    assert_int_equal(recv(fd, &octet, 1, MSG_DONTWAIT), 0);
    assert_int_equal(stage.outcomes, 0);
    close(fd);
    stage_start(); /* and one that is under way when all ends */
    close(take_request());
}

#define TEST(name, open) cmocka_unit_test_setup_teardown(name, open, close_webhook)

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As long as what is kept of a text, and every character of it takes a second look. Counted is what it costs, not how long it lasts. */
static void test_a_long_text_of_no_plain_letters_is_no_long_work(void **state)
{
    static const char *const letters[] = { "\xd0\xb6", "\n", "\"" };
    for (size_t n = 0; n < sizeof letters / sizeof *letters; n++) {
        struct buf message;
        buf_init(&message, 4 << 20);
        buf_add_str(&message, "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
                              "8bit\r\n\r\n");
        while (message.size < 1 << 20)
            buf_add_str(&message, letters[n]);
        stage_message(buf_str(&message));
        double before = cpu_s();
        serve(OK);
        double took = cpu_s() - before;
        if (took > 2)
            fail_msg("%.1f s for a megabyte", took);
        json_t *json = parsed();
        assert_in_range(strlen(text_at(json, "text")), 1000000, 1 << 20);
        json_decref(json);
        buf_fini(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_posted, open_webhook),
        TEST(test_a_long_text_of_no_plain_letters_is_no_long_work, open_webhook),
        TEST(test_the_signature_covers_the_body, open_webhook),
        TEST(test_a_bounce_is_told, open_webhook),
        TEST(test_large_attachments_go_by_reference, open_webhook),
        TEST(test_answers, open_webhook),
        TEST(test_a_flood_for_an_answer, open_webhook),
        TEST(test_addresses_that_will_not_do, open_webhook),
        TEST(test_without_a_signature_nothing_is_sent, open_webhook_virtual),
        TEST(test_who_never_answers, open_webhook_virtual),
        TEST(test_cancelled_calls_are_cut, open_webhook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
