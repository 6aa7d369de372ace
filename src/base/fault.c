/* base/fault.c - filling and chaining faults; nothing here decides what a fault means. */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

const char *fault_kind_name(enum fault_kind kind)
{
    static const char *const names[] = {
        [FAULT_NONE] = "none", [FAULT_RETRY] = "retry",   [FAULT_HOLD] = "hold",   [FAULT_REJECT] = "reject",
        [FAULT_AUTH] = "auth", [FAULT_CONFIG] = "config", [FAULT_LOCAL] = "local",
    };
    /* The number may have come in a message from another role. */
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

void fault_clear(struct fault *f)
{
    if (f)
        *f = (struct fault){ 0 };
}

static void set_text(struct fault *f, const char *text)
{
    size_t size = text_cut(bytes_of(text), sizeof f->text - 1);
    memcpy(f->text, text, size);
    f->text[size] = 0;
}

static void set(struct fault *f, enum fault_kind kind, const char *id, const char *text)
{
    f->kind = kind;
    f->retry_after_s = 0;
    snprintf(f->id, sizeof f->id, "%s", id ? id : "");
    set_text(f, text);
}

/* One byte more than a fault holds, so that what was cut by printf is cut again at a UTF-8 boundary. */
typedef char fault_line[FAULT_TEXT_SIZE + 1];

bool fault_set(struct fault *f, enum fault_kind kind, const char *id, const char *format, ...)
{
    if (!f)
        return false;
    fault_line text;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    set(f, kind, id, text);
    return false;
}

bool fault_wrap(struct fault *f, const char *format, ...)
{
    if (!f)
        return false;
    fault_line before, text;
    va_list args;
    va_start(args, format);
    vsnprintf(before, sizeof before, format, args);
    va_end(args);
    size_t used = text_cut(bytes_of(before), sizeof before - 3);
    memcpy(text, before, used);
    snprintf(text + used, sizeof text - used, ": %s", f->text);
    set_text(f, text);
    return false;
}

bool fault_errno(struct fault *f, enum fault_kind kind, int error, const char *format, ...)
{
    if (!f)
        return false;
    fault_line what, text;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    size_t used = text_cut(bytes_of(what), sizeof what - 3);
    memcpy(text, what, used);
    snprintf(text + used, sizeof text - used, ": %s", strerror(error));
    set(f, kind, "", text);
    return false;
}
