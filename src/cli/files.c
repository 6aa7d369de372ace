/* cli/files.c - the few system calls behind cli/files.h. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static bool read_all(int fd, struct buf *out, const char *name, struct fault *why)
{
    for (;;) {
        uint8_t *room = buf_reserve(out, 16384);
        if (!room)
            return fault_set(why, FAULT_REJECT, "", "%s is larger than %zu octets", name, out->limit);
        ssize_t n = read(fd, room, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_LOCAL, errno, "%s can't be read", name);
        if (n == 0)
            return true;
        buf_grew(out, (size_t)n);
    }
}

bool file_read_whole(const char *path, struct buf *out, struct fault *why)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, out, "standard input", why);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "%s can't be opened", path);
    bool is_read = read_all(fd, out, path, why);
    close(fd);
    return is_read;
}

int file_open_temporary(struct fault *why)
{
    const char *folder = getenv("TMPDIR");
    char name[512];
    snprintf(name, sizeof name, "%.480s/postern-XXXXXX", text_is_empty(folder) ? "/tmp" : folder);
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        fault_errno(why, FAULT_LOCAL, errno, "no temporary file can be made as %s", name);
    else
        unlink(name);
    return fd;
}

bool file_write_all(int fd, struct bytes data, struct fault *why)
{
    while (data.size) {
        ssize_t n = write(fd, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_LOCAL, errno, "the temporary file can't be written");
        data = bytes_slice(data, (size_t)n, data.size);
    }
    return true;
}
