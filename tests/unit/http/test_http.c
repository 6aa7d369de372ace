/* libcurl on our loop, against a server of a few lines: answers, ceilings, timeouts, and what is not followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/http.h"

static struct loop *loop;
static struct http *http;
static int listener;
static char url[64];

struct seen {
    unsigned count;
    int status;
    uint32_t retry_after_s;
    size_t size;
    char body[64], type[64];
    struct fault why;
    enum http_trouble trouble;
};

static void on_done(void *ctx, const struct http_answer *a)
{
    struct seen *s = ctx;
    s->count++;
    s->status = a->status;
    s->retry_after_s = a->retry_after_s;
    s->size = a->body.size;
    s->why = a->why;
    s->trouble = a->trouble;
    snprintf(s->body, sizeof s->body, "%.*s", (int)(a->body.size < 60 ? a->body.size : 60),
             a->body.data ? (const char *)a->body.data : "");
    snprintf(s->type, sizeof s->type, "%s", a->content_type);
}

static int set_up(void **unused)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/token", ntohs(at.sin_port));
    setenv("no_proxy", "127.0.0.1", 1);
    loop = loop_new();
    http = http_curl_new(loop, "");
    return 0;
}

static int tear_down(void **unused)
{
    http_free(http);
    loop_turn(loop, 0);
    loop_free(loop);
    close(listener);
    return 0;
}

static void turn_until(const struct seen *s, unsigned count)
{
    for (int i = 0; i < 500 && s->count < count; i++)
        loop_turn(loop, 20);
    assert_int_equal(s->count, count);
}

/* Reads one request (kept in `request`) and answers it with these bytes. */
static void serve(const char *answer, size_t size, char request[4096])
{
    int fd = -1;
    size_t got = 0;
    for (int i = 0; i < 500 && fd < 0; i++) {
        loop_turn(loop, 5); /* the client must run to connect, and to send */
        fd = accept(listener, NULL, NULL);
    }
    assert_true(fd >= 0);
    for (int i = 0; i < 500 && !strstr(request, "END"); i++) {
        loop_turn(loop, 5);
        ssize_t n = recv(fd, request + got, 4095 - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
        request[got] = '\0';
    }
    while (size > 0) {
        ssize_t n = send(fd, answer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        bool is_full = n < 0 && errno == EAGAIN;
        if (is_full)
            loop_turn(loop, 5);
        if (n < 0 && !is_full)
            break; /* the client has hung up */
        answer += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    close(fd);
}

static void post(struct seen *s, const char *form)
{
    http_send(http,
              &(struct http_request){ .url = url, .form = { (const uint8_t *)form, strlen(form) }, .timeout_s = 2 },
              on_done, s);
}

static void test_answers(void **unused)
{
    static const struct {
        const char *answer;
        int status;
        uint32_t retry_after_s;
        const char *body, *type;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}", 200, 0,
          "{}", "application/json; charset=utf-8" },
        { "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad", 400, 0, "bad", "" },
        { "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n", 429, 17, "", "" },
        { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0\r\n\r\n", 302, 0, "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen s = { 0 };
        char request[4096] = "";
        post(&s, "grant_type=x&secret=a%2BEND");
        assert_int_equal(s.count, 0); /* never inside the call */
        serve(cases[i].answer, strlen(cases[i].answer), request);
        turn_until(&s, 1);
        assert_int_equal(s.status, cases[i].status);
        assert_int_equal(s.retry_after_s, cases[i].retry_after_s);
        assert_string_equal(s.body, cases[i].body);
        assert_string_equal(s.type, cases[i].type);
        assert_int_equal(strncmp(request, "POST /token HTTP/1.1\r\n", 22), 0);
        assert_non_null(strstr(request, "Content-Type: application/x-www-form-urlencoded\r\n"));
        assert_non_null(strstr(request, "\r\n\r\ngrant_type=x&secret=a%2BEND"));
        assert_null(strstr(request, "Origin:"));
    }
}

static void expect_nothing(const struct seen *s, const char *id)
{
    assert_int_equal(s->status, 0);
    assert_int_equal(s->why.kind, FAULT_RETRY);
    assert_string_equal(s->why.id, id);
    assert_null(strstr(s->why.text, "secret"));
}

static void test_an_answer_over_the_ceiling(void **unused)
{
    struct seen s = { 0 };
    char request[4096] = "", *large = malloc(400000);
    int size = snprintf(large, 400000, "HTTP/1.1 200 OK\r\nContent-Length: 390000\r\n\r\n");
    memset(large + size, 'x', 390000);
    post(&s, "large=END");
    serve(large, (size_t)size + 390000, request);
    turn_until(&s, 1);
    expect_nothing(&s, "oauth.unreadable");
    free(large);
}

static void test_a_server_that_hangs_up(void **unused)
{
    struct seen s = { 0 };
    char request[4096] = "";
    post(&s, "secret=END");
    serve("", 0, request);
    turn_until(&s, 1);
    expect_nothing(&s, "provider.unreachable");
}

static void test_a_server_that_says_nothing(void **unused)
{
    struct seen s = { 0 };
    post(&s, "secret=END");
    turn_until(&s, 1); /* two seconds */
    expect_nothing(&s, "provider.unreachable");
}

static void test_nobody_there(void **unused)
{
    struct seen s = { 0 };
    http_send(http, &(struct http_request){ .url = "http://127.0.0.1:1/", .timeout_s = 2 }, on_done, &s);
    turn_until(&s, 1);
    expect_nothing(&s, "provider.unreachable");
}

static void test_plain_text_where_tls_is_due(void **unused)
{
    struct seen s = { 0 };
    char request[4096] = "END", secure[80];
    snprintf(secure, sizeof secure, "https%s", url + 4);
    http_send(http, &(struct http_request){ .url = secure, .timeout_s = 2 }, on_done, &s);
    serve("HTTP/1.1 200 OK\r\n\r\n", 19, request);
    turn_until(&s, 1);
    expect_nothing(&s, "provider.unreachable");
}

static void test_octets_as_they_are(void **unused)
{
    static const struct http_field fields[] = { { "Content-Type", "application/x-odd" }, { "X-Number", "7" } };
    struct seen s = { 0 };
    char request[4096] = "";
    struct http_request put = { .url = url, .method = "PUT", .timeout_s = 2, .fields = fields, .fields_count = 2 };
    put.body = BYTES_LIT("a\xff"
                         "bEND");
    http_send(http, &put, on_done, &s);
    serve("HTTP/1.1 204 Fine\r\n\r\n", 21, request);
    turn_until(&s, 1);
    assert_int_equal(s.status, 204);
    assert_int_equal(strncmp(request, "PUT /token HTTP/1.1\r\n", 21), 0);
    assert_non_null(strstr(request, "Content-Type: application/x-odd\r\n"));
    assert_non_null(strstr(request, "X-Number: 7\r\n"));
    assert_non_null(strstr(request, "Content-Length: 6\r\n"));
    assert_null(strstr(request, "Expect:"));
}

static void test_a_body_from_a_file(void **unused)
{
    struct seen s = { 0 };
    char request[4096] = "";
    FILE *file = tmpfile();
    fputs("from a fileEND and more that is not sent", file);
    fflush(file);
    struct http_request post_file = { .url = url, .method = "POST", .timeout_s = 2, .body_fd = fileno(file) };
    post_file.body_size = 14;
    http_send(http, &post_file, on_done, &s);
    serve("HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n", 40, request);
    turn_until(&s, 1);
    assert_int_equal(s.status, 200);
    assert_non_null(strstr(request, "\r\n\r\nfrom a fileEND"));
    assert_null(strstr(request, "more"));
    /* Shorter than it was said to be: given up, never answered by what is not there. */
    post_file.body_size = 1000;
    http_send(http, &post_file, on_done, &s);
    memset(request, 0, sizeof request);
    serve("", 0, request);
    turn_until(&s, 2);
    assert_int_equal(s.status, 0);
    fclose(file);
}

static void test_a_long_answer_is_cut_where_that_will_do(void **unused)
{
    struct seen s = { 0 };
    char request[4096] = "", answer[400];
    int size = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n%0300d", 0);
    struct http_request short_one = { .url = url, .method = "POST", .timeout_s = 2, .answer_limit = 20 };
    short_one.body = BYTES_LIT("END");
    short_one.cut_answer = true;
    http_send(http, &short_one, on_done, &s);
    serve(answer, (size_t)size, request);
    turn_until(&s, 1);
    assert_int_equal(s.status, 200);
    assert_int_equal(s.size, 20);
}

static void test_a_cancelled_call_stays_silent(void **unused)
{
    struct seen s = { 0 };
    struct http_request request = { .url = url, .method = "POST", .timeout_s = 1, .body = BYTES_LIT("END") };
    struct http_call *call = http_send(http, &request, on_done, &s);
    loop_turn(loop, 5);
    http_cancel(http, call);
    for (int i = 0; i < 10; i++)
        loop_turn(loop, 5);
    assert_int_equal(s.count, 0);
}

static void test_what_kept_the_answer_away(void **unused)
{
    struct seen s = { 0 };
    struct http_request request = { .url = "http://127.0.0.1:1/", .timeout_s = 2 };
    http_send(http, &request, on_done, &s);
    turn_until(&s, 1);
    assert_int_equal(s.trouble, HTTP_NO_CONNECT);
    request.url = "https://no-such-name.invalid/";
    http_send(http, &request, on_done, &s);
    turn_until(&s, 2);
    assert_int_equal(s.trouble, HTTP_NO_NAME);
}

static void test_many_at_once_and_dropped_ones(void **unused)
{
    static struct seen s[20];
    memset(s, 0, sizeof s);
    for (int i = 0; i < 20; i++)
        http_send(http, &(struct http_request){ .url = "http://127.0.0.1:1/", .timeout_s = 2 }, on_done, &s[i]);
    for (int i = 0; i < 20; i++)
        turn_until(&s[i], 1);
    struct seen dropped = { 0 };
    post(&dropped, "secret=END");
    loop_turn(loop, 0);
    http_free(http);
    loop_turn(loop, 0);
    http = http_curl_new(loop, "");
    assert_int_equal(dropped.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_an_answer_over_the_ceiling),
        TEST(test_a_server_that_hangs_up),
        TEST(test_a_server_that_says_nothing),
        TEST(test_nobody_there),
        TEST(test_plain_text_where_tls_is_due),
        TEST(test_octets_as_they_are),
        TEST(test_a_body_from_a_file),
        TEST(test_a_long_answer_is_cut_where_that_will_do),
        TEST(test_a_cancelled_call_stays_silent),
        TEST(test_what_kept_the_answer_away),
        TEST(test_many_at_once_and_dropped_ones),
    };
    log_to_stderr(false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
