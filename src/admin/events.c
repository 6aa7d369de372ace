/* `postern log`: the event file, filtered, and followed while it grows. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"

#define CHUNK 65536
#define LINE_LIMIT 65536
#define PENDING_MAX (1u << 20) /* the reader is behind: wait for it */
#define FOLLOW_MS 250

struct log_follow {
    struct request *request;
    struct loop_timer timer;
    const char *message, *mailbox;
    enum log_level level;
    bool is_following, is_old_done;
    int fd;
    ino_t inode;
    struct buf line;
};

void log_follow_free(struct log_follow *f)
{
    if (!f)
        return;
    loop_timer_stop(&f->timer);
    if (f->fd >= 0)
        close(f->fd);
    buf_fini(&f->line);
    free(f);
}

static bool field_is(json_t *event, const char *key, const char *wanted)
{
    return !wanted || text_equal_nocase(json_string_value(json_object_get(event, key)), wanted);
}

static bool is_wanted(const struct log_follow *f, struct bytes line)
{
    /* Most lines are not about this message: don't parse them to find out. */
    if (f->message && bytes_find(line, bytes_of(f->message)) == SIZE_MAX)
        return false;
    json_t *event = json_loadb((const char *)line.data, line.size, 0, NULL);
    const char *name = json_string_value(json_object_get(event, "level"));
    enum log_level level = LOG_LEVEL_ERROR;
    bool is_level = name && log_level_from_name(name, &level) && level <= f->level;
    bool is_ours = is_level && field_is(event, "message", f->message) && field_is(event, "mailbox", f->mailbox);
    json_decref(event);
    return is_ours;
}

static void take_line(struct log_follow *f)
{
    if (is_wanted(f, buf_bytes(&f->line))) {
        buf_add_byte(&f->line, '\n');
        stream_push_bytes(f->request, buf_bytes(&f->line));
    }
    buf_clear(&f->line);
}

static void take_chunk(struct log_follow *f, struct bytes chunk)
{
    while (chunk.size > 0) {
        const uint8_t *end = memchr(chunk.data, '\n', chunk.size);
        size_t size = end ? (size_t)(end - chunk.data) : chunk.size;
        buf_add(&f->line, chunk.data, size);
        if (end)
            take_line(f);
        chunk = bytes_slice(chunk, end ? size + 1 : size, chunk.size);
    }
}

/* Reads until the file's end or until the reader has enough for now; true at the end. */
static bool read_on(struct log_follow *f)
{
    uint8_t chunk[CHUNK];
    while (f->request->stream.out.size < PENDING_MAX) {
        ssize_t n = f->fd < 0 ? 0 : read(f->fd, chunk, sizeof chunk);
        if (n <= 0)
            return true;
        take_chunk(f, (struct bytes){ chunk, (size_t)n });
    }
    return false;
}

static void open_file(struct log_follow *f, const char *suffix)
{
    char path[4096];
    struct stat st = { 0 };
    snprintf(path, sizeof path, "%s%s", f->request->admin->conf->log.events, suffix);
    if (f->fd >= 0)
        close(f->fd);
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd >= 0 && fstat(f->fd, &st) == 0)
        f->inode = st.st_ino;
}

static bool was_rotated(const struct log_follow *f)
{
    struct stat st;
    return stat(f->request->admin->conf->log.events, &st) == 0 && st.st_ino != f->inode;
}

static void on_turn(void *ctx)
{
    struct log_follow *f = ctx;
    if (!read_on(f)) {
        loop_timer_start(&f->timer, FOLLOW_MS);
        return;
    }
    if (!f->is_old_done || was_rotated(f)) {
        f->is_old_done = true;
        open_file(f, "");
        loop_timer_start(&f->timer, 0);
    } else if (f->is_following) {
        loop_timer_start(&f->timer, FOLLOW_MS);
    } else {
        stream_end(f->request);
    }
}

void log_get(struct request *r)
{
    const char *level = request_query(r, "level");
    enum log_level wanted = LOG_LEVEL_DEBUG;
    if (level && !log_level_from_name(level, &wanted)) {
        respond_problem(r, 400, "Unknown level", "%s is none of error, warn, info, debug", level);
        return;
    }
    struct log_follow *f = mem_alloc(sizeof *f);
    *f = (struct log_follow){ .request = r, .level = wanted, .fd = -1 };
    f->message = request_query(r, "message");
    f->mailbox = request_query(r, "mailbox");
    f->is_following = text_equal(request_query(r, "follow"), "1");
    buf_init(&f->line, LINE_LIMIT);
    loop_timer_init(&f->timer, r->admin->loop, on_turn, f);
    r->follow = f;
    open_file(f, ".1");
    loop_timer_start(&f->timer, 0);
    respond_stream(r, "application/x-ndjson");
}
