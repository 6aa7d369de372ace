/* tests/bench/sink.c - an SMTP server that says yes to everything and notes when each message was whole. Prints its port, then takes mail
 * until its standard input ends. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { LINE_MAX_BYTES = 4096, REPLIES = 16384, READ = 1 << 18, EVENTS = 256 };

struct guest {
    int fd;
    bool in_body, is_numbered;
    unsigned matched; /* of "\r\n.\r\n" */
    uint64_t sequence;
    size_t line_size, reply_size;
    char line[LINE_MAX_BYTES];
    char reply[REPLIES];
};

static struct stamps *stamps;
static int poll_fd;

static void say(struct guest *g, const char *text)
{
    size_t size = strlen(text);

    if (g->reply_size + size <= sizeof g->reply) {
        memcpy(g->reply + g->reply_size, text, size);
        g->reply_size += size;
    }
}

static void flush(struct guest *g)
{
    if (g->reply_size > 0 && write(g->fd, g->reply, g->reply_size) < 0 && errno != EPIPE && errno != ECONNRESET)
        die("sink: write");
    g->reply_size = 0;
}

static bool begins(const struct guest *g, const char *verb)
{
    return g->line_size >= 4 && strncasecmp(g->line, verb, 4) == 0;
}

static void on_command(struct guest *g)
{
    if (begins(g, "EHLO")) {
        say(g, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 157286400\r\n");
    } else if (begins(g, "DATA")) {
        say(g, "354 go on\r\n");
        g->in_body = true;
        g->is_numbered = false;
        g->matched = 2; /* a dot on the first line ends it too */
    } else if (begins(g, "QUIT")) {
        say(g, "221 bye\r\n");
    } else {
        say(g, "250 ok\r\n");
    }
}

static void on_message(struct guest *g)
{
    g->in_body = false;
    if (g->is_numbered && g->sequence < STAMPS_MAX)
        stamps->at[g->sequence].delivered_ns = now_ns();
    __atomic_add_fetch(&stamps->delivered, 1, __ATOMIC_RELEASE);
    say(g, "250 2.0.0 taken\r\n");
}

/* The header may stand behind Received lines that the server put in front, but always within the first read or two. */
static void look_for_number(struct guest *g, const char *data, size_t size)
{
    const char *found = g->is_numbered ? NULL : memmem(data, size, SEQUENCE_HEADER, sizeof SEQUENCE_HEADER - 1);

    if (!found)
        return;
    g->sequence = strtoull(found + sizeof SEQUENCE_HEADER - 1, NULL, 10);
    g->is_numbered = true;
}

/* Returns the bytes used; all of them, or up to the final dot. */
static size_t take_body(struct guest *g, const char *data, size_t size)
{
    static const char end[] = "\r\n.\r\n";
    size_t at = 0;

    while (at < size) {
        if (g->matched == 0) { /* the long way between line ends */
            const char *cr = memchr(data + at, '\r', size - at);
            if (!cr) {
                at = size;
                break;
            }
            at = (size_t)(cr - data);
        }
        char c = data[at++];
        g->matched = c == end[g->matched] ? g->matched + 1 : c == '\r';
        if (g->matched == sizeof end - 1)
            break;
    }
    look_for_number(g, data, at);
    if (g->matched == sizeof end - 1)
        on_message(g);
    return at;
}

static size_t take_line(struct guest *g, const char *data, size_t size)
{
    const char *lf = memchr(data, '\n', size);
    size_t used = lf ? (size_t)(lf - data) + 1 : size;
    size_t keep = used < sizeof g->line - g->line_size ? used : sizeof g->line - g->line_size;

    memcpy(g->line + g->line_size, data, keep);
    g->line_size += keep;
    if (lf) {
        on_command(g);
        g->line_size = 0;
    }
    return used;
}

static void on_input(struct guest *g)
{
    static char data[READ];
    ssize_t got = read(g->fd, data, sizeof data);

    if (got <= 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        close(g->fd);
        free(g);
        return;
    }
    for (size_t at = 0; at < (size_t)got;)
        at += g->in_body ? take_body(g, data + at, (size_t)got - at) : take_line(g, data + at, (size_t)got - at);
    flush(g);
}

static void watch(int fd, void *who)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = who };
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
        die("sink: epoll");
}

static void on_visitor(int door)
{
    int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    struct guest *g = calloc(1, sizeof *g);
    if (!g)
        die("sink");
    g->fd = fd;
    watch(fd, g);
    say(g, "220 sink\r\n");
    flush(g);
}

static int open_door(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        die("sink: listen");
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int sink_main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    static const char keyboard, door_mark;

    if (argc != 2)
        return 2;
    stamps = stamps_open(argv[1]);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    int door = open_door();
    watch(door, (void *)&door_mark);
    watch(STDIN_FILENO, (void *)&keyboard);
    for (;;) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &keyboard)
                return 0;
            if (events[i].data.ptr == &door_mark)
                on_visitor(door);
            else
                on_input(events[i].data.ptr);
        }
    }
}
