/* role/files.c - small files read and replaced whole. */
#include "role/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

/* Straight into the buffer, which is made large enough at once: a key leaves no copies behind. */
static bool read_all(int fd, const char *path, struct buf *out, struct fault *why)
{
    struct stat st;
    size_t step = fstat(fd, &st) == 0 && st.st_size > 0 && (uintmax_t)st.st_size < out->limit ? (size_t)st.st_size + 1
                                                                                              : 1;
    for (;;) {
        uint8_t *room = buf_reserve(out, step);
        if (!room)
            return fault_set(why, FAULT_CONFIG, "", "%s is larger than %zu octets: is it the right file?", path,
                             out->limit);
        ssize_t n = read(fd, room, step);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_CONFIG, errno, "%s can't be read", path);
        if (n == 0)
            return true;
        buf_grew(out, (size_t)n);
        step = 1;
    }
}

bool files_read(const char *path, struct buf *out, struct fault *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "%s can't be opened", path);
    bool is_read = read_all(fd, path, out, why);
    close(fd);
    return is_read;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.size > 0) {
        ssize_t n = write(fd, content.data, content.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        content = bytes_slice(content, (size_t)n, content.size);
    }
    return true;
}

bool files_replace(const char *path, struct bytes content, struct fault *why)
{
    char *next = mem_printf("%s.next", path);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool is_done = fd >= 0 && write_all(fd, content) && rename(next, path) == 0;
    if (!is_done)
        fault_errno(why, FAULT_LOCAL, errno, "%s can't be written", path);
    if (fd >= 0)
        close(fd);
    free(next);
    return is_done;
}
