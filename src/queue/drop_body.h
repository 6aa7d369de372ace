/* queue/drop_body.h - a dropped message on its way into the queue: CRLF line ends, one Received field, the sender's identity as
 * route/ decided; in memory while small, else a nameless file in the spool directory. */
#ifndef QUEUE_DROP_BODY_H
#define QUEUE_DROP_BODY_H

#include <sys/types.h>

#include "proto/mime/header.h"
#include "proto/mime/rewrite.h"

struct drop_body_plan {
    const char *spool;    /* directory */
    const char *received; /* the whole field, with CRLF */
    struct mime_rewrite_plan rewrite;
    uint64_t limit; /* of the result, in bytes */
};

struct drop_body {
    struct bytes inlined; /* in the arena, when fd is -1 */
    int fd;               /* the caller's */
    uint64_t size;
    bool is_8bit;
    const struct mime_header *header; /* as it was written */
};

/* Reads `from` at `offset` to its end. */
bool drop_body_read(int from, off_t offset, const struct drop_body_plan *plan, struct arena *arena,
                    struct drop_body *out, struct fault *why);

#endif
