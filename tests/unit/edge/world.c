#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../net/ends.h"
#include "base/clock.h"
#include "net/listen.h"
#include "object/object.h"

/* -- The fake vault -- */

static void heard_login(void *ctx, const void *message)
{
    struct world *w = ctx;
    const struct login_ask *a = message;
    w->asked++;
    snprintf(w->user, sizeof w->user, "%s", a->user);
    snprintf(w->password, sizeof w->password, "%.*s", (int)a->password.size, (const char *)a->password.data);
    snprintf(w->host, sizeof w->host, "%s", a->host);
    assert_int_equal(a->protocol, OBJECT_SMTP);
    if (w->vault_does == VAULT_SILENT)
        return;
    struct login_answer answer = { .tag = a->tag, .app = a->user, .mailbox = "shop@a.example" };
    answer.is_ok = strcmp(w->password, "secret") == 0;
    if (!answer.is_ok) {
        answer.kind = FAULT_AUTH;
        answer.text = "That password is not one of ours";
        answer.delay_ms = w->delay_ms;
    }
    channel_send(w->vault, EDGE_LOGIN_ANSWER, &answer);
}

static const struct channel_row vault_rows[] = {
    CHANNEL_ROW(EDGE_LOGIN_ASK, login_ask, heard_login),
    CHANNEL_ROW(EDGE_LOGIN_ANSWER, login_answer, NULL),
    { 0 },
};

/* -- The fake queue -- */

static void keep_recipients(struct world *w, const struct submit *m)
{
    w->submit.recipients = arena_array(w->arena, m->recipients_count, sizeof *m->recipients);
    for (size_t i = 0; i < m->recipients_count; i++) {
        w->submit.recipients[i] = m->recipients[i];
        w->submit.recipients[i].address = arena_strdup(w->arena, m->recipients[i].address);
        w->submit.recipients[i].orcpt = arena_strdup(w->arena, m->recipients[i].orcpt);
    }
}

static void keep_body(struct world *w, const struct submit *m)
{
    struct stat st;
    buf_clear(&w->body);
    buf_add_bytes(&w->body, m->body);
    w->came_by_fd = m->fd >= 0;
    if (m->fd < 0)
        return;
    assert_int_equal(m->body.size, 0);
    assert_int_equal(fstat(m->fd, &st), 0);
    assert_int_equal(st.st_nlink, 0);
    uint8_t *to = buf_reserve(&w->body, (size_t)st.st_size);
    assert_int_equal(pread(m->fd, to, (size_t)st.st_size, 0), st.st_size);
    buf_grew(&w->body, (size_t)st.st_size);
    close(m->fd);
}

static void heard_submit(void *ctx, const void *message)
{
    struct world *w = ctx;
    const struct submit *m = message;
    w->submitted++;
    w->submit = *m;
    w->submit.app = arena_strdup(w->arena, m->app);
    w->submit.mailbox = arena_strdup(w->arena, m->mailbox);
    w->submit.sender = arena_strdup(w->arena, m->sender);
    w->submit.peer = arena_strdup(w->arena, m->peer);
    w->submit.session = arena_strdup(w->arena, m->session);
    w->submit.envid = arena_strdup(w->arena, m->envid);
    keep_recipients(w, m);
    keep_body(w, m);
    assert_int_equal(m->size, w->body.size);
    struct submit_done done = { .tag = m->tag, .id = 0xabc0 + w->submitted };
    if (w->queue_does == QUEUE_REFUSES) {
        done = w->refusal;
        done.tag = m->tag;
    }
    if (w->queue_does != QUEUE_SILENT)
        channel_send(w->queue, EDGE_SUBMIT_DONE, &done);
}

static const struct channel_row queue_rows[] = {
    CHANNEL_ROW(EDGE_SUBMIT, submit, heard_submit),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, NULL),
    CHANNEL_ROW(EDGE_QUEUE_STATE, queue_state, NULL),
    DIRECTORY_ROWS(NULL, NULL),
    { 0 },
};

static void send_object(struct world *w, enum object_kind kind, const char *key, const char *json)
{
    struct directory_object o = { .kind = kind, .key = key, .json = json };
    channel_send(w->queue, DIRECTORY_OBJECT, &o);
}

static void send_directory(struct world *w, bool trusts)
{
    send_object(w, OBJECT_PROVIDER, "mx",
                "{\"name\":\"mx\",\"smtp\":{\"host\":\"smtp.example\",\"port\":587,\"sasl\":\"login\"},"
                "\"limits\":{\"size_mb\":1}}");
    send_object(
        w, OBJECT_MAILBOX, "shop@a.example",
        "{\"address\":\"shop@a.example\",\"provider\":\"mx\",\"grant\":\"basic\",\"aliases\":[\"store@a.example\"]}");
    send_object(w, OBJECT_APP, "web", "{\"name\":\"web\",\"mailboxes\":[\"shop@a.example\"]}");
    send_object(w, OBJECT_APP, "printer",
                "{\"name\":\"printer\",\"mailboxes\":[\"shop@a.example\"],\"force_sender\":\"store@a.example\"}");
    send_object(w, OBJECT_APP, "scanner",
                trusts ? "{\"name\":\"scanner\",\"mailboxes\":[\"shop@a.example\"],\"from\":[\"127.0.0.1\"]}"
                       : "{\"name\":\"scanner\",\"mailboxes\":[\"shop@a.example\"]}");
    channel_send(w->queue, DIRECTORY_DONE, &(struct directory_done){ .version = 1 });
}

/* -- Channels -- */

static void on_our_end(void *ctx, const struct fault *why)
{
}

static void on_vault_end(void *ctx, const struct fault *why)
{
    struct world *w = ctx;
    edge_vault_down(w->edge);
    channel_free(w->vault_end);
    w->vault_end = NULL;
}

static void on_queue_end(void *ctx, const struct fault *why)
{
    struct world *w = ctx;
    edge_queue_down(w->edge);
    channel_free(w->queue_end);
    w->queue_end = NULL;
}

static void socket_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void connect_vault(struct world *w)
{
    int fds[2];
    socket_pair(fds);
    w->vault = channel_new(w->loop, fds[0], vault_rows, on_our_end, w);
    w->vault_end = channel_new(w->loop, fds[1], edge_vault_rows, on_vault_end, w);
    channel_set_heard_ctx(w->vault_end, w->edge);
    edge_vault_up(w->edge, w->vault_end);
}

static void connect_queue(struct world *w)
{
    int fds[2];
    socket_pair(fds);
    w->queue = channel_new(w->loop, fds[0], queue_rows, on_our_end, w);
    w->queue_end = channel_new(w->loop, fds[1], edge_queue_rows, on_queue_end, w);
    channel_set_heard_ctx(w->queue_end, w->edge);
    edge_queue_up(w->edge, w->queue_end);
}

void world_vault_dies(struct world *w)
{
    channel_free(w->vault);
    w->vault = NULL;
    TEST_UNTIL(w->loop, !w->vault_end);
}

void world_queue_dies(struct world *w)
{
    channel_free(w->queue);
    w->queue = NULL;
    TEST_UNTIL(w->loop, !w->queue_end);
}

void world_queue_returns(struct world *w)
{
    connect_queue(w);
    send_directory(w, false);
    world_turns(w, 5);
}

/* -- The whole -- */

static void on_ready(void *ctx)
{
    ((struct world *)ctx)->ready++;
}

static void open_door(struct world *w, const struct world_options *o)
{
    struct fault why;
    assert_true(net_addr_parse("127.0.0.1:0", &w->door, NULL));
    int fd = net_listen_open(&w->door, 64, &why);
    w->door.size = sizeof w->door.storage;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&w->door.storage, &w->door.size), 0);
    struct parent_listener l = { .number = 1,
                                 .protocol = "smtp",
                                 .address = "127.0.0.1:0",
                                 .tls = o->tls,
                                 .auth_without_tls = o->tls == CONF_TLS_NONE,
                                 .mode = "queue",
                                 .certificate_pem = o->certificate,
                                 .key_pem = o->key,
                                 .fd = fd };
    edge_listen(w->edge, &l);
}

void world_open(struct world *w, const struct world_options *o)
{
    struct fault why;
    char spool[80];
    *w = (struct world){ .loop = o->is_virtual ? loop_new_virtual(1700000000000) : loop_new(), .arena = arena_new() };
    buf_init(&w->body, 64 << 20);
    snprintf(w->state, sizeof w->state, "/tmp/postern-test-edge-XXXXXX");
    assert_non_null(mkdtemp(w->state));
    snprintf(spool, sizeof spool, "%s/spool", w->state);
    assert_int_equal(mkdir(spool, 0700), 0);
    w->conf = (struct conf){ .state = w->state,
                             .hostname = "gate.example",
                             .limits = { .message_size = 10 << 20,
                                         .recipients = 3,
                                         .sessions = 5,
                                         .sessions_per_host = 4,
                                         .session_idle_s = 300,
                                         .data_idle_s = 600,
                                         .errors_per_session = 20,
                                         .header_size = 4096 } };
    w->edge = edge_new(w->loop, &w->conf, &why);
    assert_non_null(w->edge);
    edge_on_ready(w->edge, on_ready, w);
    open_door(w, o);
    connect_vault(w);
    connect_queue(w);
    send_directory(w, o->trusts);
    TEST_UNTIL(w->loop, w->ready == 1);
}

void world_close(struct world *w)
{
    char spool[80];
    edge_free(w->edge);
    channel_free(w->vault);
    channel_free(w->queue);
    channel_free(w->vault_end);
    channel_free(w->queue_end);
    loop_free(w->loop);
    arena_free(w->arena);
    buf_fini(&w->body);
    snprintf(spool, sizeof spool, "%s/spool", w->state);
    rmdir(spool);
    assert_int_equal(rmdir(w->state), 0);
}

void world_turns(struct world *w, unsigned count)
{
    while (count-- > 0)
        loop_turn(w->loop, 1);
}

/* -- Clients -- */

int world_dial(struct world *w)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&w->door.storage, w->door.size), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    return fd;
}

void world_say(int fd, const char *bytes, size_t size)
{
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

/* 1: a byte came; 0: the end. */
static int read_byte(struct world *w, int fd, char *out)
{
    int64_t end_ms = clock_steady_ms() + 10000;
    for (;;) {
        ssize_t n = recv(fd, out, 1, 0);
        if (n >= 0 || errno != EAGAIN)
            return n == 1;
        loop_turn(w->loop, 1);
        if (clock_steady_ms() > end_ms)
            fail_msg("no reply");
    }
}

bool world_reply(struct world *w, int fd, char *out, size_t size)
{
    size_t at = 0, line = 0;
    while (at + 1 < size && read_byte(w, fd, out + at)) {
        out[++at] = '\0';
        if (out[at - 1] != '\n')
            continue;
        if (at - line > 4 && out[line + 3] == ' ') {
            memmove(out, out + line, at - line + 1);
            return true;
        }
        line = at;
    }
    return false;
}

static void expect(struct world *w, int fd, const char *wanted)
{
    char reply[4096] = "";
    bool is_open = world_reply(w, fd, reply, sizeof reply);
    if (!*wanted) {
        if (is_open)
            fail_msg("the end was expected, but: %s", reply);
        return;
    }
    const char *star = strchr(wanted, '*');
    size_t size = star ? (size_t)(star - wanted) : strlen(wanted);
    if (!is_open || strncmp(reply, wanted, size) != 0 || (star && !strstr(reply, star + 1)))
        fail_msg("\"%s\" was expected, but: %s", wanted, is_open ? reply : "(the end)");
}

void world_talk(struct world *w, int fd, const char *const *lines)
{
    for (; *lines; lines++) {
        if (**lines == '<') {
            expect(w, fd, *lines + 1);
            continue;
        }
        world_say(fd, *lines + 1, strlen(*lines + 1));
        world_say(fd, "\r\n", 2);
    }
}

void world_sign_in(struct world *w, int fd)
{
    TALK(w, fd, "<220 gate.example", ">EHLO client.example", "<250 ", ">AUTH PLAIN AHdlYgBzZWNyZXQ=", "<235 ");
}
