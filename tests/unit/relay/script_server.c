#include "script_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "net/conn.h"
#include "net/listen.h"

struct player {
    struct script_server *server;
    struct conn *conn;
    const char *const *at;
    struct buf in;
    bool is_shaking, is_body, is_late, is_over;
};

struct script_server {
    struct loop *loop;
    struct listener *listener;
    struct tls_context *tls;
    const char *const *const *scripts;
    uint16_t port;
    struct player players[SCRIPT_CONNECTIONS];
    unsigned count;
    struct buf heard, body;
    char *surprise;
};

static void play(struct player *p);

static void on_ready(void *ctx)
{
    struct player *p = ctx;
    p->is_shaking = false;
    play(p);
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct player *p = ctx;
    buf_add_bytes(&p->in, in);
    play(p);
    return in.size;
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct player *p = ctx;
    p->is_over = true;
    conn_free(p->conn);
    p->conn = NULL;
}

static bool next_line(struct player *p, char *out, size_t size)
{
    size_t end = bytes_find(buf_bytes(&p->in), BYTES_LIT("\r\n"));
    if (end == SIZE_MAX)
        return false;
    snprintf(out, size, "%.*s", (int)end, (const char *)p->in.data);
    buf_consume(&p->in, end + 2);
    return true;
}

static bool read_body(struct player *p)
{
    struct script_server *s = p->server;
    size_t at = 0;

    while (at < p->in.size) {
        struct bytes rest = bytes_slice(buf_bytes(&p->in), at, p->in.size);
        size_t end = bytes_find(rest, BYTES_LIT("\r\n"));
        if (end == SIZE_MAX)
            break;
        at += end + 2;
        if (end == 1 && rest.data[0] == '.') {
            buf_consume(&p->in, at);
            return true;
        }
        size_t stuffed = rest.data[0] == '.';
        buf_add(&s->body, rest.data + stuffed, end + 2 - stuffed);
    }
    buf_consume(&p->in, at);
    return false;
}

static bool expect(struct player *p, const char *prefix)
{
    struct script_server *s = p->server;
    char line[16384];

    if (!next_line(p, line, sizeof line))
        return false;
    buf_addf(&s->heard, "%s\n", line);
    if (strncasecmp(line, prefix, strlen(prefix)) != 0 && !s->surprise)
        s->surprise = mem_printf("\"%s\" instead of \"%s\"", line, prefix);
    return true;
}

static void end_player(struct player *p, bool in_order)
{
    p->is_over = true;
    if (in_order) {
        conn_finish(p->conn, 1000);
        return;
    }
    conn_flush(p->conn);
    conn_free(p->conn);
    p->conn = NULL;
}

/* One item of the script; false: it waits. */
static bool play_item(struct player *p, const char *item)
{
    if (strncmp(item, "S: ", 3) == 0) {
        conn_write(p->conn, bytes_of(item + 3));
        return conn_write(p->conn, BYTES_LIT("\r\n"));
    }
    if (strncmp(item, "C: ", 3) == 0)
        return expect(p, item + 3);
    if (strcmp(item, "BODY") == 0) {
        if (!p->is_body)
            buf_clear(&p->server->body);
        p->is_body = !read_body(p);
        return !p->is_body;
    }
    if (strcmp(item, "TLS") == 0) {
        p->is_shaking = true;
        conn_start_tls_server(p->conn, p->server->tls);
        return true;
    }
    if (strcmp(item, "LATE") == 0)
        p->is_late = true;
    else if (strcmp(item, "CUT") == 0)
        end_player(p, false);
    return false; /* HANG */
}

static void play(struct player *p)
{
    while (!p->is_over && !p->is_shaking && !p->is_late) {
        const char *item = *p->at;
        if (!item || strcmp(item, "END") == 0) {
            end_player(p, true);
            return;
        }
        if (!play_item(p, item))
            return;
        p->at++;
    }
}

void script_server_go(struct script_server *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct player *p = &s->players[i];
        if (!p->is_over && p->is_late) {
            p->is_late = false;
            p->at++;
            play(p);
        }
    }
}

static void on_accepted(void *ctx, int fd, const struct net_addr *peer)
{
    static const struct conn_events events = { .ready = on_ready, .data = on_data, .closed = on_closed };
    static const struct conn_limits limits = { .out_limit = 1 << 20 };
    struct script_server *s = ctx;
    struct player *p = &s->players[s->count];
    unsigned number = 0;

    if (s->count == SCRIPT_CONNECTIONS)
        abort();
    while (number < s->count && s->scripts[number + 1])
        number++;
    s->count++;
    p->server = s;
    p->at = s->scripts[number];
    buf_init(&p->in, 1 << 22);
    p->conn = conn_accept(s->loop, fd, &limits, &events, p);
    play(p);
}

struct script_server *script_server_new(struct loop *l, const char *const *const *scripts, struct tls_context *tls)
{
    struct script_server *s = mem_alloc(sizeof *s);
    struct net_addr at;
    struct sockaddr_storage name;
    socklen_t size = sizeof name;

    s->loop = l;
    s->scripts = scripts;
    s->tls = tls;
    buf_init(&s->heard, 1 << 20);
    buf_init(&s->body, 64 << 20);
    net_addr_parse("127.0.0.1:0", &at, NULL);
    int fd = net_listen_open(&at, 16, NULL);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        abort();
    at = (struct net_addr){ .storage = name, .size = size };
    s->port = net_addr_port(&at);
    s->listener = listener_new(l, fd, on_accepted, s);
    return s;
}

void script_server_free(struct script_server *s)
{
    for (unsigned i = 0; i < s->count; i++) {
        conn_free(s->players[i].conn);
        buf_fini(&s->players[i].in);
    }
    listener_free(s->listener);
    buf_fini(&s->heard);
    buf_fini(&s->body);
    free(s->surprise);
    free(s);
}

void script_server_set_tls(struct script_server *s, struct tls_context *tls)
{
    s->tls = tls;
}

uint16_t script_server_port(const struct script_server *s)
{
    return s->port;
}

unsigned script_server_connections(const struct script_server *s)
{
    return s->count;
}

const char *script_server_heard(const struct script_server *s)
{
    return buf_str(&s->heard);
}

struct bytes script_server_body(const struct script_server *s)
{
    return buf_bytes(&s->body);
}

const char *script_server_surprise(const struct script_server *s)
{
    return s->surprise;
}
