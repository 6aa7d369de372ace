/* Writing a drop file: complete and flushed before it has its name. Linked by the command line too, so it knows no store. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "queue/drop.h"

bool drop_name_is_valid(const char *name)
{
    return strlen(name) == DROP_NAME_SIZE - 1 && strspn(name, "0123456789abcdef") == DROP_NAME_SIZE - 1;
}

static void make_name(char name[DROP_NAME_SIZE])
{
    uint64_t random;
    secret_random(&random, sizeof random);
    snprintf(name, DROP_NAME_SIZE, "%016llx%016llx", (unsigned long long)clock_wall_ms(), (unsigned long long)random);
}

static json_t *recipient_json(const struct submit_recipient *r)
{
    return json_pack("{s:s, s:i, s:s}", "address", r->address, "notify", (int)r->notify, "orcpt",
                     r->orcpt ? r->orcpt : "");
}

static char *line_of(const struct drop *d)
{
    json_t *recipients = json_array();
    for (size_t i = 0; i < d->recipients_count; i++)
        json_array_append_new(recipients, recipient_json(&d->recipients[i]));
    json_t *line = json_pack("{s:i, s:s, s:o, s:i, s:s, s:b, s:b}", "version", 1, "sender", d->sender ? d->sender : "",
                             "recipients", recipients, "ret", (int)d->ret, "envid", d->envid ? d->envid : "", "is_8bit",
                             d->is_8bit, "is_smtputf8", d->is_smtputf8);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    return text;
}

static bool write_all(int fd, const void *data, size_t size)
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

static bool copy(int from, int to)
{
    char chunk[65536];
    ssize_t n;
    for (off_t at = 0; (n = pread(from, chunk, sizeof chunk, at)) > 0; at += n)
        if (!write_all(to, chunk, (size_t)n))
            return false;
    return n == 0;
}

/* The directory is the daemon's; its group reads what others wrote there. */
static bool write_file(int dir, const char *hidden, const char *line, int body)
{
    int fd = openat(dir, hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return false;
    bool ok = fchmod(fd, 0640) == 0 && write_all(fd, line, strlen(line)) && write_all(fd, "\n", 1) && copy(body, fd) &&
              fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}

/* A directory that this user may write but not list was opened without the right to flush it. */
static bool flush(int dir)
{
    return fsync(dir) == 0 || errno == EBADF;
}

static bool put(int dir, const char *name, const char *line, int body)
{
    char hidden[DROP_NAME_SIZE + 1];
    snprintf(hidden, sizeof hidden, ".%s", name);
    if (write_file(dir, hidden, line, body) && renameat(dir, hidden, dir, name) == 0 && flush(dir))
        return true;
    int error = errno;
    unlinkat(dir, hidden, 0);
    errno = error;
    return false;
}

bool drop_write(const char *directory, const struct drop *d, int body, char name[DROP_NAME_SIZE], struct fault *why)
{
    char *line = line_of(d);
    if (!line)
        return fault_set(why, FAULT_REJECT, "drop.format", "an address is not UTF-8");
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == EACCES)
        dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    make_name(name);
    bool ok = dir >= 0 && put(dir, name, line, body);
    if (!ok)
        fault_errno(why, FAULT_LOCAL, errno,
                    "mail can't be left in %s; has the daemon ever run, and may this user write there?", directory);
    if (dir >= 0)
        close(dir);
    free(line);
    return ok;
}
