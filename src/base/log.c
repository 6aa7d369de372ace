/* base/log.c - putting lines together, gathering them, writing them.
 *
 * Each destination has one buffer and gets one write() per flush. Lines of several processes do not mix: the event file
 * is opened for appending and a write holds whole lines. Out of room or unwritable, lines are dropped, never waited for. */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define VALUE_MAX 400
#define LINE_MAX_SIZE 8192u
#define GATHER_SIZE (64u << 10)
/* No value needs more: "key":"..." with each byte written as six (\u0001). */
#define FIELD_MAX (64 + VALUE_MAX * 6 + 8)

struct destination {
    int fd; /* -1: off */
    size_t size;
    char data[GATHER_SIZE];
};

static struct {
    char role[32];
    enum log_level level;
    bool is_journal; /* standard error is journald's: it has its own times and wants priorities */
} setup = { .role = "postern", .level = LOG_LEVEL_INFO };

static struct destination to_stderr = { .fd = STDERR_FILENO };
static struct destination to_events = { .fd = -1 };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char journal_priorities[] = "3467"; /* sd-daemon(3) */

static void put(struct destination *d, const char *text, size_t size)
{
    assert(size <= sizeof d->data - d->size);
    memcpy(d->data + d->size, text, size);
    d->size += size;
}

static void put_text(struct destination *d, const char *text)
{
    put(d, text, strlen(text));
}

static void put_unsigned(struct destination *d, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(d, digits + at, sizeof digits - at);
}

static void put_number(struct destination *d, int64_t value)
{
    if (value < 0)
        put(d, "-", 1);
    put_unsigned(d, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* A byte that needs no thought in either format. */
static bool is_plain(uint8_t c)
{
    return c > 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '=';
}

static bool is_control(struct bytes at, size_t step)
{
    return at.data[0] < 0x20 || at.data[0] == 0x7F || (step == 2 && at.data[0] == 0xC2 && at.data[1] < 0xA0);
}

static void put_hex(struct destination *d, const char *prefix, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    put_text(d, prefix);
    put(d, &digits[byte >> 4], 1);
    put(d, &digits[byte & 15], 1);
}

/* Both formats quote alike; they differ in how a control character is written. */
static void put_quoted(struct destination *d, struct bytes value, const char *control_prefix)
{
    put(d, "\"", 1);
    for (size_t at = 0; at < value.size;) {
        size_t run = at;
        while (run < value.size && (is_plain(value.data[run]) || value.data[run] == ' ' || value.data[run] == '='))
            run++;
        put(d, (const char *)value.data + at, run - at);
        at = run;
        if (at == value.size)
            break;
        struct bytes rest = bytes_slice(value, at, value.size);
        size_t step = text_sequence(rest);
        if (step == 0) {
            put(d, "?", 1);
        } else if (is_control(rest, step)) {
            put_hex(d, control_prefix, rest.data[step - 1]);
        } else {
            if (rest.data[0] == '"' || rest.data[0] == '\\')
                put(d, "\\", 1);
            put(d, (const char *)rest.data, step);
        }
        at += step ? step : 1;
    }
    put(d, "\"", 1);
}

static void put_logfmt(struct destination *d, struct bytes value)
{
    size_t plain = 0;
    while (plain < value.size && is_plain(value.data[plain]))
        plain++;
    if (plain == value.size && plain > 0)
        put(d, (const char *)value.data, plain);
    else
        put_quoted(d, value, "\\x");
}

static struct bytes text_of(const struct log_field *f)
{
    struct bytes value = f->type == LOG_TYPE_TEXT ? bytes_of(f->text) : f->bytes;
    return bytes_slice(value, 0, text_cut(value, VALUE_MAX));
}

typedef void put_value_fn(struct destination *d, struct bytes value);

static void put_json(struct destination *d, struct bytes value)
{
    put_quoted(d, value, "\\u00");
}

static void put_value(struct destination *d, const struct log_field *f, put_value_fn *text)
{
    switch (f->type) {
    case LOG_TYPE_NUMBER:
        put_number(d, f->number);
        break;
    case LOG_TYPE_UNSIGNED:
        put_unsigned(d, f->unsigned_number);
        break;
    case LOG_TYPE_BOOL:
        put_text(d, f->number ? "true" : "false");
        break;
    case LOG_TYPE_TEXT:
    case LOG_TYPE_BYTES:
        text(d, text_of(f));
        break;
    case LOG_TYPE_END:
        break;
    }
}

/* Empty text says nothing: optional keys are passed always and appear when they are known. */
static bool is_said(const struct log_field *f)
{
    return (f->type != LOG_TYPE_TEXT && f->type != LOG_TYPE_BYTES) || text_of(f).size > 0;
}

/* The second's text is made once; a busy process logs thousands of lines in it. */
static const char *timestamp(void)
{
    static int64_t second = INT64_MIN;
    static char text[32];
    int64_t now = clock_wall_ms(), ms = now % 1000;
    if (now - ms != second) {
        second = now - ms;
        clock_iso(second, text, sizeof text);
    }
    text[20] = (char)('0' + ms / 100);
    text[21] = (char)('0' + ms / 10 % 10);
    text[22] = (char)('0' + ms % 10);
    return text;
}

static void write_out(struct destination *d)
{
    size_t at = 0;
    while (d->fd >= 0 && at < d->size) {
        ssize_t wrote = write(d->fd, d->data + at, d->size - at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break;
        at += (size_t)wrote;
    }
    d->size = 0;
}

static bool begin_line(struct destination *d)
{
    if (d->fd < 0)
        return false;
    if (sizeof d->data - d->size < LINE_MAX_SIZE)
        write_out(d);
    return true;
}

static void line_to_stderr(enum log_level level, const char *event, const struct log_field *fields, const char *when)
{
    struct destination *d = &to_stderr;
    if (!begin_line(d))
        return;
    size_t start = d->size;
    if (setup.is_journal) {
        put(d, "<", 1);
        put(d, &journal_priorities[level], 1);
        put(d, ">", 1);
    } else {
        put_text(d, when);
        put(d, " ", 1);
    }
    put_text(d, level_names[level]);
    put(d, " ", 1);
    put_text(d, setup.role);
    put(d, " ", 1);
    put_text(d, event);
    for (const struct log_field *f = fields; f->type != LOG_TYPE_END; f++) {
        if (!is_said(f) || d->size - start > LINE_MAX_SIZE - FIELD_MAX)
            continue;
        put(d, " ", 1);
        put_text(d, f->key);
        put(d, "=", 1);
        put_value(d, f, put_logfmt);
    }
    put(d, "\n", 1);
}

static void line_to_events(enum log_level level, const char *event, const struct log_field *fields, const char *when)
{
    struct destination *d = &to_events;
    if (!begin_line(d))
        return;
    size_t start = d->size;
    put_text(d, "{\"t\":\"");
    put_text(d, when);
    put_text(d, "\",\"level\":\"");
    put_text(d, level_names[level]);
    put_text(d, "\",\"role\":\"");
    put_text(d, setup.role);
    put_text(d, "\",\"event\":\"");
    put_text(d, event);
    put(d, "\"", 1);
    for (const struct log_field *f = fields; f->type != LOG_TYPE_END; f++) {
        if (!is_said(f) || d->size - start > LINE_MAX_SIZE - FIELD_MAX)
            continue;
        put_text(d, ",\"");
        put_text(d, f->key);
        put_text(d, "\":");
        put_value(d, f, put_json);
    }
    put_text(d, "}\n");
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level > setup.level)
        return;
    const char *when = timestamp();
    line_to_stderr(level, event, fields, when);
    line_to_events(level, event, fields, when);
    if (level == LOG_LEVEL_ERROR)
        log_flush();
}

void log_flush(void)
{
    write_out(&to_stderr);
    write_out(&to_events);
}

void log_init(const char *role, enum log_level level)
{
    snprintf(setup.role, sizeof setup.role, "%s", role);
    setup.level = level;
    setup.is_journal = getenv("JOURNAL_STREAM") != NULL;
    /* After fork() what is gathered here is the parent's to write. */
    to_stderr.size = to_events.size = 0;
}

void log_set_level(enum log_level level)
{
    setup.level = level;
}

enum log_level log_get_level(void)
{
    return setup.level;
}

bool log_level_from_name(const char *name, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (text_equal(name, level_names[i])) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

void log_to_events(int fd)
{
    write_out(&to_events);
    if (to_events.fd >= 0)
        close(to_events.fd);
    to_events.fd = fd;
}

int log_events_fd(void)
{
    return to_events.fd;
}

void log_to_stderr(bool on)
{
    write_out(&to_stderr);
    to_stderr.fd = on ? STDERR_FILENO : -1;
}
