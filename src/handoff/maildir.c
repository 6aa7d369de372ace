/* handoff/maildir.c - one file in a Maildir: whole and on disk, or not there.
 *
 * The name is made of the item's id, so that a second attempt after a death finds what the first one left, also when a reader has
 * moved it to cur/ and given it flags. Line ends become LF, as programs on this machine have them; one line is put before the message,
 * "Delivered-To: MAILBOX". The provider has written Return-Path. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "handoff/handoff_private.h"

#define CHUNK (256u << 10)

struct maildir {
    int root, tmp, new, cur;
};

static const char *finding_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "maildir.full";
    case EACCES:
    case EPERM:
    case EROFS:
        return "maildir.permission";
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return "maildir.missing";
    default:
        return "maildir.failed";
    }
}

static bool failed(struct handoff_run *run, const char *doing)
{
    int error = errno;
    handoff_finish_errno(run, finding_of(error), error, "%s: %s", run->endpoint->maildir, doing);
    return false;
}

void handoff_maildir_name(const struct handoff_run *run, char out[300])
{
    const char *host = run->home->hostname;
    uint64_t id = run->job.id;
    /* A try by hand must leave a message each time. */
    int size = run->job.is_test
                   ? snprintf(out, 300, "%lld.T%016llx.", (long long)(loop_wall_ms(run->home->loop) / 1000),
                              (unsigned long long)id + (unsigned long long)loop_wall_ms(run->home->loop))
                   : snprintf(out, 300, "%llu.I%016llx.", (unsigned long long)((id >> 20) / 1000),
                              (unsigned long long)id);
    for (; *host && size < 200; host++) {
        if (*host == '/' || *host == ':')
            size += snprintf(out + size, (size_t)(300 - size), "\\%03o", (unsigned)*host);
        else
            out[size++] = *host;
    }
    out[size] = '\0';
}

/* Up to the second dot: the host may have got another name meanwhile. */
static size_t key_size(const char *name)
{
    const char *dot = strchr(name, '.');
    return (size_t)(strchr(dot + 1, '.') + 1 - name);
}

static bool holds(int folder, const char *name)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *all = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    bool is_there = false;
    if (!all && fd >= 0)
        close(fd);
    while (all && !is_there && (entry = readdir(all)))
        is_there = strncmp(entry->d_name, name, key_size(name)) == 0;
    if (all)
        closedir(all);
    return is_there;
}

/* Looking through a large folder costs time, so it is done only where an attempt may have been before: by this process, or by one that
 * died. Ids begin with the time when the item was made. */
static bool may_be_repeat(const struct handoff_run *run)
{
    return run->job.attempt > 1 || (int64_t)(run->job.id >> 20) <= run->home->began_ms;
}

static int open_folder(int root, const char *name)
{
    struct stat above;
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    /* Like the folder around it, for the group that reads it. */
    if (fstat(root, &above) < 0 || (mkdirat(root, name, 0700) < 0 && errno != EEXIST))
        return -1;
    fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)!fchmod(fd, 0700 | (above.st_mode & (S_ISGID | S_IRWXG)));
    fsync(root);
    return fd;
}

static bool open_all(struct handoff_run *run, struct maildir *m)
{
    const char *path = run->endpoint->maildir;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return failed(run, "making it");
    m->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->root < 0)
        return failed(run, "opening it");
    m->tmp = open_folder(m->root, "tmp");
    m->new = m->tmp < 0 ? -1 : open_folder(m->root, "new");
    m->cur = m->new < 0 ? -1 : open_folder(m->root, "cur");
    return m->cur >= 0 || failed(run, "opening tmp, new and cur");
}

static void close_all(struct maildir *m)
{
    int *all[] = { &m->root, &m->tmp, &m->new, &m->cur };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (*all[i] >= 0)
            close(*all[i]);
}

static bool write_whole(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* CRLF becomes LF; a CR that stands alone stays. */
static bool write_lines(int fd, struct bytes in, struct buf *out)
{
    for (size_t at = 0; at < in.size;) {
        const uint8_t *cr = memchr(in.data + at, '\r', in.size - at);
        size_t end = cr ? (size_t)(cr - in.data) : in.size;
        bool is_line_end = cr && end + 1 < in.size && in.data[end + 1] == '\n';
        struct bytes run = bytes_slice(in, at, cr && !is_line_end ? end + 1 : end);
        for (size_t from = 0; from < run.size; from += CHUNK) {
            struct bytes piece = bytes_slice(run, from, from + CHUNK);
            if (out->size + piece.size > CHUNK) {
                if (!write_whole(fd, out->data, out->size))
                    return false;
                buf_clear(out);
            }
            buf_add_bytes(out, piece);
        }
        at = is_line_end ? end + 1 : at + run.size;
    }
    return write_whole(fd, out->data, out->size);
}

static bool write_message(struct handoff_run *run, int fd)
{
    struct buf out;
    char mailbox[400];
    text_sanitize(bytes_of(run->job.mailbox), mailbox, sizeof mailbox);
    buf_init(&out, CHUNK);
    buf_addf(&out, "Delivered-To: %s\n", mailbox);
    bool is_written = write_lines(fd, run->message, &out);
    buf_fini(&out);
    return is_written;
}

/* Readable for the group where the folder is. */
static mode_t mode_in(int folder)
{
    struct stat s;
    return fstat(folder, &s) < 0 ? 0600 : 0600 | (s.st_mode & 0060);
}

static bool fill(struct handoff_run *run, const struct maildir *m, const char *name)
{
    unlinkat(m->tmp, name, 0); /* of an attempt that died */
    int fd = openat(m->tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(run, "making a file in tmp");
    bool is_good = fchmod(fd, mode_in(m->new)) == 0 && write_message(run, fd) && fsync(fd) == 0;
    int error = errno;
    is_good = close(fd) == 0 && is_good;
    if (is_good)
        return true;
    unlinkat(m->tmp, name, 0);
    errno = error;
    return failed(run, "writing the message");
}

static void deliver(struct handoff_run *run, const struct maildir *m)
{
    char name[300];
    handoff_maildir_name(run, name);
    if (faccessat(m->new, name, F_OK, 0) == 0 || (may_be_repeat(run) && (holds(m->cur, name) || holds(m->new, name)))) {
        /* Whether it is on disk is not known of an attempt that died. */
        if (fsync(m->new) < 0)
            failed(run, "writing new");
        else
            handoff_finish(run, HANDOFF_DONE, "", "it is in %s since an attempt before", run->endpoint->maildir);
        return;
    }
    if (!fill(run, m, name))
        return;
    if (renameat(m->tmp, name, m->new, name) < 0) {
        failed(run, "moving it to new");
        unlinkat(m->tmp, name, 0);
    } else if (fsync(m->new) < 0) {
        failed(run, "writing new");
    } else {
        handoff_finish(run, HANDOFF_DONE, "", "%s/new/%s", run->endpoint->maildir, name);
    }
}

static void start(struct handoff_run *run)
{
    struct maildir m = { -1, -1, -1, -1 };
    if (!handoff_map(run))
        return;
    if (open_all(run, &m))
        deliver(run, &m);
    close_all(&m);
}

static void stop(struct handoff_run *run)
{
}

const struct handoff_kind handoff_maildir = { start, stop };
