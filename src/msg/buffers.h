/* msg/buffers.h - storage for channels: a few buffers for a process, lent to whichever channel has bytes under way.
 *
 * An idle channel so holds no memory, and a busy one does not ask malloc in every turn. */
#ifndef MSG_BUFFERS_H
#define MSG_BUFFERS_H

#include "base/bytes.h"

#define BUFFERS_SIZE (128u << 10)

/* Room for `size` more bytes, first from the spare buffers. Unlike buf_reserve() it leaves no copy of the bytes behind
 * (they may be secret). Within the limit only. */
uint8_t *buffers_reserve(struct buf *b, size_t size);
/* Takes an empty buffer's storage back. */
void buffers_return(struct buf *b);

#endif
