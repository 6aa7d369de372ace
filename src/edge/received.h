/* edge/received.h - the trace line that is put before every message (RFC 5321 4.4). */
#ifndef EDGE_RECEIVED_H
#define EDGE_RECEIVED_H

#include "base/bytes.h"

struct received {
    const char *helo;     /* as the client named itself; may be "" */
    const char *host;     /* its address; "unix:..." for a socket of this machine */
    const char *hostname; /* ours */
    const char *protocol; /* "ESMTPSA" */
    const char *id;
    const char *recipient; /* the only one; NULL: there are several, and naming one would tell the others */
    int64_t wall_ms;
};

#define RECEIVED_SIZE 2048

void received_line(const struct received *r, struct buf *out);

#endif
