#include "vault/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool may(const struct disk *d, const char *step)
{
    if (!d->step || d->step(d->ctx, step))
        return true;
    errno = EIO;
    return false;
}

static bool write_all(const struct disk *d, int fd, struct bytes data)
{
    if (!may(d, "write"))
        return false;
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

bool disk_sync(const struct disk *d, int fd, const char *name, struct fault *why)
{
    if (may(d, "sync") && fsync(fd) == 0)
        return true;
    return fault_errno(why, FAULT_LOCAL, errno, "can't sync %s to the disk", name);
}

bool disk_rename(const struct disk *d, int directory, const char *from, const char *to, struct fault *why)
{
    if (!may(d, "rename") || renameat(directory, from, directory, to) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't put %s in place", to);
    return disk_sync(d, directory, to, why);
}

bool disk_write(const struct disk *d, int directory, const char *name, struct bytes data, struct fault *why)
{
    char temporary[NAME_MAX + 1];
    snprintf(temporary, sizeof temporary, ".%.240s.new", name);
    int fd = -1;
    if (may(d, "create"))
        fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't create %s", name);
    bool ok = write_all(d, fd, data);
    if (!ok)
        fault_errno(why, FAULT_LOCAL, errno, "can't write %s", name);
    ok = ok && disk_sync(d, fd, name, why);
    close(fd);
    ok = ok && disk_rename(d, directory, temporary, name, why);
    if (!ok && may(d, "unlink"))
        unlinkat(directory, temporary, 0);
    return ok;
}

static bool read_all(int fd, const char *name, struct buf *out, struct fault *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't look at %s", name);
    size_t left = (size_t)st.st_size;
    uint8_t *at = buf_reserve(out, left + 1);
    if (!at)
        return fault_set(why, FAULT_LOCAL, "vault.damaged", "%s is larger than anything the vault writes", name);
    for (ssize_t n = 1; n != 0 && left > 0;) {
        n = read(fd, at, left);
        if (n < 0 && errno != EINTR)
            return fault_errno(why, FAULT_LOCAL, errno, "can't read %s", name);
        size_t got = n > 0 ? (size_t)n : 0;
        buf_grew(out, got);
        at += got;
        left -= got;
    }
    return true;
}

bool disk_read(int directory, const char *name, struct buf *out, bool *is_there, struct fault *why)
{
    *is_there = false;
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't open %s", name);
    *is_there = true;
    bool ok = read_all(fd, name, out, why);
    close(fd);
    return ok;
}

static void overwrite(int directory, const char *name)
{
    static const uint8_t zeros[4096];
    int fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        for (off_t at = 0; at < st.st_size; at += (off_t)sizeof zeros) {
            size_t size = (size_t)(st.st_size - at);
            if (pwrite(fd, zeros, size < sizeof zeros ? size : sizeof zeros, at) < 0)
                break;
        }
        fsync(fd);
    }
    if (fd >= 0)
        close(fd);
}

bool disk_wipe(const struct disk *d, int directory, const char *name, struct fault *why)
{
    if (!may(d, "unlink"))
        return fault_errno(why, FAULT_LOCAL, errno, "can't remove %s", name);
    overwrite(directory, name);
    if (unlinkat(directory, name, 0) != 0 && errno != ENOENT)
        return fault_errno(why, FAULT_LOCAL, errno, "can't remove %s", name);
    return true;
}

bool disk_make_directory(const struct disk *d, int directory, const char *name, struct fault *why)
{
    if (!may(d, "mkdir") || mkdirat(directory, name, 0700) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't make the directory %s", name);
    return true;
}

bool disk_remove_directory(const struct disk *d, int directory, const char *name, struct fault *why)
{
    if (!may(d, "unlink") || unlinkat(directory, name, AT_REMOVEDIR) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't remove the directory %s", name);
    return true;
}

int disk_open_directory(int directory, const char *name, struct fault *why)
{
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fault_errno(why, FAULT_LOCAL, errno, "can't open the directory %s", name);
    return fd;
}
