/* A message's bytes as they come in: small ones stay in memory, larger ones go to a file in the spool directory. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "admin/admin_private.h"

static bool write_all(int fd, struct bytes data)
{
    while (data.size > 0) {
        ssize_t n = write(fd, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data = bytes_slice(data, (size_t)n, data.size);
    }
    return true;
}

static bool spill(struct request *r, struct upload *u, struct fault *why)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/spool", r->admin->conf->state);
    u->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't make a file in %s", dir);
    if (!write_all(u->fd, buf_bytes(&u->memory)))
        return fault_errno(why, FAULT_LOCAL, errno, "can't write to %s", dir);
    buf_release(&u->memory);
    return true;
}

bool upload_add(struct request *r, struct upload *u, struct bytes data, struct fault *why)
{
    u->size += data.size;
    if (u->size > r->admin->conf->limits.message_size)
        return fault_set(why, FAULT_REJECT, "api.too-large",
                         "the message is larger than limits.message-size (%llu bytes)",
                         (unsigned long long)r->admin->conf->limits.message_size);
    if (u->fd < 0 && buf_add_bytes(&u->memory, data))
        return true;
    if (u->fd < 0 && !spill(r, u, why))
        return false;
    if (!write_all(u->fd, data))
        return fault_errno(why, FAULT_LOCAL, errno, "can't keep the message in the spool directory");
    return true;
}

void upload_fini(struct upload *u)
{
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
    buf_fini(&u->memory);
}
