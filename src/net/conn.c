/* net/conn.c - life and death of a connection, and the calls of its owner. */
#include "net/conn.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/conn_private.h"

enum {
    IN_LIMIT = 64 << 10,
    OUT_LIMIT = 256 << 10,
    CONNECT_MS = 30000,
};

static const char *const state_names[] = {
    [CONN_RESOLVING] = "resolving", [CONN_CONNECTING] = "connecting", [CONN_SHAKING] = "shaking", [CONN_OPEN] = "open",
    [CONN_FINISHING] = "finishing", [CONN_LINGERING] = "lingering",   [CONN_OVER] = "over",
};

struct conn *conn_new(struct loop *l, const struct conn_limits *limits, const struct conn_events *events, void *ctx)
{
    struct conn *c = mem_alloc(sizeof *c);
    c->loop = l;
    c->limits = limits ? *limits : (struct conn_limits){ 0 };
    c->limits.in_limit = c->limits.in_limit ? c->limits.in_limit : IN_LIMIT;
    c->limits.out_limit = c->limits.out_limit ? c->limits.out_limit : OUT_LIMIT;
    c->limits.connect_ms = c->limits.connect_ms ? c->limits.connect_ms : CONNECT_MS;
    c->events = *events;
    c->ctx = ctx;
    c->fd = -1;
    c->read_wants = LOOP_READ;
    c->write_wants = LOOP_WRITE;
    buf_init(&c->in, c->limits.in_limit);
    buf_init(&c->out, c->limits.out_limit);
    loop_deferred_init(&c->turn, conn_turn, c);
    loop_timer_init(&c->clock, l, conn_on_clock, c);
    c->active_ms = loop_now_ms(l);
    return c;
}

void conn_adopt(struct conn *c, int fd)
{
    c->fd = fd;
    c->peer.size = sizeof c->peer.storage;
    if (getpeername(fd, (struct sockaddr *)&c->peer.storage, &c->peer.size) < 0)
        c->peer.size = 0;
    if (c->peer.storage.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    c->filter = filter_socket_new(fd);
    if (!c->io)
        c->io = loop_io_new(c->loop, fd, 0, conn_on_io, c);
}

struct conn *conn_accept(struct loop *l, int fd, const struct conn_limits *limits, const struct conn_events *events,
                         void *ctx)
{
    struct conn *c = conn_new(l, limits, events, ctx);
    conn_adopt(c, fd);
    conn_enter(c, CONN_OPEN);
    conn_update(c);
    return c;
}

const char *conn_name(struct conn *c)
{
    char text[NET_ADDR_TEXT_SIZE];
    if (!c->name) {
        net_addr_text(&c->peer, text, sizeof text);
        c->name = mem_strdup(text);
    }
    return c->name;
}

void conn_enter(struct conn *c, enum conn_state next)
{
    if (log_get_level() >= LOG_LEVEL_DEBUG)
        log_debug("conn.state", LOG_TEXT("peer", conn_name(c)), LOG_TEXT("from", state_names[c->state]),
                  LOG_TEXT("to", state_names[next]));
    c->state = next;
}

void conn_schedule(struct conn *c)
{
    loop_defer(c->loop, &c->turn);
}

void conn_note_fault(struct conn *c, const struct fault *why)
{
    if (c->fault)
        return;
    c->fault = mem_alloc(sizeof *c->fault);
    *c->fault = *why;
    conn_schedule(c);
}

void upgrade_free(struct upgrade *u)
{
    if (!u)
        return;
    tls_context_free(u->tls);
    free(u->host);
    free(u);
}

/* Everything but the struct itself, which may still be in use up the stack. */
static void let_go(struct conn *c)
{
    loop_timer_stop(&c->clock);
    dial_free(c->dial);
    c->dial = NULL;
    loop_io_free(c->io);
    c->io = NULL;
    filter_free(c->filter);
    c->filter = NULL;
    if (c->holds_secret && c->out.data)
        secret_wipe(c->out.data, c->out.size);
    conn_drop_input(&c->in);
    buf_release(&c->out);
    c->out_at = 0;
    upgrade_free(c->upgrade);
    c->upgrade = NULL;
    c->fd = -1;
}

void conn_end(struct conn *c, const struct fault *why)
{
    if (c->state == CONN_OVER || c->is_freed)
        return;
    struct fault copy; /* `why` may live in what is let go */
    if (why)
        copy = *why;
    conn_enter(c, CONN_OVER);
    let_go(c);
    c->events.closed(c->ctx, why ? &copy : NULL);
}

void conn_free(struct conn *c)
{
    if (!c || c->is_freed)
        return;
    c->is_freed = true;
    let_go(c);
    conn_enter(c, CONN_OVER);
    conn_schedule(c); /* conn_turn() buries it */
}

void conn_finish(struct conn *c, int64_t linger_ms)
{
    if (c->is_finishing || c->state == CONN_OVER)
        return;
    c->is_finishing = true;
    c->deadline_ms = loop_now_ms(c->loop) + linger_ms;
    conn_schedule(c);
}

void conn_shut(struct conn *c)
{
    c->is_shutting = true;
    conn_schedule(c);
}

static bool may_write(const struct conn *c, size_t size)
{
    return !c->is_finishing && !c->is_shutting && !c->fault && c->state != CONN_OVER &&
           size <= c->limits.out_limit - conn_pending(c);
}

static void record_out(struct conn *c, struct bytes data)
{
    if (c->is_masked)
        c->holds_secret = true;
    if (!c->record || (c->is_masked && c->mask_told))
        return;
    c->mask_told = c->is_masked;
    c->record(c->record_ctx, true, c->is_masked ? BYTES_LIT("[masked]") : data);
}

bool conn_writev(struct conn *c, const struct bytes *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    if (!may_write(c, size))
        return false;
    if (size == 0)
        return true;
    if (c->out_at > 0) {
        buf_consume(&c->out, c->out_at);
        c->out_at = 0;
    }
    for (size_t i = 0; i < count; i++) {
        bool ok = buf_add_bytes(&c->out, parts[i]);
        assert(ok);
        record_out(c, parts[i]);
    }
    c->owes_drained = true;
    conn_schedule(c);
    return true;
}

bool conn_write(struct conn *c, struct bytes out)
{
    return conn_writev(c, &out, 1);
}

size_t conn_pending(const struct conn *c)
{
    return c->out.size - c->out_at;
}

void conn_flush(struct conn *c)
{
    if (c->state == CONN_OPEN && !c->is_finishing)
        conn_push(c);
}

void conn_pause(struct conn *c)
{
    c->is_paused = true;
    c->offer_again = false;
    conn_schedule(c);
}

void conn_resume(struct conn *c)
{
    c->is_paused = false;
    c->offer_again = true;
    conn_schedule(c);
}

static void ask_upgrade(struct conn *c, struct tls_context *tls, const char *host)
{
    assert(!c->upgrade && !conn_is_tls(c));
    c->upgrade = mem_alloc(sizeof *c->upgrade);
    *c->upgrade = (struct upgrade){ tls_context_ref(tls), mem_strdup(host) };
    conn_schedule(c);
}

void conn_start_tls_server(struct conn *c, struct tls_context *tls)
{
    ask_upgrade(c, tls, NULL);
}

void conn_start_tls_client(struct conn *c, struct tls_context *tls, const char *host)
{
    ask_upgrade(c, tls, host);
}

bool conn_is_tls(const struct conn *c)
{
    return *conn_tls_text(c) != '\0';
}

const char *conn_tls_text(const struct conn *c)
{
    return c->filter ? filter_tls_text(c->filter) : "";
}

bool conn_tls_certificate(const struct conn *c, struct tls_certificate *out)
{
    return c->filter && filter_tls_certificate(c->filter, out);
}

const struct net_addr *conn_peer(const struct conn *c)
{
    return &c->peer;
}

void conn_set_idle(struct conn *c, int64_t idle_ms)
{
    c->limits.idle_ms = idle_ms;
    c->active_ms = loop_now_ms(c->loop);
    conn_clock_arm(c);
}

void conn_keep_alive(struct conn *c)
{
    enum { QUIET_S = 300, BETWEEN_S = 30, TRIES = 4 };
    if (c->peer.storage.ss_family == AF_UNIX)
        return;
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ QUIET_S }, sizeof(int));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ BETWEEN_S }, sizeof(int));
    setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ TRIES }, sizeof(int));
}

void conn_record(struct conn *c, conn_record_fn *fn, void *ctx)
{
    c->record = fn;
    c->record_ctx = ctx;
}

void conn_record_mask(struct conn *c, bool on)
{
    c->is_masked = on;
    c->mask_told = false;
}
