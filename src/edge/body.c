/* edge/body.c */
#include "edge/body.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "msg/edge_queue.h"

enum { PUSH_EACH = 1 << 20 };

void body_init(struct body *b, int spool_fd)
{
    *b = (struct body){ .spool_fd = spool_fd, .fd = -1 };
    buf_init(&b->held, EDGE_BODY_INLINE);
}

static bool disk_fault(struct fault *why, int error)
{
    if (error == ENOSPC || error == EDQUOT)
        return fault_set(why, FAULT_LOCAL, "spool.full", "the disk of the spool directory is full");
    if (error == EOPNOTSUPP || error == EISDIR)
        return fault_set(
            why, FAULT_LOCAL, "spool.failed",
            "the file system of the spool directory has no unnamed files (O_TMPFILE): put the state directory "
            "on ext4, xfs, btrfs or tmpfs");
    return fault_errno(why, FAULT_LOCAL, error, "the spool directory can't be written to");
}

static bool write_out(struct body *b, struct bytes data, struct fault *why)
{
    while (data.size > 0) {
        ssize_t n = write(b->fd, data.data, data.size);
        if (n < 0 && errno != EINTR)
            return disk_fault(why, errno);
        if (n <= 0)
            continue;
        b->written += (uint64_t)n;
        data = bytes_slice(data, (size_t)n, data.size);
    }
    if (b->written - b->pushed >= PUSH_EACH) {
        sync_file_range(b->fd, (off_t)b->pushed, (off_t)(b->written - b->pushed), SYNC_FILE_RANGE_WRITE);
        b->pushed = b->written;
    }
    return true;
}

static bool write_held(struct body *b, struct fault *why)
{
    bool ok = write_out(b, buf_bytes(&b->held), why);
    buf_clear(&b->held);
    return ok;
}

static bool spill(struct body *b, struct fault *why)
{
    if (b->fd < 0)
        b->fd = openat(b->spool_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return b->fd < 0 ? disk_fault(why, errno) : write_held(b, why);
}

bool body_add(struct body *b, struct bytes data, struct fault *why)
{
    b->size += data.size;
    if (buf_add_bytes(&b->held, data))
        return true;
    if (!spill(b, why))
        return false;
    return buf_add_bytes(&b->held, data) || write_out(b, data, why);
}

bool body_end(struct body *b, struct fault *why)
{
    return b->fd < 0 || write_held(b, why);
}

void body_drop(struct body *b)
{
    if (b->fd >= 0)
        close(b->fd);
    buf_fini(&b->held);
    body_init(b, b->spool_fd);
}
