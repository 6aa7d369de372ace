/* Spool files. A body's file is on disk before the commit that mentions it, and goes only after the commit that lets go of it; what
 * a crash leaves between the two is a file without an owner, which spool_tidy() finds. */
#include "store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"

enum { NAME_SIZE = 17 };

static void name_of(uint64_t id, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%016llx", (unsigned long long)id);
}

void spool_init(struct spool *p)
{
    *p = (struct spool){ .directory = -1 };
}

void spool_fini(struct spool *p)
{
    spool_undo(p);
    if (p->directory >= 0)
        close(p->directory);
    free(p->path);
    free(p->added);
    free(p->gone);
}

bool spool_open(struct spool *p, const char *state, const char *name, struct fault *why)
{
    p->path = mem_printf("%s/%s", state, name);
    if (mkdir(p->path, 0700) != 0 && errno != EEXIST)
        return fault_errno(why, FAULT_LOCAL, errno, "the spool directory %s cannot be made", p->path);
    p->directory = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (p->directory < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "the spool directory %s cannot be opened", p->path);
    return true;
}

static const char *id_of_errno(int error)
{
    return error == ENOSPC || error == EDQUOT ? "store.full" : "store.io";
}

static bool refuse(const struct spool *p, struct fault *why, int error, const char *what)
{
    fault_errno(why, FAULT_LOCAL, error, "%s: %s", p->path, what);
    if (why)
        snprintf(why->id, sizeof why->id, "%s", id_of_errno(error));
    return false;
}

static bool copy_bytes(int from, int to, uint64_t size)
{
    static char chunk[65536];
    for (uint64_t at = 0; at < size;) {
        ssize_t n = pread(from, chunk, sizeof chunk, (off_t)at);
        if (n <= 0)
            return n == 0 ? (errno = EIO, false) : false;
        if (pwrite(to, chunk, (size_t)n, (off_t)at) != n)
            return false;
        at += (uint64_t)n;
    }
    return true;
}

/* A nameless twin in our own directory, for descriptors that come from elsewhere. */
static int copy_file(struct spool *p, int fd, uint64_t size)
{
    int copy = openat(p->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (copy < 0)
        return -1;
    if (copy_bytes(fd, copy, size))
        return copy;
    int error = errno;
    close(copy);
    errno = error;
    return -1;
}

static bool link_file(struct spool *p, int fd, const char *name)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, p->directory, name, AT_SYMLINK_FOLLOW) == 0)
        return true;
    /* A crash before the commit left the same name; its owner never was. */
    return errno == EEXIST && unlinkat(p->directory, name, 0) == 0 &&
           linkat(AT_FDCWD, self, p->directory, name, AT_SYMLINK_FOLLOW) == 0;
}

/* A file that already has a name somewhere could be changed under us by that name. */
static bool is_linkable(const struct spool *p, const struct stat *st)
{
    struct stat own;
    return st->st_nlink == 0 && fstat(p->directory, &own) == 0 && own.st_dev == st->st_dev;
}

bool spool_add(struct spool *p, uint64_t id, int fd, uint64_t size, struct fault *why)
{
    struct stat st;
    char name[NAME_SIZE];
    name_of(id, name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size) {
        close(fd);
        return fault_set(why, FAULT_LOCAL, "store.body",
                         "the message's body is not a file of the %llu bytes that were promised",
                         (unsigned long long)size);
    }
    if (!is_linkable(p, &st) || !link_file(p, fd, name)) {
        int copy = copy_file(p, fd, size);
        close(fd);
        if (copy < 0 || !link_file(p, copy, name)) {
            int error = errno;
            if (copy >= 0)
                close(copy);
            return refuse(p, why, error, "a message's body cannot be kept");
        }
        fd = copy;
    }
    if (p->added_count == p->added_room) {
        p->added_room = p->added_room ? p->added_room * 2 : 16;
        p->added = mem_resize(p->added, p->added_room * sizeof *p->added);
    }
    p->added[p->added_count++] = (struct spool_file){ id, fd };
    return true;
}

void spool_remove(struct spool *p, uint64_t id)
{
    if (p->gone_count == p->gone_room) {
        p->gone_room = p->gone_room ? p->gone_room * 2 : 16;
        p->gone = mem_resize(p->gone, p->gone_room * sizeof *p->gone);
    }
    p->gone[p->gone_count++] = id;
}

bool spool_sync(struct spool *p, struct fault *why)
{
    if (p->added_count == 0)
        return true;
    /* All writing starts before the first wait: one flush of the file system's journal then serves the whole batch. */
    for (size_t i = 0; i < p->added_count; i++)
        (void)sync_file_range(p->added[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    for (size_t i = 0; i < p->added_count; i++)
        if (fdatasync(p->added[i].fd) != 0)
            return refuse(p, why, errno, "a message's body cannot be flushed");
    if (fsync(p->directory) != 0)
        return refuse(p, why, errno, "the directory cannot be flushed");
    return true;
}

static void close_added(struct spool *p)
{
    for (size_t i = 0; i < p->added_count; i++)
        close(p->added[i].fd);
    p->added_count = 0;
}

static void unlink_id(struct spool *p, uint64_t id)
{
    char name[NAME_SIZE];
    name_of(id, name);
    if (unlinkat(p->directory, name, 0) != 0 && errno != ENOENT)
        log_warn("store.spool", LOG_TEXT("file", name),
                 LOG_TEXT("text", "cannot be removed; the next start tries again"));
}

void spool_keep(struct spool *p)
{
    close_added(p);
    p->gone_kept = p->gone_count;
}

/* Not before: a file that is gone while its message came back after a power cut would be missed. */
void spool_unlink(struct spool *p)
{
    for (size_t i = 0; i < p->gone_kept; i++)
        unlink_id(p, p->gone[i]);
    p->gone_count = p->gone_kept = 0;
}

void spool_undo(struct spool *p)
{
    for (size_t i = 0; i < p->added_count; i++)
        unlink_id(p, p->added[i].id);
    close_added(p);
    p->gone_count = p->gone_kept;
}

int spool_read(struct spool *p, uint64_t id, struct fault *why)
{
    char name[NAME_SIZE];
    name_of(id, name);
    int fd = openat(p->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fault_errno(why, FAULT_LOCAL, errno, "the message's body %s/%s cannot be opened", p->path, name);
    return fd;
}

static bool id_of_name(const char *name, uint64_t *id)
{
    uint8_t raw[8];
    size_t size = 0;
    if (!hex_decode(name, raw, sizeof raw, &size) || size != sizeof raw)
        return false;
    *id = 0;
    for (size_t i = 0; i < sizeof raw; i++)
        *id = *id << 8 | raw[i];
    return true;
}

static bool is_older(struct spool *p, const char *name, int64_t grace_ms)
{
    struct stat st;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* file times are the system's, so no other clock compares with them */
    return fstatat(p->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (now.tv_sec - st.st_ctim.tv_sec) * 1000 >= grace_ms;
}

void spool_tidy(struct spool *p, int64_t grace_ms, spool_owned_fn *is_owned, void *ctx)
{
    int fd = openat(p->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        uint64_t id;
        if (id_of_name(e->d_name, &id) && is_older(p, e->d_name, grace_ms) && !is_owned(ctx, id)) {
            log_info("store.spool", LOG_TEXT("file", e->d_name), LOG_TEXT("text", "belongs to no message; removed"));
            unlink_id(p, id);
        }
    }
    closedir(dir);
}
