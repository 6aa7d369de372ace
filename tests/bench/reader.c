/* tests/bench/reader.c - so many clients, each reading one message after another, or signing in again and again, or only staying.
 *
 *   fetch   all sign in; then, for MS milliseconds, each fetches message after message of its INBOX, a command at a time
 *   stream  the same, but all messages by one command, as programs do that fill their own store (IMAP only)
 *   signin  for MS milliseconds, each connects, signs in, and signs out
 *   hold    all sign in and stay (IMAP: in IDLE) until standard input ends
 *
 * Prints what happened as one JSON object. */
#include "reader.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 256, LINE = 4096, READ = 1 << 18, CONNECT_AT_ONCE = 50 };
enum job { FETCH, STREAM, SIGN_IN, HOLD };
enum step { GREETING, LOGIN, SECRET, OPEN, READY, WORK, STAYING, LEAVE, OVER };

struct session {
    struct wire wire;
    unsigned number;
    enum step step;
    const struct person *person;
    uint64_t began_ns;
    unsigned long exists, next; /* messages there are; the one to fetch */
    unsigned long literal;      /* octets of it that are still to come */
    bool in_text;               /* POP3: up to the line of one dot */
    size_t line_size;
    char line[LINE];
};

static bool is_imap;
static enum job job;
static uint16_t port;
static struct session *sessions;
static struct person *people;
static unsigned people_count, wanted, opened, live, ready, staying;
static unsigned long long replies, octets, failed, refused;
static uint64_t start_ns, end_ns, last_ns, length_ns;
static int poll_fd;

static void watch(struct session *s)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, s->wire.fd, &e) < 0)
        die("reader: epoll");
}

static void end_session(struct session *s)
{
    wire_close(&s->wire);
    s->step = OVER;
    live--;
}

static void broken(struct session *s, const char *where)
{
    failed++;
    if (failed < 10)
        fprintf(stderr, "client %u: lost at step %d (%s): %.*s\n", s->number, s->step, where, (int)s->line_size,
                s->line);
    if (s->step == STAYING)
        staying--;
    end_session(s);
}

static void say(struct session *s, const char *text)
{
    if (!wire_write(&s->wire, text))
        broken(s, "write");
}

static void open_session(struct session *s)
{
    s->began_ns = now_ns();
    s->step = GREETING;
    s->literal = s->line_size = 0;
    s->in_text = false;
    wire_open(&s->wire, s->number, port);
    watch(s);
    live++;
    if (s->wire.ssl && !wire_shake(&s->wire))
        broken(s, "TLS");
}

static void fetch_next(struct session *s)
{
    char text[64];

    s->began_ns = now_ns();
    if (s->began_ns >= end_ns) {
        s->step = LEAVE;
        say(s, is_imap ? "A LOGOUT\r\n" : "QUIT\r\n");
        return;
    }
    s->next = s->next % s->exists + 1;
    if (job == STREAM)
        snprintf(text, sizeof text, "A FETCH 1:%lu BODY.PEEK[]\r\n", s->exists);
    else
        snprintf(text, sizeof text, is_imap ? "A FETCH %lu BODY.PEEK[]\r\n" : "RETR %lu\r\n", s->next);
    s->step = WORK;
    say(s, text);
}

/* Nobody begins before everybody is there. */
static void on_opened(struct session *s)
{
    ready++;
    if (job == HOLD) {
        staying++;
        s->step = STAYING;
        return;
    }
    s->step = READY;
    if (ready < wanted)
        return;
    start_ns = now_ns();
    end_ns = start_ns + length_ns;
    for (unsigned i = 0; i < wanted; i++)
        if (sessions[i].step == READY)
            fetch_next(&sessions[i]);
}

static void on_signed_in(struct session *s)
{
    if (job == SIGN_IN) {
        last_ns = now_ns();
        times_add(last_ns - s->began_ns);
        replies++;
        s->step = LEAVE;
        say(s, is_imap ? "A LOGOUT\r\n" : "QUIT\r\n");
        return;
    }
    s->step = OPEN;
    say(s, is_imap ? "A SELECT INBOX\r\n" : "STAT\r\n");
}

static void sign_in(struct session *s)
{
    const struct person *p = s->person;
    char text[8192];

    if (is_imap && p->by_token)
        snprintf(text, sizeof text, "A AUTHENTICATE XOAUTH2 %s\r\n", p->blob);
    else if (is_imap)
        snprintf(text, sizeof text, "A LOGIN \"%s\" \"%s\"\r\n", p->user, p->secret);
    else if (p->by_token)
        snprintf(text, sizeof text, "AUTH XOAUTH2\r\n");
    else
        snprintf(text, sizeof text, "USER %s\r\n", p->user);
    s->step = is_imap ? LOGIN : SECRET;
    say(s, text);
}

static void give_secret(struct session *s)
{
    char text[8192];

    if (s->person->by_token)
        snprintf(text, sizeof text, "%s\r\n", s->person->blob);
    else
        snprintf(text, sizeof text, "PASS %s\r\n", s->person->secret);
    s->step = LOGIN;
    say(s, text);
}

static void on_fetched(struct session *s)
{
    last_ns = now_ns();
    times_add(last_ns - s->began_ns);
    replies += job == STREAM ? s->exists : 1;
    fetch_next(s);
}

static void on_left(struct session *s)
{
    end_session(s);
    if (job == SIGN_IN && now_ns() < end_ns)
        open_session(s);
}

static void on_ok(struct session *s)
{
    switch (s->step) {
    case GREETING:
        sign_in(s);
        break;
    case SECRET:
        give_secret(s);
        break;
    case LOGIN:
        on_signed_in(s);
        break;
    case OPEN:
        if (!is_imap)
            s->exists = strtoul(s->line + 4, NULL, 10);
        if (job <= STREAM && s->exists == 0) {
            broken(s, "no mail there");
        } else {
            s->next = s->number * 7 % (s->exists + 1);
            if (job == HOLD && is_imap)
                say(s, "A IDLE\r\n");
            on_opened(s);
        }
        break;
    case WORK:
        on_fetched(s);
        break;
    case LEAVE:
        on_left(s);
        break;
    default:
        break;
    }
}

static void on_refused(struct session *s)
{
    refused++;
    broken(s, "refused");
}

static void on_imap_line(struct session *s)
{
    if (s->line[0] == '*') {
        char *end;
        unsigned long number = strtoul(s->line + 1, &end, 10);
        if (strncasecmp(end, " EXISTS", 7) == 0)
            s->exists = number;
        else if (s->step == GREETING && strncasecmp(s->line, "* OK", 4) == 0)
            on_ok(s);
    } else if (strncmp(s->line, "A OK", 4) == 0) {
        on_ok(s);
    } else if (s->line[0] == 'A' || (s->line[0] == '+' && s->step == LOGIN)) { /* XOAUTH2 says why in a challenge */
        on_refused(s);
    }
}

static void on_pop3_line(struct session *s)
{
    if (s->step == WORK && strncmp(s->line, "+OK", 3) == 0)
        s->in_text = true;
    else if (s->line[0] == '+')
        on_ok(s);
    else
        on_refused(s);
}

/* A line that ends in {n} goes on with n octets. */
static unsigned long announced(const struct session *s)
{
    const char *brace = s->line_size > 4 && s->line[s->line_size - 3] == '}' ? memrchr(s->line, '{', s->line_size)
                                                                             : NULL;

    return brace ? strtoul(brace + 1, NULL, 10) : 0;
}

static void on_line(struct session *s)
{
    s->line[s->line_size < LINE ? s->line_size : LINE - 1] = '\0';
    if (s->in_text) {
        if (s->line_size == 3 && s->line[0] == '.') {
            s->in_text = false;
            on_ok(s);
        }
    } else if (is_imap && (s->literal = announced(s)) > 0) {
        /* what stood before it is of no concern */
    } else if (is_imap) {
        on_imap_line(s);
    } else {
        on_pop3_line(s);
    }
    s->line_size = 0;
}

static void feed(struct session *s, const char *data, size_t size)
{
    octets += size;
    while (size > 0 && s->step != OVER) {
        size_t used;
        if (s->literal > 0) {
            used = s->literal < size ? s->literal : size;
            s->literal -= used;
        } else {
            const char *lf = memchr(data, '\n', size);
            used = lf ? (size_t)(lf - data) + 1 : size;
            size_t room = LINE - s->line_size, keep = used < room ? used : room;
            memcpy(s->line + s->line_size, data, keep);
            s->line_size += keep;
            if (lf)
                on_line(s);
        }
        data += used;
        size -= used;
    }
}

static void on_readable(struct session *s)
{
    static char data[READ];

    if (!s->wire.is_up) {
        if (!wire_shake(&s->wire))
            broken(s, "TLS");
        if (s->step == OVER || !s->wire.is_up)
            return;
    }
    for (int fd = s->wire.fd; s->wire.fd == fd && s->step != OVER;) { /* TLS may hold more than the socket shows */
        long got = wire_read(&s->wire, data, sizeof data);
        if (got == WIRE_AGAIN)
            return;
        if (got == WIRE_ENDED && s->step == LEAVE)
            on_left(s);
        else if (got == WIRE_ENDED)
            broken(s, "closed");
        if (got == WIRE_ENDED)
            return;
        SSL *ssl = s->wire.ssl;
        feed(s, data, (size_t)got);
        if (!ssl)
            return; /* level-triggered: the rest comes by itself */
    }
}

static void open_some(void)
{
    unsigned busy = live - ready;

    for (; opened < wanted && busy < CONNECT_AT_ONCE; opened++, busy++) {
        struct session *s = &sessions[opened];
        s->number = opened;
        s->person = &people[opened % people_count];
        open_session(s);
    }
}

static void report(void)
{
    putchar('{');
    times_print();
    printf("\"replies\": %llu, \"octets\": %llu, \"seconds\": %.6f, \"failed\": %llu, \"refused\": %llu, \"staying\": "
           "%u}\n",
           replies, octets, last_ns > start_ns ? (double)(last_ns - start_ns) / 1e9 : 0, failed, refused, staying);
    fflush(stdout);
}

/* Until standard input ends; what the servers say meanwhile is read, so that nothing piles up. */
static void stay(void)
{
    struct pollfd both[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = poll_fd, .events = POLLIN } };
    struct epoll_event events[EVENTS];

    report();
    while (poll(both, 2, -1) >= 0 && both[0].revents == 0)
        for (int i = 0, count = epoll_wait(poll_fd, events, EVENTS, 0); i < count; i++)
            on_readable(events[i].data.ptr);
    if (failed > 0)
        fprintf(stderr, "%llu of the clients that stayed were lost\n", failed);
}

static void setup(char **argv)
{
    static const char *const jobs[] = { "fetch", "stream", "signin", "hold" };
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    is_imap = strcmp(argv[1], "imap") == 0;
    wire_setup(strcmp(argv[2], "tls") == 0);
    port = (uint16_t)number_of(argv[3], 1, 65535);
    people = people_load(argv[4], &people_count);
    for (job = FETCH; strcmp(argv[5], jobs[job]) != 0; job++)
        if (job == HOLD)
            exit(2);
    wanted = (unsigned)number_of(argv[6], 1, 100000);
    length_ns = (uint64_t)number_of(argv[7], 1, 3600000) * 1000000u;
    sessions = calloc(wanted, sizeof *sessions);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!sessions || poll_fd < 0)
        die("reader");
}

int reader_main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];

    if (argc != 8)
        return 2;
    setup(argv);
    start_ns = now_ns();
    end_ns = start_ns + length_ns; /* "fetch" sets it anew when all are ready */
    do {
        open_some();
        int count = epoll_wait(poll_fd, events, EVENTS, 1000);
        for (int i = 0; i < count; i++)
            on_readable(events[i].data.ptr);
        if (job <= STREAM && failed > 0 && ready < wanted)
            break; /* the rest would wait for ever */
    } while (live > staying || opened < wanted);
    if (staying > 0)
        stay();
    else
        report();
    return failed > 0;
}
