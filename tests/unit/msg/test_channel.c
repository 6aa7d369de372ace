/* Two ends of a socketpair on one loop; or one end, and bytes written by hand at the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "msg/channel.h"

enum { PING = 1, FILE_SENT, LOGIN, ONLY_OUT };

#define MSG_PING(F, L) F(U64, number, 0) F(BYTES, body, 3000000)
MSG_STRUCT(ping, MSG_PING);
#define MSG_FILE_SENT(F, L) F(U64, number, 0) F(FD, fd, 0)
MSG_STRUCT(file_sent, MSG_FILE_SENT);
#define MSG_LOGIN(F, L) F(SECRET, password, 64)
MSG_STRUCT(login, MSG_LOGIN);

#define MSG_SELF struct ping
const struct msg_field ping_fields[] = { MSG_ROWS(MSG_PING) };
#undef MSG_SELF
#define MSG_SELF struct file_sent
const struct msg_field file_sent_fields[] = { MSG_ROWS(MSG_FILE_SENT) };
#undef MSG_SELF
#define MSG_SELF struct login
const struct msg_field login_fields[] = { MSG_ROWS(MSG_LOGIN) };
#undef MSG_SELF

struct end {
    struct channel *channel;
    uint64_t heard; /* pings; each must be the next number */
    uint64_t files;
    struct bytes password; /* where it lay: only looked at while the buffer is lent to nobody else */
    uint64_t body_bytes;
    int closed;
    struct fault why;
    bool frees_itself;
};

static void heard_ping(void *ctx, const void *message)
{
    struct end *e = ctx;
    const struct ping *p = message;
    assert_int_equal(p->number, e->heard);
    e->heard++;
    e->body_bytes += p->body.size;
    if (e->frees_itself)
        channel_free(e->channel);
}

static void heard_file(void *ctx, const void *message)
{
    struct end *e = ctx;
    const struct file_sent *f = message;
    struct stat st;
    assert_int_equal(f->number, e->files);
    /* The file says by its size which message it belongs to. */
    assert_int_equal(fstat(f->fd, &st), 0);
    assert_int_equal(st.st_size, (off_t)f->number);
    close(f->fd);
    e->files++;
}

static void heard_login(void *ctx, const void *message)
{
    struct end *e = ctx;
    e->password = ((const struct login *)message)->password;
    assert_true(bytes_equal(e->password, BYTES_LIT("correct horse")));
}

static const struct channel_row rows[] = {
    { PING, "ping", ping_fields, sizeof(struct ping), heard_ping },
    { FILE_SENT, "file", file_sent_fields, sizeof(struct file_sent), heard_file },
    { LOGIN, "login", login_fields, sizeof(struct login), heard_login },
    { ONLY_OUT, "only_out", login_fields, sizeof(struct login), NULL },
    { 0 },
};

static void on_closed(void *ctx, const struct fault *why)
{
    struct end *e = ctx;
    e->closed++;
    e->why = *why;
}

struct world {
    struct loop *loop;
    struct end a, b;
    int raw; /* the far end of `a` where there is no `b` */
};

static void set_up(struct world *w, bool has_b)
{
    int fds[2];
    memset(w, 0, sizeof *w);
    w->loop = loop_new();
    w->raw = -1;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    w->a.channel = channel_new(w->loop, fds[0], rows, on_closed, &w->a);
    if (has_b)
        w->b.channel = channel_new(w->loop, fds[1], rows, on_closed, &w->b);
    else
        w->raw = fds[1];
}

static void tear_down(struct world *w)
{
    channel_free(w->a.channel);
    channel_free(w->b.channel);
    loop_free(w->loop);
    if (w->raw >= 0)
        close(w->raw);
}

static void write_raw(struct world *w, const void *data, size_t size)
{
    assert_int_equal(send(w->raw, data, size, 0), (ssize_t)size);
    loop_turn(w->loop, 0);
}

static void a_hundred_thousand_messages_arrive_in_order(void **state)
{
    struct world w;
    static uint8_t body[4096];
    set_up(&w, true);
    for (uint64_t i = 0; i < 100000; i++) {
        channel_send(w.a.channel, PING, &(struct ping){ .number = i, .body = { body, sizeof body } });
        if (i % 100 == 99)
            loop_turn(w.loop, 0);
    }
    for (int i = 0; i < 100000 && w.b.heard < 100000; i++)
        loop_turn(w.loop, 100);
    assert_int_equal(w.b.heard, 100000);
    assert_int_equal(w.b.body_bytes, 100000 * sizeof body);
    assert_int_equal(channel_pending(w.a.channel), 0);
    tear_down(&w);
}

static void a_full_socket_neither_blocks_nor_loses(void **state)
{
    struct world w;
    static uint8_t body[2500000];
    set_up(&w, true);
    for (uint64_t i = 0; i < 8; i++)
        assert_true(channel_send(w.a.channel, PING, &(struct ping){ .number = i, .body = { body, sizeof body } }));
    assert_true(channel_pending(w.a.channel) > 10000000);
    for (int i = 0; i < 10000 && w.b.heard < 8; i++)
        loop_turn(w.loop, 100);
    assert_int_equal(w.b.heard, 8);
    assert_int_equal(channel_pending(w.a.channel), 0);
    tear_down(&w);
}

static void descriptors_stay_with_their_messages(void **state)
{
    struct world w;
    enum { FILES = 300 };
    static uint8_t body[9000];
    uint64_t pings = 0;
    set_up(&w, true);
    for (uint64_t i = 0; i < FILES; i++) {
        FILE *file = tmpfile();
        assert_int_equal(ftruncate(fileno(file), (off_t)i), 0);
        channel_send(w.a.channel, FILE_SENT, &(struct file_sent){ .number = i, .fd = fileno(file) });
        fclose(file);
        if (i % 3 == 0)
            channel_send(w.a.channel, PING, &(struct ping){ .number = pings++, .body = { body, i * 20 } });
        if (i % 50 == 49)
            loop_turn(w.loop, 0);
    }
    for (int i = 0; i < 1000 && (w.b.files < FILES || w.b.heard < pings); i++)
        loop_turn(w.loop, 100);
    assert_int_equal(w.b.files, FILES);
    assert_int_equal(w.b.heard, pings);
    tear_down(&w);
}

/* What channel `a` sends, as bytes. */
static size_t capture(struct world *w, uint8_t *out, size_t size)
{
    channel_flush(w->a.channel);
    ssize_t n = recv(w->raw, out, size, 0);
    assert_true(n > 0);
    return (size_t)n;
}

static void frames_may_come_byte_by_byte(void **state)
{
    struct world w;
    uint8_t frames[256];
    set_up(&w, false);
    channel_send(w.a.channel, PING, &(struct ping){ .number = 0, .body = BYTES_LIT("hello") });
    channel_send(w.a.channel, PING, &(struct ping){ .number = 1 });
    channel_send(w.a.channel, LOGIN, &(struct login){ BYTES_LIT("correct horse") });
    size_t size = capture(&w, frames, sizeof frames);
    for (size_t i = 0; i < size; i++)
        write_raw(&w, frames + i, 1);
    assert_int_equal(w.a.heard, 2);
    assert_int_equal(w.a.body_bytes, 5);
    assert_int_equal(w.a.password.size, 13);
    assert_int_equal(w.a.closed, 0);
    tear_down(&w);
}

static void hostile_frames_close_the_channel_with_a_fault(void **state)
{
    const struct {
        const char *says;
        struct bytes frame;
    } cases[] = {
        { "over the limit", BYTES_LIT("\xff\xff\xff\xff\x01\0\0\0") },
        { "over the limit", BYTES_LIT("\x01\0\x40\0\x01\0\0\0") },
        { "not expected", BYTES_LIT("\0\0\0\0\x63\0\0\0") },
        { "not expected", BYTES_LIT("\0\0\0\0\x04\0\0\0") },
        { "without its descriptor", BYTES_LIT("\x09\0\0\0\x02\0\0\x80"
                                              "\0\0\0\0\0\0\0\0\x01") },
        { "did not come along", BYTES_LIT("\x09\0\0\0\x02\0\0\0"
                                          "\0\0\0\0\0\0\0\0\x01") },
        { "cut short", BYTES_LIT("\0\0\0\0\x01\0\0\0") },
        { "left over", BYTES_LIT("\x0d\0\0\0\x01\0\0\0"
                                 "\0\0\0\0\0\0\0\0"
                                 "\0\0\0\0"
                                 "x") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        set_up(&w, false);
        write_raw(&w, cases[i].frame.data, cases[i].frame.size);
        assert_int_equal(w.a.closed, 1);
        if (!strstr(w.a.why.text, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", w.a.why.text, cases[i].says);
        /* Dead, but harmless until it is freed. */
        assert_true(channel_send(w.a.channel, PING, &(struct ping){ .number = 0 }));
        assert_int_equal(channel_pending(w.a.channel), 0);
        loop_turn(w.loop, 0);
        assert_int_equal(w.a.closed, 1);
        tear_down(&w);
    }
}

static void send_fds(int to, const int *fds, size_t count, struct bytes data)
{
    char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
    struct iovec iov = { (void *)(uintptr_t)data.data, data.size };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
    m.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(h), fds, count * sizeof(int));
    assert_int_equal(sendmsg(to, &m, 0), (ssize_t)data.size);
}

static void a_flood_of_descriptors_closes_the_channel(void **state)
{
    struct world w;
    int fds[60];
    for (size_t i = 0; i < 60; i++)
        fds[i] = STDERR_FILENO;
    set_up(&w, false);
    send_fds(w.raw, fds, 60, BYTES_LIT("\x05"));
    loop_turn(w.loop, 0);
    assert_int_equal(w.a.closed, 1);
    tear_down(&w);

    set_up(&w, false);
    for (int i = 0; i < 30 && !w.a.closed; i++) {
        send_fds(w.raw, fds, 16, BYTES_LIT("\0"));
        loop_turn(w.loop, 0);
    }
    assert_int_equal(w.a.closed, 1);
    tear_down(&w);
}

static void last_words_are_heard_before_the_end(void **state)
{
    struct world w;
    set_up(&w, true);
    for (uint64_t i = 0; i < 100; i++)
        channel_send(w.a.channel, PING, &(struct ping){ .number = i });
    channel_flush(w.a.channel);
    channel_free(w.a.channel);
    /* Sending to the dead does not hide what it said. */
    for (int i = 0; i < 10; i++)
        assert_true(channel_send(w.b.channel, PING, &(struct ping){ .number = 0 }));
    channel_flush(w.b.channel);
    for (int i = 0; i < 10 && !w.b.closed; i++)
        loop_turn(w.loop, 100);
    assert_int_equal(w.b.heard, 100);
    assert_int_equal(w.b.closed, 1);
    w.a.channel = NULL;
    tear_down(&w);
}

static void what_comes_in_a_pause_is_heard_after_it(void **state)
{
    struct world w;
    set_up(&w, true);
    channel_pause(w.b.channel);
    for (uint64_t i = 0; i < 3; i++)
        channel_send(w.a.channel, PING, &(struct ping){ .number = i, .body = BYTES_LIT("x") });
    for (int i = 0; i < 3; i++)
        loop_turn(w.loop, 1);
    assert_int_equal(w.b.heard, 0);
    channel_send(w.b.channel, PING, &(struct ping){ .number = 0 }); /* its own words go out meanwhile */
    for (int i = 0; i < 10 && !w.a.heard; i++)
        loop_turn(w.loop, 100);
    assert_int_equal(w.a.heard, 1);
    assert_int_equal(w.b.heard, 0);
    channel_resume(w.b.channel);
    for (int i = 0; i < 10 && w.b.heard < 3; i++)
        loop_turn(w.loop, 100);
    assert_int_equal(w.b.heard, 3);
    tear_down(&w);
}

static void a_channel_may_be_freed_by_its_own_message(void **state)
{
    struct world w;
    set_up(&w, true);
    w.b.frees_itself = true;
    for (uint64_t i = 0; i < 3; i++)
        channel_send(w.a.channel, PING, &(struct ping){ .number = i, .body = BYTES_LIT("x") });
    loop_turn(w.loop, 0);
    loop_turn(w.loop, 0);
    assert_int_equal(w.b.heard, 1);
    assert_int_equal(w.b.closed, 0);
    w.b.channel = NULL;
    tear_down(&w);
}

static void secrets_are_wiped_from_the_buffer(void **state)
{
    struct world w;
    set_up(&w, true);
    /* Both frames come in one read, so the buffer still belongs to the channel when the second is heard: nothing is
     * freed in between, and where the password lay must be empty. */
    channel_send(w.a.channel, LOGIN, &(struct login){ BYTES_LIT("correct horse") });
    loop_turn(w.loop, 0);
    loop_turn(w.loop, 0);
    assert_int_equal(w.b.password.size, 13);
    /* The buffer went back to the process's spares, which are never given to malloc. */
    for (size_t i = 0; i < w.b.password.size; i++)
        assert_int_equal(w.b.password.data[i], 0);
    tear_down(&w);
}

static void over_a_bound_is_not_sent(void **state)
{
    struct world w;
    static uint8_t body[3000001];
    set_up(&w, true);
    assert_false(channel_send(w.a.channel, PING, &(struct ping){ .number = 9, .body = { body, sizeof body } }));
    assert_true(channel_send(w.a.channel, PING, &(struct ping){ .number = 0 }));
    loop_turn(w.loop, 0);
    loop_turn(w.loop, 0);
    assert_int_equal(w.b.heard, 1);
    assert_int_equal(w.b.closed, 0);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_messages_arrive_in_order),
        cmocka_unit_test(a_full_socket_neither_blocks_nor_loses),
        cmocka_unit_test(descriptors_stay_with_their_messages),
        cmocka_unit_test(frames_may_come_byte_by_byte),
        cmocka_unit_test(hostile_frames_close_the_channel_with_a_fault),
        cmocka_unit_test(a_flood_of_descriptors_closes_the_channel),
        cmocka_unit_test(last_words_are_heard_before_the_end),
        cmocka_unit_test(what_comes_in_a_pause_is_heard_after_it),
        cmocka_unit_test(a_channel_may_be_freed_by_its_own_message),
        cmocka_unit_test(secrets_are_wiped_from_the_buffer),
        cmocka_unit_test(over_a_bound_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
