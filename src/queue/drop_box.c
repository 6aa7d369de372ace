/* The drop directory: noticed, read, taken in once, removed. What can't be taken in goes to bad/ for a person to look at; what can't
 * be taken in now (no way out yet, disk full) stays where it is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/drop.h"
#include "queue/drop_body.h"
#include "queue/queue_private.h"
#include "route/route.h"

enum { LOOK_MS = 10000, FILES_AT_ONCE = 64, DATE_SIZE = 40 };

struct drop_box {
    struct queue *q;
    int directory, notify;
    struct loop_io *io;
    struct loop_timer timer;
    struct arena *arena;             /* of one look */
    const char *done[FILES_AT_ONCE]; /* to remove once committed */
    size_t done_count;
};

/* --- one file --- */

static bool open_file(struct drop_box *d, const char *name, int *fd, struct stat *st, struct fault *why)
{
    *fd = openat(d->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return fault_errno(why, errno == ELOOP ? FAULT_REJECT : FAULT_LOCAL, errno, "it cannot be opened");
    if (fstat(*fd, st) != 0 || !S_ISREG(st->st_mode) || st->st_nlink != 1)
        return fault_set(why, FAULT_REJECT, "drop.format", "it is not a plain file of its own");
    return true;
}

static bool read_line(struct drop_box *d, int fd, struct bytes *line, struct fault *why)
{
    size_t room = 4096, size = 0;
    for (;;) {
        uint8_t *data = arena_alloc(d->arena, room);
        ssize_t n = pread(fd, data, room, 0);
        size = n > 0 ? (size_t)n : 0;
        const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
        if (end) {
            *line = (struct bytes){ data, (size_t)(end - data) };
            return true;
        }
        if (size < room || room >= DROP_LINE_LIMIT)
            return fault_set(why, FAULT_REJECT, "drop.format", "it has no first line, or one that never ends");
        room *= 4;
    }
}

static const char *received_field(struct drop_box *d, uid_t uid)
{
    char date[DATE_SIZE];
    clock_rfc5322(queue_now(d->q), date, sizeof date);
    return arena_printf(d->arena, "Received: by %s (Postern, from userid %lu);\r\n\t%s\r\n", d->q->conf->hostname,
                        (unsigned long)uid, date);
}

static struct drop_body_plan plan_of(struct drop_box *d, const struct route *r, uid_t uid)
{
    char date[DATE_SIZE];
    clock_rfc5322(queue_now(d->q), date, sizeof date);
    return (struct drop_body_plan){
        .spool = arena_printf(d->arena, "%s/spool", d->q->conf->state),
        .received = received_field(d, uid),
        .rewrite = { .from = r->from,
                     .date = arena_strdup(d->arena, date),
                     .message_id = arena_printf(d->arena, "<%016llx@%s>", (unsigned long long)queue_next_id(d->q),
                                                d->q->conf->hostname) },
        .limit = d->q->conf->limits.message_size,
    };
}

static bool submit(struct drop_box *d, const struct drop *drop, const struct route *r, struct drop_body *body,
                   uid_t uid, struct fault *why)
{
    struct submit m = {
        .app = "",
        .mailbox = r->mailbox,
        .sender = r->sender,
        .peer = arena_printf(d->arena, "userid %lu", (unsigned long)uid),
        .session = "",
        .is_8bit = drop->is_8bit || body->is_8bit,
        .is_smtputf8 = drop->is_smtputf8,
        .ret = drop->ret,
        .envid = drop->envid,
        .size = body->size,
        .recipients = drop->recipients,
        .recipients_count = drop->recipients_count,
        .body = body->fd < 0 ? body->inlined : BYTES_NONE,
        .fd = body->fd,
    };
    return batch_submit(d->q, &m, NULL, NULL, why);
}

static bool take(struct drop_box *d, int fd, struct stat *st, struct fault *why)
{
    struct bytes line = BYTES_NONE;
    struct drop drop;
    struct route route;
    struct drop_body body = { 0 };
    struct queue *q = d->q;
    if (!read_line(d, fd, &line, why) || !drop_parse(line, d->arena, &drop, why) ||
        !route_local(q->directory, q->conf->sendmail.mailbox, drop.sender, d->arena, &route, why))
        return false;
    struct drop_body_plan plan = plan_of(d, &route, st->st_uid);
    if (!drop_body_read(fd, (off_t)line.size + 1, &plan, d->arena, &body, why))
        return false;
    if (!route_header(q->directory, "", &route, body.header, why)) {
        if (body.fd >= 0)
            close(body.fd);
        return false;
    }
    return submit(d, &drop, &route, &body, st->st_uid, why);
}

/* --- the directory --- */

static void set_aside(struct drop_box *d, const char *name, const struct fault *why)
{
    char path[DROP_NAME_SIZE + 8];
    snprintf(path, sizeof path, "bad/%.*s", DROP_NAME_SIZE - 1, name);
    if (mkdirat(d->directory, "bad", 0700) != 0 && errno != EEXIST)
        log_error("drop.bad", LOG_TEXT("file", name), LOG_TEXT("text", "the directory bad/ can't be made"));
    else if (renameat(d->directory, name, d->directory, path) != 0)
        log_error("drop.bad", LOG_TEXT("file", name), LOG_TEXT("text", "it can't be moved to bad/"));
    else
        log_error("drop.bad", LOG_TEXT("file", path), LOG_FAULT(why));
}

/* The name goes into the transaction of the message: one that is known was taken in before a crash, and only needs to go. */
static bool take_once(struct drop_box *d, const char *name, int fd, struct stat *st, struct fault *why)
{
    bool is_known = false;
    struct store *s = d->q->store;
    if (!store_drop_find(s, name, &is_known, why) || is_known)
        return is_known;
    if (!take(d, fd, st, why))
        return false;
    if (store_drop_add(s, name, queue_now(d->q), why))
        return true;
    batch_fail(d->q, why);
    return false;
}

static void take_file(struct drop_box *d, const char *name)
{
    struct fault why = { 0 };
    struct stat st;
    int fd = -1;
    bool ok = open_file(d, name, &fd, &st, &why) && take_once(d, name, fd, &st, &why);
    if (fd >= 0)
        close(fd);
    if (ok)
        d->done[d->done_count++] = arena_strdup(d->arena, name);
    else if (why.kind == FAULT_REJECT)
        set_aside(d, name, &why);
    else
        log_warn("drop.deferred", LOG_TEXT("file", name), LOG_FAULT(&why));
}

static bool is_ours(const char *name)
{
    return name[0] != '.' && strcmp(name, "bad") != 0;
}

static void take_batch(struct drop_box *d)
{
    int fd = openat(d->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir && fd >= 0)
        close(fd);
    for (struct dirent *e; dir && !d->q->is_store_down && d->done_count < FILES_AT_ONCE && (e = readdir(dir));) {
        struct fault odd = { .kind = FAULT_REJECT, .text = "its name is not that of a dropped message" };
        if (!is_ours(e->d_name))
            continue;
        if (drop_name_is_valid(e->d_name))
            take_file(d, e->d_name);
        else
            set_aside(d, e->d_name, &odd);
    }
    if (dir)
        closedir(dir);
}

static void look(void *ctx)
{
    struct drop_box *d = ctx;
    struct queue *q = d->q;
    loop_timer_start(&d->timer, LOOK_MS);
    if (q->closed[0] || q->drained || !queue_commit(q))
        return;
    d->done_count = 0;
    take_batch(d);
    if (!q->is_store_down && queue_commit(q)) {
        for (size_t i = 0; i < d->done_count; i++)
            unlinkat(d->directory, d->done[i], 0);
        if (d->done_count == FILES_AT_ONCE)
            loop_timer_start(&d->timer, 0);
    }
    arena_reset(d->arena);
}

static void on_notify(void *ctx, unsigned ready)
{
    struct drop_box *d = ctx;
    char events[4096];
    while (read(d->notify, events, sizeof events) > 0)
        ;
    look(d);
}

/* --- coming and going --- */

static bool open_directory(struct drop_box *d)
{
    const char *path = d->q->conf->sendmail.drop;
    d->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->directory < 0)
        log_error("drop.closed", LOG_TEXT("file", path), LOG_TEXT("text", strerror(errno)));
    return d->directory >= 0;
}

static void watch(struct drop_box *d)
{
    d->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (d->notify >= 0 && inotify_add_watch(d->notify, d->q->conf->sendmail.drop, IN_MOVED_TO) >= 0)
        d->io = loop_io_new(d->q->loop, d->notify, LOOP_READ, on_notify, d);
}

struct drop_box *drop_box_new(struct queue *q)
{
    struct drop_box *d = mem_alloc(sizeof *d);
    d->q = q;
    d->notify = -1;
    d->arena = arena_new();
    loop_timer_init(&d->timer, q->loop, look, d);
    if (open_directory(d)) {
        watch(d);
        loop_timer_start(&d->timer, 0);
    }
    return d;
}

void drop_box_free(struct drop_box *d)
{
    if (!d)
        return;
    loop_io_free(d->io);
    loop_timer_stop(&d->timer);
    if (d->notify >= 0)
        close(d->notify);
    if (d->directory >= 0)
        close(d->directory);
    arena_free(d->arena);
    free(d);
}
