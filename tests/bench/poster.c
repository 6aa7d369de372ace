/* tests/bench/poster.c - as many programs that post one message after another to the API, as JSON, each on a connection that it keeps.
 *
 * Prints what happened as one JSON object. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "load.h"

enum { EVENTS = 256, ANSWER = 4096 };

struct post {
    int fd;
    size_t sent, answer_size;
    char answer[ANSWER];
    uint64_t began_ns;
    bool is_over;
};

static char *request;
static size_t request_size;
static int poll_fd;
static unsigned live;
static uint64_t accepted, refused, failed, start_ns, end_ns, last_ns, latency_ns;

static void make_request(size_t size)
{
    static const char head[] =
        "{\"from\":\"load@bench.example\",\"to\":\"rcpt@sink.example\",\"subject\":\"bench\",\"text\":\"";
    char *text = malloc(size + 1);
    request = malloc(size + 1024);
    if (!text || !request)
        die("poster");
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i % 26);
    text[size] = 0;
    request_size = (size_t)sprintf(
        request,
        "POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s%s\"}",
        sizeof head - 1 + size + 2, head, text);
    free(text);
}

static void end_post(struct post *p)
{
    close(p->fd);
    p->is_over = true;
    live--;
}

static void watch(struct post *p, int operation, bool to_write)
{
    struct epoll_event e = { .events = to_write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = p };
    if (epoll_ctl(poll_fd, operation, p->fd, &e) < 0)
        die("poster: epoll");
}

static void say(struct post *p)
{
    ssize_t put = write(p->fd, request + p->sent, request_size - p->sent);
    if (put < 0 && errno != EAGAIN) {
        failed++;
        end_post(p);
        return;
    }
    p->sent += put > 0 ? (size_t)put : 0;
    watch(p, EPOLL_CTL_MOD, p->sent < request_size);
}

static void begin(struct post *p)
{
    p->began_ns = now_ns();
    p->sent = p->answer_size = 0;
    if (p->began_ns >= end_ns)
        end_post(p);
    else
        say(p);
}

/* Headers, and as much behind them as they say. */
static bool is_whole(struct post *p)
{
    p->answer[p->answer_size] = 0;
    const char *end = strstr(p->answer, "\r\n\r\n"), *length = strcasestr(p->answer, "\r\nContent-Length:");
    return end && length && length < end &&
           p->answer_size >= (size_t)(end + 4 - p->answer) + strtoul(length + 17, NULL, 10);
}

static void hear(struct post *p)
{
    ssize_t got = read(p->fd, p->answer + p->answer_size, ANSWER - 1 - p->answer_size);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        failed++;
        end_post(p);
        return;
    }
    p->answer_size += (size_t)got;
    if (!is_whole(p))
        return;
    last_ns = now_ns();
    if (strncmp(p->answer, "HTTP/1.1 202", 12) == 0) {
        accepted++;
        latency_ns += last_ns - p->began_ns;
    } else {
        refused++;
        fprintf(stderr, "%s\n", p->answer);
    }
    begin(p);
}

int poster_main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct sockaddr_un server = { .sun_family = AF_UNIX };
    if (argc != 5 || strlen(argv[1]) >= sizeof server.sun_path)
        return 2;
    strcpy(server.sun_path, argv[1]);
    unsigned wanted = (unsigned)number_of(argv[2], 1, 200);
    struct post *posts = calloc(wanted, sizeof *posts);
    make_request((size_t)number_of(argv[3], 1, 1 << 28));
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    start_ns = now_ns();
    end_ns = start_ns + (uint64_t)number_of(argv[4], 1, 3600000) * 1000000u;
    for (unsigned i = 0; i < wanted; i++) {
        struct post *p = &posts[i];
        p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&server, sizeof server) < 0)
            die("poster: connect");
        fcntl(p->fd, F_SETFL, O_NONBLOCK);
        watch(p, EPOLL_CTL_ADD, false);
        live++;
        begin(p);
    }
    while (live > 0) {
        int count = epoll_wait(poll_fd, events, EVENTS, 1000);
        for (int i = 0; i < count; i++) {
            struct post *p = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                say(p);
            if (!p->is_over && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                hear(p);
        }
    }
    printf("{\"accepted\": %llu, \"refused\": %llu, \"failed\": %llu, \"start_ns\": %llu, \"last_ns\": %llu, "
           "\"latency_ms\": %.3f}\n",
           (unsigned long long)accepted, (unsigned long long)refused, (unsigned long long)failed,
           (unsigned long long)start_ns, (unsigned long long)last_ns,
           accepted ? (double)latency_ns / 1e6 / (double)accepted : 0);
    return refused + failed > 0;
}
