#include "queue/drop_body.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "proto/smtp/data.h"
#include "store/store.h"

struct sink {
    const struct drop_body_plan *plan;
    struct buf memory;
    int fd;
    uint64_t size;
    bool is_8bit, is_cr; /* is_cr: the last byte read was one */
    struct fault why;
    struct smtp_data octets; /* what must not stand in a message that leaves by SMTP */
    struct mime_scan *scan;
    struct mime_rewrite *rewrite;
};

/* A write that was cut short leaves no error: there was no room for the rest. */
static bool write_whole(struct sink *s, struct bytes out)
{
    ssize_t n = write(s->fd, out.data, out.size);
    if (n >= 0 && (size_t)n < out.size)
        errno = ENOSPC;
    return n == (ssize_t)out.size;
}

static bool refuse_disk(struct sink *s)
{
    return fault_errno(&s->why, FAULT_LOCAL, errno, "a dropped message cannot be taken into %s", s->plan->spool);
}

/* What no longer fits in memory goes to a file, with all that came before. */
static bool spill(struct sink *s)
{
    s->fd = open(s->plan->spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0 || !write_whole(s, buf_bytes(&s->memory)))
        return refuse_disk(s);
    return true;
}

static bool put(void *ctx, struct bytes out)
{
    struct sink *s = ctx;
    s->size += out.size;
    s->is_8bit |= !text_is_ascii(out);
    if (s->size > s->plan->limit)
        return fault_set(&s->why, FAULT_REJECT, "drop.size",
                         "the message is larger than limits.message-size (%llu bytes)",
                         (unsigned long long)s->plan->limit);
    if (s->fd < 0 && buf_add_bytes(&s->memory, out))
        return true;
    if (s->fd < 0 && !spill(s))
        return false;
    return write_whole(s, out) || refuse_disk(s);
}

static bool feed(struct sink *s, struct bytes in)
{
    if (!smtp_data_look(&s->octets, in, &s->why))
        return false;
    mime_scan_feed(s->scan, in);
    return mime_rewrite_feed(s->rewrite, in, &s->why);
}

/* Every line end becomes CRLF: programs on this machine write bare LF. */
static bool feed_lines(struct sink *s, struct bytes in)
{
    size_t from = 0;
    for (size_t i = 0; i < in.size; i++) {
        bool is_bare = in.data[i] == '\n' && !s->is_cr;
        s->is_cr = in.data[i] == '\r';
        if (!is_bare)
            continue;
        if (!feed(s, bytes_slice(in, from, i)) || !feed(s, BYTES_LIT("\r\n")))
            return false;
        from = i + 1;
    }
    return feed(s, bytes_slice(in, from, in.size));
}

static bool read_all(struct sink *s, int from, off_t offset)
{
    uint8_t chunk[32768];
    ssize_t n;
    while ((n = pread(from, chunk, sizeof chunk, offset)) > 0) {
        if (!feed_lines(s, (struct bytes){ chunk, (size_t)n }))
            return false;
        offset += n;
    }
    return n == 0 || refuse_disk(s);
}

bool drop_body_read(int from, off_t offset, const struct drop_body_plan *plan, struct arena *arena,
                    struct drop_body *out, struct fault *why)
{
    struct sink s = { .plan = plan, .fd = -1 };
    buf_init(&s.memory, STORE_BODY_INLINE);
    smtp_data_init(&s.octets, false);
    s.scan = mime_scan_new(arena);
    s.rewrite = mime_rewrite_new(arena, &plan->rewrite, put, &s);
    bool ok = put(&s, bytes_of(plan->received)) && read_all(&s, from, offset) &&
              smtp_data_look_end(&s.octets, &s.why) && mime_rewrite_end(s.rewrite, &s.why);
    if (ok)
        *out = (struct drop_body){ .fd = s.fd, .size = s.size, .is_8bit = s.is_8bit, .header = mime_scan_end(s.scan) };
    if (ok && s.fd < 0)
        out->inlined = arena_bytes(arena, buf_bytes(&s.memory));
    if (!ok && s.fd >= 0)
        close(s.fd);
    if (!ok && why)
        *why = s.why;
    buf_fini(&s.memory);
    return ok;
}
