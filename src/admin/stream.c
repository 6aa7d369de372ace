/* Responses that are written as things happen: the steps of a test, the log as it grows.
 *
 * The server asks for bytes; when there are none the connection sleeps until stream_push() wakes it. */
#include <string.h>

#include "admin/admin_private.h"

static ssize_t give(void *ctx, uint64_t position, char *out, size_t max)
{
    struct request *r = ctx;
    struct stream *s = &r->stream;
    if (s->out.size == 0 && s->is_ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (s->out.size == 0) {
        admin_http_sleep(r);
        return 0;
    }
    size_t size = s->out.size < max ? s->out.size : max;
    memcpy(out, s->out.data, size);
    buf_consume(&s->out, size);
    return (ssize_t)size;
}

void respond_stream(struct request *r, const char *content_type)
{
    r->stream.is_on = true;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, give, r, NULL);
    MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    r->status = 200;
    r->response = response;
    admin_http_wake(r);
}

void stream_push_bytes(struct request *r, struct bytes data)
{
    /* A reader that sleeps through 4 MB of steps or log loses the rest: the stream ends, which it can see. */
    if (!buf_add_bytes(&r->stream.out, data))
        r->stream.is_ended = true;
    admin_http_wake(r);
}

void stream_push(struct request *r, const char *line)
{
    stream_push_bytes(r, bytes_of(line));
    stream_push_bytes(r, BYTES_LIT("\n"));
}

void stream_end(struct request *r)
{
    r->stream.is_ended = true;
    admin_http_wake(r);
}
