/* compose/compose.c - looks at everything first, then lets GMime write it out with CRLF. */
#include "compose/compose.h"

#include <stdarg.h>

#include "compose/compose_private.h"

bool compose_refuse(struct compose_member *where, enum compose_what what, size_t index, struct fault *why,
                    const char *format, ...)
{
    struct fault text = { .kind = FAULT_REJECT };
    va_list args;
    va_start(args, format);
    vsnprintf(text.text, sizeof text.text, format, args);
    va_end(args);
    *where = (struct compose_member){ what, index };
    return fault_set(why, FAULT_REJECT, "", "%s", text.text);
}

static bool write_out(GMimeMessage *m, compose_sink_fn *take, void *ctx, struct fault *why)
{
    GMimeStream *sink = compose_sink_new(take, ctx);
    GMimeStream *lines = g_mime_stream_filter_new(sink);
    GMimeFilter *crlf = g_mime_filter_unix2dos_new(FALSE);
    g_mime_stream_filter_add(GMIME_STREAM_FILTER(lines), crlf);
    bool is_written = g_mime_object_write_to_stream(GMIME_OBJECT(m), NULL, lines) >= 0 &&
                      g_mime_stream_flush(lines) == 0;
    bool is_stopped = compose_sink_is_stopped(sink);
    g_object_unref(crlf);
    g_object_unref(lines);
    g_object_unref(sink);
    if (is_stopped || is_written)
        return !is_stopped;
    return fault_set(why, FAULT_LOCAL, "", "a part of the message can't be read any more");
}

bool compose_write(const struct compose *c, compose_sink_fn *sink, void *ctx, struct compose_member *where,
                   struct fault *why)
{
    g_mime_init();
    *where = (struct compose_member){ COMPOSE_NOTHING, 0 };
    if (!compose_check_header(c, where, why) || !compose_check_parts(c, where, why))
        return false;
    GMimeMessage *m = g_mime_message_new(FALSE);
    GMimeObject *body = compose_body(c);
    compose_set_header(m, c);
    g_mime_message_set_mime_part(m, body);
    g_object_unref(body);
    bool is_good = write_out(m, sink, ctx, why);
    g_object_unref(m);
    return is_good;
}
