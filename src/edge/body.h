/* edge/body.h - a message's octets while they arrive: in memory while few, then in an unnamed file of the spool directory.
 *
 * Memory is bounded by EDGE_BODY_INLINE. The kernel is told early to write large files back, so that the queue role's
 * fdatasync() finds little left to do. */
#ifndef EDGE_BODY_H
#define EDGE_BODY_H

#include "base/bytes.h"
#include "base/fault.h"

struct body {
    int spool_fd; /* lent */
    int fd;       /* -1: all is in `held` */
    struct buf held;
    uint64_t size;
    uint64_t written, pushed; /* octets in the file, and those whose write-back was begun */
};

void body_init(struct body *b, int spool_fd);
/* FAULT_LOCAL: the disk is full or fails; the body is of no more use then. */
bool body_add(struct body *b, struct bytes data, struct fault *why);
bool body_end(struct body *b, struct fault *why); /* all is in `held`, or all is in `fd` */
void body_drop(struct body *b);                   /* back to how it was after init */

#endif
