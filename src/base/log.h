/* base/log.h - one fact, one line, one event name, keys and values.
 *
 * Lines are JSON-free logfmt on standard error (for the journal) and JSON on the event file that the parent opened
 * (`log_to_events`): {"t":"2026-11-21T09:15:00.123Z","level":"info","role":"queue","event":"mail.accepted",...}.
 * Event names are promises; postern-events(7) lists them. error = someone must act; warn = may have to;
 * info = one per mail or sign-in; debug = state changes. Values are sanitised (control characters escaped, cut at 400
 * bytes). There is no way to log a `struct secret`.
 * Lines are gathered and written at log_flush(), which the loop calls at the end of every turn; error lines at once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"
#include "base/fault.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_type { LOG_TYPE_END, LOG_TYPE_TEXT, LOG_TYPE_BYTES, LOG_TYPE_NUMBER, LOG_TYPE_UNSIGNED, LOG_TYPE_BOOL };

struct log_field {
    const char *key;
    enum log_type type;
    const char *text;
    struct bytes bytes;
    int64_t number;
    uint64_t unsigned_number;
};

#define LOG_TEXT(k, v) ((struct log_field){ .key = (k), .type = LOG_TYPE_TEXT, .text = (v) })
#define LOG_BYTES(k, v) ((struct log_field){ .key = (k), .type = LOG_TYPE_BYTES, .bytes = (v) })
#define LOG_NUMBER(k, v) ((struct log_field){ .key = (k), .type = LOG_TYPE_NUMBER, .number = (v) })
#define LOG_UNSIGNED(k, v) ((struct log_field){ .key = (k), .type = LOG_TYPE_UNSIGNED, .unsigned_number = (v) })
#define LOG_BOOL(k, v) ((struct log_field){ .key = (k), .type = LOG_TYPE_BOOL, .number = (v) })
/* Conventional keys: message, session, app, mailbox, from, to, peer, bytes, ms, code, text, finding. */
#define LOG_FAULT(f) \
    LOG_TEXT("text", (f)->text), LOG_TEXT("finding", (f)->id), LOG_TEXT("kind", fault_kind_name((f)->kind))

void log_init(const char *role, enum log_level level); /* level is what still passes */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_level_from_name(const char *name, enum log_level *level);
void log_to_events(int fd); /* taken; -1 stops. The old one is closed. */
int log_events_fd(void);    /* -1: none */
void log_to_stderr(bool on);
void log_flush(void);

void log_fields(enum log_level level, const char *event, const struct log_field *fields); /* ends at LOG_TYPE_END */

#define LOG_END_FIELD ((struct log_field){ .type = LOG_TYPE_END })
#define log_event(level, ...) \
    do { \
        if ((level) <= log_get_level()) \
            log_event_(level, __VA_ARGS__, LOG_END_FIELD); \
    } while (0)
#define log_event_(level, event, ...) log_fields(level, event, (const struct log_field[]){ __VA_ARGS__ })
#define log_error(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
