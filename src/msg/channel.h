/* msg/channel.h - one end of a socketpair to another role: frames, descriptors, gathered reads and writes.
 *
 * Many messages travel in one system call; all input of a turn is dispatched before output goes out. A malformed or
 * over-long frame closes the channel (fault to `closed`), never the process. Secrets are wiped from both buffers.
 * Sending never fails and never blocks: output queues in memory, and channel_pending() is how a sender learns to stop
 * taking work. When the peer died, messages are dropped silently until `closed` told the owner. */
#ifndef MSG_CHANNEL_H
#define MSG_CHANNEL_H

#include "loop/loop.h"
#include "msg/codec.h"

#define CHANNEL_FRAME_LIMIT (4u << 20)

struct channel;

/* One row per message type of a pair; `heard` is NULL for those that only the other side may receive. */
struct channel_row {
    uint32_t type;
    const char *name;
    const struct msg_field *fields;
    size_t size; /* of the struct */
    /* Message and its bytes are lent for the call (lists and text included); an FD is taken. */
    void (*heard)(void *ctx, const void *message);
};

/* The row of `struct tag`, whose fields MSG_STRUCT declared. */
#define CHANNEL_ROW(type, tag, heard) \
    { \
        type, #tag, tag##_fields, sizeof(struct tag), heard \
    }
/* For `heard`: a message that may come and changes nothing here. */
void channel_ignore(void *ctx, const void *message);

typedef void channel_closed_fn(void *ctx, const struct fault *why);

/* `fd` taken; `rows` (ended by name NULL; 64 at most) lent for life. `closed` runs once, from the loop; then free it. What
 * the peer sent before it died is heard before `closed`. Memory is returned at the end of the turn. */
struct channel *channel_new(struct loop *l, int fd, const struct channel_row *rows, channel_closed_fn *closed,
                            void *ctx);
void channel_free(struct channel *c); /* takes NULL; safe inside its callbacks */
/* For a process about to end: waits up to max_wait_ms for the output to leave, then neither sends nor hears; `closed` does not
 * run. Still to be freed, if anything is. */
void channel_close(struct channel *c, int max_wait_ms);
/* Hears nothing until channel_resume(), not even that the peer is gone: what comes waits in the socket. Meant for the moment when the
 * channel is new. */
void channel_pause(struct channel *c);
void channel_resume(struct channel *c);
/* What `heard` gets instead of the ctx that `closed` gets. */
void channel_set_heard_ctx(struct channel *c, void *ctx);

/* Packs at once: everything pointed at is free again on return; an FD in the message stays the caller's (it is duplicated).
 * False only if a field is over its bound (logged; nothing is sent). */
bool channel_send(struct channel *c, uint32_t type, const void *message);
size_t channel_pending(const struct channel *c); /* bytes waiting to be sent */
void channel_flush(struct channel *c);           /* also done at the end of every turn */

#endif
