/* msg/channel.c - frames over a stream socket.
 *
 * A frame is { u32 size, u32 type } and the packed message. A descriptor is attached to the send that starts with its frame or
 * earlier, so it is never late; the top bit of the type says that a frame has one, and the receiver hands them out in order.
 * Output is one buffer, written at the end of the turn or when it has grown; input is dispatched where it was read. */
#include "msg/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "msg/buffers.h"

#define HAS_FD 0x80000000u
#define FLUSH_AT (64u << 10)
#define READS_PER_TURN 8
#define FDS_PER_CALL 16
#define FDS_WAITING 64 /* that a peer may have sent ahead of their frames */
#define ROWS_MAX 64

struct header {
    uint32_t size, type;
};

/* A descriptor on its way out; it goes with the send that covers byte `at` of the output buffer. */
struct outgoing_fd {
    int fd;
    size_t at;
};

struct channel {
    struct loop *loop;
    struct loop_io *io; /* NULL: closed */
    int fd;
    const struct channel_row *rows;
    uint64_t secret_rows; /* bit per row: its messages hold secrets */
    channel_closed_fn *closed;
    void *ctx;
    void *heard_ctx;
    struct arena *arena; /* one message */
    bool is_freed;

    struct buf in;
    size_t in_taken; /* dispatched already, at the front of `in` */
    int in_fds[FDS_WAITING];
    unsigned in_fds_count;

    struct buf out;
    size_t out_sent; /* of `out` */
    bool out_has_secret;
    bool is_blocked; /* the socket is full: wait until it is writable */
    bool is_paused;
    bool is_deaf; /* the peer reads no more: output is dropped until its end is seen by reading */
    struct outgoing_fd *out_fds;
    size_t out_fds_count, out_fds_capacity;

    struct loop_deferred flush, destroy;
};

static void on_ready(void *ctx, unsigned ready);
static void on_flush(void *ctx);
static void on_destroy(void *ctx);

void channel_ignore(void *ctx, const void *message)
{
}

struct channel *channel_new(struct loop *l, int fd, const struct channel_row *rows, channel_closed_fn *closed,
                            void *ctx)
{
    struct channel *c = mem_alloc(sizeof *c);
    c->loop = l;
    c->fd = fd;
    c->rows = rows;
    c->closed = closed;
    c->ctx = c->heard_ctx = ctx;
    c->arena = arena_new();
    for (unsigned i = 0; rows[i].name; i++) {
        assert(i < ROWS_MAX);
        if (msg_has_secret(rows[i].fields))
            c->secret_rows |= UINT64_C(1) << i;
    }
    /* Room for a turn's worth of mail; where the system allows less it is only slower. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ 512 << 10 }, sizeof(int));
    buf_init(&c->in, SIZE_MAX / 2);
    buf_init(&c->out, SIZE_MAX / 2);
    loop_deferred_init(&c->flush, on_flush, c);
    loop_deferred_init(&c->destroy, on_destroy, c);
    c->io = loop_io_new(l, fd, LOOP_READ, on_ready, c);
    return c;
}

static bool is_secret(const struct channel *c, const struct channel_row *row)
{
    return c->secret_rows >> (row - c->rows) & 1;
}

void channel_set_heard_ctx(struct channel *c, void *ctx)
{
    c->heard_ctx = ctx;
}

static const struct channel_row *find_row(const struct channel *c, uint32_t type)
{
    const struct channel_row *row = c->rows;
    while (row->name && row->type != type)
        row++;
    return row->name ? row : NULL;
}

/* Takes what was used off the front. */
static void compact(struct buf *b, size_t *used, bool is_secret)
{
    if (*used == 0)
        return;
    size_t before = b->size;
    buf_consume(b, *used);
    if (is_secret)
        secret_wipe(b->data + b->size, before - b->size);
    *used = 0;
}

static void drop_output(struct channel *c)
{
    for (size_t i = 0; i < c->out_fds_count; i++)
        close(c->out_fds[i].fd);
    c->out_fds_count = 0;
    if (c->out_has_secret)
        secret_wipe(c->out.data, c->out.size);
    c->out_has_secret = false;
    c->out_sent = 0;
    buf_clear(&c->out);
    buffers_return(&c->out);
}

static void return_input(struct channel *c)
{
    c->in_taken = 0;
    buf_clear(&c->in);
    buffers_return(&c->in);
}

static void drop_input(struct channel *c)
{
    for (unsigned i = 0; i < c->in_fds_count; i++)
        close(c->in_fds[i]);
    c->in_fds_count = 0;
    if (c->secret_rows)
        secret_wipe(c->in.data, c->in.size);
    return_input(c);
}

static void disconnect(struct channel *c)
{
    if (!c->io)
        return;
    loop_io_free(c->io);
    c->io = NULL;
    close(c->fd);
    loop_undefer(&c->flush);
    drop_output(c);
}

void channel_free(struct channel *c)
{
    if (!c || c->is_freed)
        return;
    c->is_freed = true;
    disconnect(c);
    /* Not now: the message being heard may lie in our buffers. */
    loop_defer(c->loop, &c->destroy);
}

static void on_destroy(void *ctx)
{
    struct channel *c = ctx;
    drop_input(c);
    arena_free(c->arena);
    free(c->out_fds);
    free(c);
}

/* The last that an owner hears. */
static void fail(struct channel *c, const struct fault *why)
{
    if (!c->io)
        return;
    disconnect(c);
    drop_input(c);
    c->closed(c->ctx, why);
}

/* ---- output ---- */

size_t channel_pending(const struct channel *c)
{
    return c->out.size - c->out_sent;
}

static bool queue_fd(struct channel *c, int fd, size_t at, struct fault *why)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "descriptor %d", fd);
    if (c->out_fds_count == c->out_fds_capacity) {
        c->out_fds_capacity = c->out_fds_capacity ? c->out_fds_capacity * 2 : 8;
        c->out_fds = mem_resize(c->out_fds, c->out_fds_capacity * sizeof *c->out_fds);
    }
    c->out_fds[c->out_fds_count++] = (struct outgoing_fd){ .fd = own, .at = at };
    return true;
}

static bool queue_frame(struct channel *c, const struct channel_row *row, const void *message, struct fault *why)
{
    struct header header = { .type = row->type };
    size_t size = msg_size(row->fields, message), start = c->out.size;
    int fd;
    if (size > CHANNEL_FRAME_LIMIT)
        return fault_set(why, FAULT_LOCAL, "", "%zu bytes are over the limit of a frame", size);
    header.size = (uint32_t)size;
    buffers_reserve(&c->out, sizeof header + size);
    buf_add(&c->out, &header, sizeof header);
    if (!msg_pack(row->fields, message, &c->out, &fd, why) || (fd >= 0 && !queue_fd(c, fd, start, why))) {
        c->out.size = start;
        return false;
    }
    if (fd >= 0) {
        header.type |= HAS_FD;
        memcpy(c->out.data + start, &header, sizeof header);
    }
    c->out_has_secret |= is_secret(c, row);
    return true;
}

/* A peer that reads slowly keeps the buffer from ever being empty: what it took must not pile up at the front. */
static void reclaim_sent(struct channel *c)
{
    if (c->out_sent < FLUSH_AT || c->out_sent < channel_pending(c))
        return;
    for (size_t i = 0; i < c->out_fds_count; i++)
        c->out_fds[i].at -= c->out_sent;
    compact(&c->out, &c->out_sent, c->out_has_secret);
}

bool channel_send(struct channel *c, uint32_t type, const void *message)
{
    const struct channel_row *row = find_row(c, type);
    struct fault why;
    assert(row);
    if (!c->io || c->is_deaf)
        return true;
    reclaim_sent(c);
    if (!queue_frame(c, row, message, &why)) {
        log_error("channel.unsendable", LOG_TEXT("name", row->name), LOG_TEXT("text", why.text));
        return false;
    }
    if (channel_pending(c) >= FLUSH_AT && !c->is_blocked)
        channel_flush(c);
    else
        loop_defer(c->loop, &c->flush);
    return true;
}

/* One system call: bytes up to the next descriptor that does not fit into it. */
static ssize_t send_some(struct channel *c, size_t *fds_count)
{
    size_t end = c->out.size;
    *fds_count = c->out_fds_count;
    if (c->out_fds_count > FDS_PER_CALL) {
        *fds_count = FDS_PER_CALL;
        end = c->out_fds[FDS_PER_CALL].at;
    }
    struct iovec data = { .iov_base = c->out.data + c->out_sent, .iov_len = end - c->out_sent };
    struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_PER_CALL * sizeof(int))] = { 0 };
    if (*fds_count > 0) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(*fds_count * sizeof(int));
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(*fds_count * sizeof(int));
        for (size_t i = 0; i < *fds_count; i++)
            memcpy(CMSG_DATA(h) + i * sizeof(int), &c->out_fds[i].fd, sizeof(int));
    }
    return sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void sent(struct channel *c, size_t size, size_t fds_count)
{
    c->out_sent += size;
    for (size_t i = 0; i < fds_count; i++)
        close(c->out_fds[i].fd);
    c->out_fds_count -= fds_count;
    if (c->out_fds_count > 0)
        memmove(c->out_fds, c->out_fds + fds_count, c->out_fds_count * sizeof *c->out_fds);
}

/* Too many descriptors in flight passes as the peer reads, like a full socket. */
static bool is_passing(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM || error == ETOOMANYREFS;
}

static void want(struct channel *c)
{
    if (c->io)
        loop_io_want(c->io, (c->is_paused ? 0 : LOOP_READ) | (c->is_blocked ? LOOP_WRITE : 0));
}

void channel_flush(struct channel *c)
{
    loop_undefer(&c->flush);
    c->is_blocked = false;
    while (c->io && channel_pending(c) > 0 && !c->is_blocked) {
        size_t fds_count;
        ssize_t n = send_some(c, &fds_count);
        if (n >= 0) {
            sent(c, (size_t)n, fds_count);
        } else if (is_passing(errno)) {
            c->is_blocked = true;
        } else if (errno != EINTR) {
            c->is_deaf = true;
            drop_output(c);
        }
    }
    if (!c->io)
        return;
    if (channel_pending(c) == 0)
        drop_output(c);
    want(c);
}

void channel_pause(struct channel *c)
{
    c->is_paused = true;
    want(c);
}

void channel_resume(struct channel *c)
{
    c->is_paused = false;
    want(c);
}

static void on_flush(void *ctx)
{
    channel_flush(ctx);
}

void channel_close(struct channel *c, int max_wait_ms)
{
    int64_t until = clock_steady_ms() + max_wait_ms, left;
    channel_flush(c);
    while (c->io && c->is_blocked && (left = until - clock_steady_ms()) > 0) {
        poll(&(struct pollfd){ .fd = c->fd, .events = POLLOUT }, 1, (int)left);
        channel_flush(c);
    }
    disconnect(c);
}

/* ---- input ---- */

static int next_fd(struct channel *c)
{
    if (c->in_fds_count == 0)
        return -1;
    int fd = c->in_fds[0];
    c->in_fds_count--;
    memmove(c->in_fds, c->in_fds + 1, c->in_fds_count * sizeof *c->in_fds);
    return fd;
}

static bool hear(struct channel *c, uint32_t type, struct bytes packed, struct fault *why)
{
    const struct channel_row *row = find_row(c, type & ~HAS_FD);
    if (!row || !row->heard)
        return fault_set(why, FAULT_LOCAL, "", "message type %u was not expected", type & ~HAS_FD);
    int fd = -1;
    if ((type & HAS_FD) && (fd = next_fd(c)) < 0)
        return fault_set(why, FAULT_LOCAL, "", "message %s came without its descriptor", row->name);
    void *message = arena_alloc(c->arena, row->size);
    if (!msg_unpack(row->fields, packed, fd, c->arena, message, why)) {
        if (fd >= 0)
            close(fd);
        return fault_wrap(why, "message %s", row->name);
    }
    row->heard(c->heard_ctx, message);
    if (is_secret(c, row))
        secret_wipe((void *)(uintptr_t)packed.data, packed.size);
    arena_reset(c->arena);
    return true;
}

/* The frame at the front, as far as it is here: its size with header, 0 while even that is unknown. */
static size_t frame_size(const struct channel *c, struct header *header)
{
    if (c->in.size - c->in_taken < sizeof *header)
        return 0;
    memcpy(header, c->in.data + c->in_taken, sizeof *header);
    return sizeof *header + (size_t)header->size;
}

/* Hears every whole frame. False with a fault for the first that is not sound. */
static bool dispatch(struct channel *c, struct fault *why)
{
    struct header header;
    size_t size;
    while (c->io && (size = frame_size(c, &header)) > 0) {
        if (header.size > CHANNEL_FRAME_LIMIT)
            return fault_set(why, FAULT_LOCAL, "", "a frame of %u bytes is over the limit", header.size);
        if (c->in.size - c->in_taken < size)
            break;
        struct bytes packed = { c->in.data + c->in_taken + sizeof header, header.size };
        if (!hear(c, header.type, packed, why))
            return false;
        c->in_taken += size;
    }
    return true;
}

static bool take_fds(struct channel *c, struct msghdr *m, struct fault *why)
{
    bool fits = !(m->msg_flags & MSG_CTRUNC);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (c->in_fds_count < FDS_WAITING) {
                c->in_fds[c->in_fds_count++] = fd;
            } else {
                close(fd);
                fits = false;
            }
        }
    }
    return fits || fault_set(why, FAULT_LOCAL, "", "too many descriptors at once");
}

static void make_room(struct channel *c)
{
    struct header header;
    compact(&c->in, &c->in_taken, c->secret_rows != 0);
    size_t whole = frame_size(c, &header), least = BUFFERS_SIZE / 8;
    buffers_reserve(&c->in, whole > c->in.size + least ? whole - c->in.size : least);
}

enum reading { READ_ALL, READ_MORE, READ_ENDED };

static enum reading read_some(struct channel *c, struct fault *why)
{
    make_room(c);
    size_t room = c->in.capacity - c->in.size;
    struct iovec data = { .iov_base = c->in.data + c->in.size, .iov_len = room };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_PER_CALL * sizeof(int))];
    struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR)
        return READ_MORE;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return READ_ALL;
    if (n <= 0) {
        fault_set(why, FAULT_RETRY, "", n == 0 ? "the other end closed" : "the other end died");
        return READ_ENDED;
    }
    buf_grew(&c->in, (size_t)n);
    if (!take_fds(c, &m, why) || !dispatch(c, why))
        return READ_ENDED;
    /* A read also ends early behind a descriptor; if there is more, the loop says so again. */
    return (size_t)n == room ? READ_MORE : READ_ALL;
}

static void read_input(struct channel *c)
{
    struct fault why;
    enum reading state = READ_MORE;
    for (int i = 0; c->io && state == READ_MORE && i < READS_PER_TURN; i++)
        state = read_some(c, &why);
    if (state == READ_ENDED)
        fail(c, &why);
    else if (c->io && c->in.size == c->in_taken)
        return_input(c);
}

static void on_ready(void *ctx, unsigned ready)
{
    struct channel *c = ctx;
    if (ready & LOOP_READ)
        read_input(c);
    if (c->io && (ready & LOOP_WRITE))
        channel_flush(c);
}
