#include "ends.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_ready(void *ctx)
{
    ((struct test_end *)ctx)->ready++;
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct test_end *e = ctx;
    size_t used = in.size < e->takes ? in.size : e->takes;
    e->data++;
    buf_add_bytes(&e->got, bytes_slice(in, 0, used));
    if (e->on_data)
        e->on_data(e);
    return used;
}

static void on_drained(void *ctx)
{
    ((struct test_end *)ctx)->drained++;
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct test_end *e = ctx;
    e->closed++;
    e->has_why = why != NULL;
    if (why)
        e->why = *why;
}

const struct conn_events test_end_events = { on_ready, on_data, on_drained, on_closed };

void test_end_init(struct test_end *e, struct loop *l)
{
    *e = (struct test_end){ .loop = l, .takes = SIZE_MAX };
    buf_init(&e->got, 64 << 20);
}

void test_end_fini(struct test_end *e)
{
    conn_free(e->conn);
    buf_fini(&e->got);
}

void test_pair(int fds[2])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = bind(listening, (struct sockaddr *)&at, size) == 0 && listen(listening, 1) == 0 &&
              getsockname(listening, (struct sockaddr *)&at, &size) == 0;
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = ok && connect(fds[0], (struct sockaddr *)&at, size) == 0;
    fds[1] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert(ok && fds[1] >= 0);
    close(listening);
    fcntl(fds[0], F_SETFL, fcntl(fds[0], F_GETFL) | O_NONBLOCK);
}
