/* The event file, filtered, and followed while it grows: as lines (GET /log), or as server-sent events (GET /events).
 *
 * A reader that is behind is waited for: what it has not taken stays in the file, and here lies at most PENDING_MAX. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#define HEARTBEAT_MS 15000

struct log_follow {
    struct request *request;
    struct loop_timer timer;
    const char *message, *mailbox;
    enum log_level level;
    bool is_following, is_old_done;
    bool is_sse;
    int64_t said_ms; /* when the last octet was written, for the heartbeat */
    int fd;
    ino_t inode;
    uint64_t place; /* octets of the file that were gone through; lines end there */
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

/* A place in the file's life: where to go on after it. */
static void say_place(struct log_follow *f)
{
    char text[64];
    snprintf(text, sizeof text, "id: %" PRIu64 "-%" PRIu64, (uint64_t)f->inode, f->place);
    stream_push(f->request, text);
    f->said_ms = loop_now_ms(f->request->admin->loop);
}

static void give_line(struct log_follow *f)
{
    buf_add_byte(&f->line, '\n');
    if (f->is_sse) {
        say_place(f);
        stream_push_bytes(f->request, BYTES_LIT("data: "));
    }
    stream_push_bytes(f->request, buf_bytes(&f->line));
    if (f->is_sse)
        stream_push(f->request, "");
}

static void take_line(struct log_follow *f)
{
    if (is_wanted(f, buf_bytes(&f->line)))
        give_line(f);
    buf_clear(&f->line);
}

static void take_chunk(struct log_follow *f, struct bytes chunk)
{
    while (chunk.size > 0) {
        const uint8_t *end = memchr(chunk.data, '\n', chunk.size);
        size_t size = end ? (size_t)(end - chunk.data) : chunk.size;
        buf_add(&f->line, chunk.data, size);
        f->place += end ? size + 1 : size;
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
    f->inode = f->fd >= 0 && fstat(f->fd, &st) == 0 ? st.st_ino : 0;
    f->place = 0;
    buf_clear(&f->line);
}

static bool was_rotated(const struct log_follow *f)
{
    struct stat st;
    return stat(f->request->admin->conf->log.events, &st) == 0 && st.st_ino != f->inode;
}

/* Keeps the connection alive where nothing happens, and moves the place past what was not wanted. */
static void beat(struct log_follow *f)
{
    if (!f->is_sse || loop_now_ms(f->request->admin->loop) - f->said_ms < HEARTBEAT_MS)
        return;
    stream_push(f->request, ":");
    if (f->line.size == 0)
        say_place(f);
    stream_push(f->request, "");
    f->said_ms = loop_now_ms(f->request->admin->loop);
}

static void on_turn(void *ctx)
{
    struct log_follow *f = ctx;
    if (f->request->stream.is_ended)
        return;
    if (!read_on(f)) {
        loop_timer_start(&f->timer, FOLLOW_MS);
        return;
    }
    if (!f->is_old_done || was_rotated(f)) {
        f->is_old_done = true;
        open_file(f, "");
        loop_timer_start(&f->timer, 0);
    } else if (f->is_following) {
        beat(f);
        loop_timer_start(&f->timer, FOLLOW_MS);
    } else {
        stream_end(f->request);
    }
}

static struct log_follow *follow_new(struct request *r)
{
    const char *level = request_query(r, "level");
    enum log_level wanted = LOG_LEVEL_DEBUG;
    if (level && !log_level_from_name(level, &wanted)) {
        respond_finding(r, 400, "api.address", "%s is none of error, warn, info, debug", level);
        return NULL;
    }
    struct log_follow *f = mem_alloc(sizeof *f);
    *f = (struct log_follow){ .request = r, .level = wanted, .fd = -1 };
    f->message = request_query(r, "message");
    f->mailbox = request_query(r, "mailbox");
    buf_init(&f->line, LINE_LIMIT);
    loop_timer_init(&f->timer, r->admin->loop, on_turn, f);
    r->follow = f;
    return f;
}

void log_get(struct request *r)
{
    struct log_follow *f = follow_new(r);
    if (!f)
        return;
    f->is_following = request_is_on(r, "follow");
    open_file(f, ".1");
    loop_timer_start(&f->timer, 0);
    respond_stream(r, "application/x-ndjson");
}

/* --- server-sent events --- */

static bool parse_place(const char *text, uint64_t *inode, uint64_t *place)
{
    const char *dash = text ? strchr(text, '-') : NULL;
    char number[24];
    if (!dash || (size_t)(dash - text) >= sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)(dash - text), text);
    return text_to_u64(number, UINT64_MAX, inode) && text_to_u64(dash + 1, INT64_MAX, place);
}

/* Goes on in this file, if it is the one that was meant and reaches that far. */
static bool go_on_in(struct log_follow *f, const char *suffix, uint64_t inode, uint64_t place)
{
    struct stat st;
    open_file(f, suffix);
    if (f->fd < 0 || f->inode != inode || fstat(f->fd, &st) != 0 || (uint64_t)st.st_size < place)
        return false;
    lseek(f->fd, (off_t)place, SEEK_SET);
    f->place = place;
    return true;
}

/* Where the reader stopped; what was rotated away meanwhile is said to be missing, and all that is left follows. */
static void go_on_after(struct log_follow *f, const char *last)
{
    uint64_t inode, place;
    f->is_old_done = true;
    if (!parse_place(last, &inode, &place)) {
        open_file(f, "");
        off_t end = f->fd >= 0 ? lseek(f->fd, 0, SEEK_END) : 0;
        f->place = end > 0 ? (uint64_t)end : 0;
    } else if (!go_on_in(f, "", inode, place)) {
        f->is_old_done = false;
        if (!go_on_in(f, ".1", inode, place)) {
            open_file(f, ".1");
            stream_push(f->request, "event: gap");
            stream_push(f->request, "data: {\"text\":\"events from before are not kept any more\"}");
            stream_push(f->request, "");
        }
    }
}

static bool may_follow(struct request *r)
{
    const char *mailbox = request_query(r, "mailbox");
    if (r->principal->mailboxes_count == 0 || (mailbox && principal_may_touch(r->principal, mailbox)))
        return true;
    respond_finding(r, 403, "console.mailbox", "%s is limited to some mailboxes: ask for the events of one of them",
                    r->principal->name);
    return false;
}

void events_get(struct request *r)
{
    struct log_follow *f = may_follow(r) ? follow_new(r) : NULL;
    const char *last = request_header(r, "Last-Event-ID");
    if (!f)
        return;
    f->is_following = f->is_sse = true;
    f->said_ms = loop_now_ms(r->admin->loop);
    respond_stream(r, "text/event-stream");
    stream_push(r, "retry: 3000"); /* at once, so that the reader knows it is heard */
    stream_push(r, "");
    go_on_after(f, last ? last : request_query(r, "last_event_id"));
    loop_timer_start(&f->timer, 0);
}
