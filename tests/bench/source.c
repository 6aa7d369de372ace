/* tests/bench/source.c - so many sessions, each sending one message after another, a command and its answer at a time, as most programs do.
 *
 * With SIZE 0 the sessions say EHLO and then only stay, until standard input ends. Prints what happened as one JSON object. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "load.h"

enum { EVENTS = 256, REPLY = 2048, HEAD = 300, CONNECT_AT_ONCE = 100 };

enum step { GREETING, EHLO, MAIL, RCPT, DATA, BODY, QUIT, STAYING, OVER };

/* What is said when a step begins; the body is put together apart. */
static const char *const says[] = {
    [EHLO] = "EHLO bench.example\r\n",
    [MAIL] = "MAIL FROM:<load@bench.example>\r\n",
    [RCPT] = "RCPT TO:<rcpt@sink.example>\r\n",
    [DATA] = "DATA\r\n",
    [QUIT] = "QUIT\r\n",
};

struct session {
    int fd;
    enum step step;
    uint64_t sequence, began_ns;
    size_t reply_size;
    char reply[REPLY];
    char head[HEAD];
    size_t head_size, body_left; /* of the message that is being written */
    bool waits_to_write;
};

static struct stamps *stamps;
static struct session *sessions;
static struct sockaddr_in server = { .sin_family = AF_INET };
static char *body;
static size_t body_size;
static int poll_fd;
static unsigned wanted, connected, live, staying;
static uint64_t next_sequence, accepted, refused, failed, start_ns, end_ns, last_ns, latency_ns;

static void watch(struct session *s, int operation, bool to_write)
{
    struct epoll_event e = { .events = to_write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = s };
    if (epoll_ctl(poll_fd, operation, s->fd, &e) < 0)
        die("source: epoll");
    s->waits_to_write = to_write;
}

static void end_session(struct session *s)
{
    close(s->fd);
    s->step = OVER;
    live--;
}

static void broken(struct session *s)
{
    if (s->step != QUIT)
        failed++;
    end_session(s);
}

static void write_all(struct session *s, const char *text)
{
    size_t size = strlen(text);
    if (write(s->fd, text, size) != (ssize_t)size)
        broken(s);
}

/* Goes on where the kernel stopped taking; epoll says when it takes more. */
static void write_message(struct session *s)
{
    while (s->head_size + s->body_left > 0) {
        struct iovec parts[] = { { s->head, s->head_size }, { body + body_size - s->body_left, s->body_left } };
        ssize_t put = writev(s->fd, parts, 2);
        if (put < 0 && errno == EAGAIN) {
            if (!s->waits_to_write)
                watch(s, EPOLL_CTL_MOD, true);
            return;
        }
        if (put < 0) {
            broken(s);
            return;
        }
        size_t of_head = (size_t)put < s->head_size ? (size_t)put : s->head_size;
        memmove(s->head, s->head + of_head, s->head_size - of_head);
        s->head_size -= of_head;
        s->body_left -= (size_t)put - of_head;
    }
    if (s->waits_to_write)
        watch(s, EPOLL_CTL_MOD, false);
}

static void enter(struct session *s, enum step next)
{
    s->step = next;
    if (next == BODY) {
        s->head_size = (size_t)snprintf(s->head, sizeof s->head,
                                        SEQUENCE_HEADER
                                        "%llu\r\nFrom: <load@bench.example>\r\nTo: <rcpt@sink.example>\r\n"
                                        "Subject: bench\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\n"
                                        "Message-ID: <%llu@bench.example>\r\n\r\n",
                                        (unsigned long long)s->sequence, (unsigned long long)s->sequence);
        s->body_left = body_size;
        write_message(s);
    } else if (says[next]) {
        write_all(s, says[next]);
    }
}

static void begin_message(struct session *s)
{
    s->began_ns = now_ns();
    if (body_size == 0) {
        s->step = STAYING;
        staying++;
    } else if (s->began_ns >= end_ns || next_sequence >= STAMPS_MAX) {
        enter(s, QUIT);
    } else {
        s->sequence = next_sequence++;
        enter(s, MAIL);
    }
}

static void on_accepted(struct session *s)
{
    last_ns = now_ns();
    latency_ns += last_ns - s->began_ns;
    stamps->at[s->sequence].accepted_ns = last_ns;
    accepted++;
    begin_message(s);
}

static void on_reply(struct session *s)
{
    char class = s->reply[0];

    if (s->step == QUIT) {
        end_session(s);
    } else if (class != (s->step == DATA ? '3' : '2')) {
        refused++;
        fprintf(stderr, "refused at step %d: %.*s\n", s->step, (int)s->reply_size, s->reply);
        enter(s, QUIT);
    } else if (s->step == BODY) {
        on_accepted(s);
    } else if (s->step == EHLO) {
        begin_message(s);
    } else if (s->step < BODY) {
        enter(s, s->step + 1);
    }
}

/* The last line of a reply has a blank behind its code. */
static bool is_whole_reply(const struct session *s)
{
    const char *end = s->reply + s->reply_size, *line = s->reply;

    if (s->reply_size < 5 || end[-1] != '\n')
        return false;
    for (const char *at = s->reply; at < end - 1; at++)
        if (*at == '\n')
            line = at + 1;
    return end - line >= 5 && line[3] == ' ';
}

static void on_ready(struct session *s, uint32_t events)
{
    if (events & EPOLLOUT)
        write_message(s);
    if (s->step == OVER || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    ssize_t got = read(s->fd, s->reply + s->reply_size, sizeof s->reply - s->reply_size);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        broken(s);
        return;
    }
    s->reply_size += (size_t)got;
    if (!is_whole_reply(s))
        return;
    on_reply(s);
    s->reply_size = 0;
}

/* A few at a time, so that a thousand do not run into the server's backlog at once. */
static void connect_some(void)
{
    unsigned busy = live - staying;

    for (; connected < wanted && busy < CONNECT_AT_ONCE + (body_size ? wanted : 0); connected++, busy++) {
        struct session *s = &sessions[connected];
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&server, sizeof server) < 0)
            die("source: connect");
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        fcntl(s->fd, F_SETFL, O_NONBLOCK);
        watch(s, EPOLL_CTL_ADD, false);
        live++;
    }
}

static void report(void)
{
    printf("{\"accepted\": %llu, \"refused\": %llu, \"failed\": %llu, \"start_ns\": %llu, \"last_ns\": %llu, "
           "\"latency_ms\": %.3f, "
           "\"staying\": %u}\n",
           (unsigned long long)accepted, (unsigned long long)refused, (unsigned long long)failed,
           (unsigned long long)start_ns, (unsigned long long)last_ns,
           accepted ? (double)latency_ns / 1e6 / (double)accepted : 0, staying);
    fflush(stdout);
}

static void stay(void)
{
    struct pollfd keyboard = { .fd = STDIN_FILENO, .events = POLLIN };

    report();
    while (poll(&keyboard, 1, -1) < 0)
        ;
}

static void make_body(size_t size)
{
    static const char end[] = "\r\n.\r\n";

    body_size = size + sizeof end - 1;
    body = malloc(body_size);
    if (!body)
        die("source");
    for (size_t i = 0; i < size; i++)
        body[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : (char)('a' + i % 26);
    if (size > 0 && body[size - 1] == '\r')
        body[size - 1] = 'x';
    memcpy(body + size, end, sizeof end - 1);
}

int source_main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];

    if (argc != 7)
        return 2;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((uint16_t)number_of(argv[1], 1, 65535));
    stamps = stamps_open(argv[2]);
    wanted = (unsigned)number_of(argv[3], 1, 100000);
    if (strcmp(argv[4], "0") != 0)
        make_body((size_t)number_of(argv[4], 1, 1 << 28));
    sessions = calloc(wanted, sizeof *sessions);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    start_ns = now_ns();
    end_ns = start_ns + (uint64_t)number_of(argv[5], 1, 3600000) * 1000000u;
    next_sequence = (uint64_t)number_of(argv[6], 0, STAMPS_MAX - 1);
    do {
        connect_some();
        int count = epoll_wait(poll_fd, events, EVENTS, 1000);
        for (int i = 0; i < count; i++)
            on_ready(events[i].data.ptr, events[i].events);
    } while (live > staying || connected < wanted);
    if (staying > 0)
        stay();
    else
        report();
    return refused + failed > 0;
}
