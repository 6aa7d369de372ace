/* net/filter_socket.c - the lowest filter: the kernel's socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "loop/loop.h"
#include "net/filter.h"

struct socket_filter {
    struct filter base;
    int fd;
};

static enum filter_result start(struct filter *f, unsigned *wants, struct fault *why)
{
    return FILTER_OK;
}

static enum filter_result failed(unsigned readiness, unsigned *wants, struct fault *why)
{
    *wants = readiness;
    if (errno == EAGAIN || errno == EINTR)
        return FILTER_AGAIN;
    fault_set(why, FAULT_RETRY, "net.lost", "%s", errno == EPIPE ? "the other side closed it" : strerror(errno));
    return FILTER_FAULT;
}

static enum filter_result read_some(struct filter *f, void *out, size_t size, size_t *got, unsigned *wants,
                                    struct fault *why)
{
    ssize_t n = recv(((struct socket_filter *)f)->fd, out, size, 0);
    if (n < 0)
        return failed(LOOP_READ, wants, why);
    *got = (size_t)n;
    return n == 0 ? FILTER_END : FILTER_OK;
}

static enum filter_result write_some(struct filter *f, const void *data, size_t size, size_t *put, unsigned *wants,
                                     struct fault *why)
{
    ssize_t n = send(((struct socket_filter *)f)->fd, data, size, MSG_NOSIGNAL);
    if (n < 0)
        return failed(LOOP_WRITE, wants, why);
    *put = (size_t)n;
    return FILTER_OK;
}

static void finish(struct filter *f)
{
    shutdown(((struct socket_filter *)f)->fd, SHUT_WR);
}

static bool holds_input(const struct filter *f)
{
    return false;
}

static void free_socket(struct filter *f)
{
    close(((struct socket_filter *)f)->fd);
    free(f);
}

static const struct filter_kind socket_kind = { start, read_some, write_some, finish, holds_input, free_socket };

struct filter *filter_socket_new(int fd)
{
    struct socket_filter *s = mem_alloc(sizeof *s);
    s->base.kind = &socket_kind;
    s->fd = fd;
    return &s->base;
}

void filter_free(struct filter *f)
{
    while (f) {
        struct filter *below = f->below;
        f->kind->free(f);
        f = below;
    }
}
