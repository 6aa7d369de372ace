/* inbox/inbox_private.h - shared by this room's files. */
#ifndef INBOX_INBOX_PRIVATE_H
#define INBOX_INBOX_PRIVATE_H

#include "inbox/inbox.h"
#include "object/directory.h"

struct inbox {
    struct loop *loop;
    struct resolver *resolver;
    struct inbox_settings settings; /* texts are ours */
    struct inbox_host host;
    void *ctx;
    struct directory *directory;
    bool is_stopping;
};

#endif
