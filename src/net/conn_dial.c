/* net/conn_dial.c - from a host's name to a connected socket: each address gets its share of the time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "net/conn_private.h"

struct dial {
    struct resolve_query *query;
    char *host;
    uint16_t port;
    struct tls_context *tls; /* one reference; NULL: plain */
    struct net_addr *addrs;
    size_t count, next;
    int64_t end_ms;
};

void dial_free(struct dial *d)
{
    if (!d)
        return;
    resolve_cancel(d->query);
    tls_context_free(d->tls);
    free(d->addrs);
    free(d->host);
    free(d);
}

static void drop_socket(struct conn *c, int fd)
{
    loop_io_free(c->io);
    c->io = NULL;
    c->wants = 0;
    if (fd >= 0)
        close(fd);
    c->fd = -1;
}

static void refused(const struct conn *c, int error, struct fault *why)
{
    const struct dial *d = c->dial;
    char address[NET_ADDR_TEXT_SIZE];
    net_addr_host_text(&d->addrs[d->next - 1], address, sizeof address);
    if (d->host[0] == '/')
        address[0] = '\0';
    fault_set(why, FAULT_RETRY, "net.connect", "connect to %s%s%s%s: %s", c->name, address[0] ? " (" : "", address,
              address[0] ? ")" : "", strerror(error));
    if (d->count > 1)
        fault_wrap(why, "none of %zu addresses answers", d->count);
}

/* True while the kernel works on it. */
static bool try_address(struct conn *c, const struct net_addr *to, int *error)
{
    int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *error = errno;
        return false;
    }
    if (connect(fd, (const struct sockaddr *)&to->storage, to->size) == 0 || errno == EINPROGRESS) {
        c->fd = fd;
        c->io = loop_io_new(c->loop, fd, 0, conn_on_io, c);
        return true;
    }
    *error = errno;
    close(fd);
    return false;
}

static void dial_next(struct conn *c, int error)
{
    struct dial *d = c->dial;
    struct fault why;
    while (d->next < d->count) {
        int64_t now = loop_now_ms(c->loop), left = d->end_ms > now ? d->end_ms - now : 0;
        int64_t share = left / (int64_t)(d->count - d->next);
        if (try_address(c, &d->addrs[d->next++], &error)) {
            c->deadline_ms = now + share;
            if (c->state != CONN_CONNECTING)
                conn_enter(c, CONN_CONNECTING);
            conn_update(c);
            return;
        }
    }
    refused(c, error, &why);
    conn_end(c, &why);
}

static void on_resolved(void *ctx, const struct net_addr *addrs, size_t count, const struct fault *why)
{
    struct conn *c = ctx;
    struct dial *d = c->dial;
    d->query = NULL;
    if (count == 0) {
        conn_end(c, why);
        return;
    }
    d->addrs = mem_alloc(count * sizeof *addrs);
    memcpy(d->addrs, addrs, count * sizeof *addrs);
    d->count = count;
    dial_next(c, 0);
}

void dial_connected(struct conn *c, unsigned ready)
{
    struct dial *d = c->dial;
    int error = 0, fd = c->fd;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof error }) < 0)
        error = errno;
    if (error) {
        drop_socket(c, fd);
        dial_next(c, error);
        return;
    }
    conn_adopt(c, fd);
    struct upgrade *u = NULL;
    if (d->tls) {
        u = mem_alloc(sizeof *u);
        *u = (struct upgrade){ tls_context_ref(d->tls), mem_strdup(d->host) };
    }
    c->dial = NULL;
    dial_free(d);
    c->deadline_ms = 0;
    c->active_ms = loop_now_ms(c->loop);
    if (u) {
        conn_begin_tls(c, u);
    } else {
        conn_enter(c, CONN_OPEN);
        c->events.ready(c->ctx);
    }
}

void dial_timed_out(struct conn *c)
{
    struct fault why;
    if (c->state == CONN_CONNECTING) {
        drop_socket(c, c->fd);
        dial_next(c, ETIMEDOUT);
        return;
    }
    fault_set(&why, FAULT_RETRY, "dns.failed", "look-up of %s: no name server answered in time", c->dial->host);
    conn_end(c, &why);
}

struct conn *conn_dial(struct loop *l, struct resolver *r, const char *host, uint16_t port, struct tls_context *tls,
                       const struct conn_limits *limits, const struct conn_events *events, void *ctx)
{
    struct conn *c = conn_new(l, limits, events, ctx);
    struct dial *d = mem_alloc(sizeof *d);
    d->host = mem_strdup(host);
    d->port = port;
    d->tls = tls ? tls_context_ref(tls) : NULL;
    d->end_ms = loop_now_ms(l) + c->limits.connect_ms;
    c->dial = d;
    c->name = host[0] == '/' ? mem_strdup(host)
                             : mem_printf(strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    c->deadline_ms = d->end_ms;
    conn_clock_arm(c);
    d->query = resolve_start(r, host, port, on_resolved, c);
    return c;
}
