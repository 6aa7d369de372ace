/* compose/sink.c - GMime writes to streams; ours hands each piece on and remembers if that failed. */
#include "compose/compose_private.h"

struct sink {
    GMimeStream stream;
    compose_sink_fn *take;
    void *ctx;
    bool is_stopped;
};

static ssize_t on_write(GMimeStream *stream, const char *data, size_t size)
{
    struct sink *s = (struct sink *)(void *)stream;
    s->is_stopped = s->is_stopped || !s->take(s->ctx, (struct bytes){ (const uint8_t *)data, size });
    if (s->is_stopped)
        return -1;
    stream->position += (gint64)size;
    return (ssize_t)size;
}

static int on_flush(GMimeStream *stream)
{
    return ((struct sink *)(void *)stream)->is_stopped ? -1 : 0;
}

static void class_init(void *class, void *data)
{
    GMimeStreamClass *methods = class;
    methods->write = on_write;
    methods->flush = on_flush;
}

static GType sink_type(void)
{
    static GType type;
    if (!type)
        type = g_type_register_static_simple(GMIME_TYPE_STREAM, "ComposeSink", sizeof(GMimeStreamClass), class_init,
                                             sizeof(struct sink), NULL, 0);
    return type;
}

GMimeStream *compose_sink_new(compose_sink_fn *sink, void *ctx)
{
    struct sink *s = g_object_new(sink_type(), NULL);
    s->take = sink;
    s->ctx = ctx;
    g_mime_stream_construct(&s->stream, 0, -1);
    return &s->stream;
}

bool compose_sink_is_stopped(GMimeStream *sink)
{
    return ((struct sink *)(void *)sink)->is_stopped;
}
