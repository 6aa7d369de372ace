/* net/listen.c - listening sockets. */
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

enum {
    ACCEPTS_PER_TURN = 32, /* so that a storm of connections does not starve the sessions that are here */
    PAUSE_MS = 100,
    COMPLAIN_EVERY_MS = 60000,
};

struct listener {
    struct loop *loop;
    int fd;
    struct loop_io *io;
    listener_accepted_fn *fn;
    void *ctx;
    struct loop_timer pause;
    bool is_paused; /* by the owner */
    bool is_freed;
    struct loop_deferred bury;
    int64_t complained_ms;
};

static const char *bind_advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return " (another program listens there; `ss -ltnp` shows which)";
    case EACCES:
        return " (a port below 1024 needs root or CAP_NET_BIND_SERVICE; a Unix socket needs a writable directory)";
    case EADDRNOTAVAIL:
        return " (this machine has no such address)";
    case ENOENT:
        return " (its directory does not exist)";
    default:
        return "";
    }
}

/* A socket file without a listener is what a killed process left behind. */
static bool is_stale_socket(const struct net_addr *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool is_refused = connect(fd, (const struct sockaddr *)&at->storage, at->size) < 0 && errno == ECONNREFUSED;
    close(fd);
    return is_refused;
}

static bool bind_to(int fd, const struct net_addr *at)
{
    if (bind(fd, (const struct sockaddr *)&at->storage, at->size) == 0)
        return true;
    int error = errno;
    if (at->storage.ss_family != AF_UNIX || error != EADDRINUSE || !is_stale_socket(at)) {
        errno = error;
        return false;
    }
    unlink(((const struct sockaddr_un *)&at->storage)->sun_path);
    return bind(fd, (const struct sockaddr *)&at->storage, at->size) == 0;
}

/* "*" means IPv6 with IPv4 in it; on a machine without IPv6 it means IPv4. */
static int open_socket(struct net_addr *at)
{
    int fd = socket(at->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at->storage;
    bool is_any = at->storage.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
    if (fd >= 0 && is_any)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int));
    if (fd >= 0 || errno != EAFNOSUPPORT || !is_any)
        return fd;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = v6->sin6_port };
    *at = (struct net_addr){ .size = sizeof v4 };
    *(struct sockaddr_in *)&at->storage = v4;
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int net_listen_open(const struct net_addr *wanted, int backlog, struct fault *why)
{
    struct net_addr at = *wanted;
    char text[NET_ADDR_TEXT_SIZE];
    net_addr_text(&at, text, sizeof text);
    int fd = open_socket(&at);
    if (fd >= 0 && at.storage.ss_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (fd >= 0 && bind_to(fd, &at) && listen(fd, backlog) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    fault_set(why, FAULT_CONFIG, "net.listen", "can't listen on %s: %s%s", text, strerror(error), bind_advice(error));
    return -1;
}

static void update(struct listener *l)
{
    if (l->is_freed)
        return;
    bool accepts = !l->is_paused && !loop_timer_is_running(&l->pause);
    loop_io_want(l->io, accepts ? LOOP_READ : 0);
}

static void on_pause_over(void *ctx)
{
    update(ctx);
}

/* Out of descriptors or memory: the connection stays in the backlog, and asking again at once would only burn the processor. */
static void rest(struct listener *l, int error)
{
    int64_t now = loop_now_ms(l->loop);
    if (!l->complained_ms || now - l->complained_ms >= COMPLAIN_EVERY_MS) {
        struct fault why;
        fault_errno(&why, FAULT_LOCAL, error, "can't accept connections for now");
        log_error("listener.full", LOG_FAULT(&why));
        l->complained_ms = now ? now : 1;
    }
    loop_timer_start(&l->pause, PAUSE_MS);
    update(l);
}

static bool is_of_that_connection_only(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM;
}

static void on_ready(void *ctx, unsigned ready)
{
    struct listener *l = ctx;
    for (int i = 0; i < ACCEPTS_PER_TURN && !l->is_paused && !l->is_freed; i++) {
        struct net_addr peer = { .size = sizeof peer.storage };
        int fd = accept4(l->fd, (struct sockaddr *)&peer.storage, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->fn(l->ctx, fd, &peer);
        } else if (!is_of_that_connection_only(errno)) {
            if (errno != EAGAIN)
                rest(l, errno);
            return;
        }
    }
}

static void bury(void *ctx)
{
    free(ctx);
}

struct listener *listener_new(struct loop *loop, int fd, listener_accepted_fn *fn, void *ctx)
{
    struct listener *l = mem_alloc(sizeof *l);
    *l = (struct listener){ .loop = loop, .fd = fd, .fn = fn, .ctx = ctx };
    loop_timer_init(&l->pause, loop, on_pause_over, l);
    loop_deferred_init(&l->bury, bury, l);
    l->io = loop_io_new(loop, fd, LOOP_READ, on_ready, l);
    return l;
}

void listener_pause(struct listener *l)
{
    l->is_paused = true;
    update(l);
}

void listener_resume(struct listener *l)
{
    l->is_paused = false;
    update(l);
}

void listener_free(struct listener *l)
{
    if (!l || l->is_freed)
        return;
    l->is_freed = true;
    loop_timer_stop(&l->pause);
    loop_io_free(l->io);
    close(l->fd);
    loop_defer(l->loop, &l->bury);
}
