/* store/spool.h - bodies too large for the database: one file each, named by the message's id, that appears and goes with the
 * transaction it belongs to. Private to the store; knows no SQL. */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "base/bytes.h"
#include "base/fault.h"

struct spool_file {
    uint64_t id;
    int fd;
};

struct spool {
    int directory;
    char *path;
    struct spool_file *added; /* in this transaction: to flush, or to take back */
    size_t added_count, added_room;
    uint64_t *gone; /* to remove once their transaction is on disk */
    size_t gone_count, gone_room;
    size_t gone_kept; /* the first so many: their transaction is committed, though maybe not on disk yet */
};

void spool_init(struct spool *p);
void spool_fini(struct spool *p);
bool spool_open(struct spool *p, const char *state, const char *name, struct fault *why); /* makes {state}/{name} */

/* Gives the file (taken) its name; copies it where it cannot be linked. */
bool spool_add(struct spool *p, uint64_t id, int fd, uint64_t size, struct fault *why);
void spool_remove(struct spool *p, uint64_t id);                 /* at spool_unlink() */
bool spool_sync(struct spool *p, struct fault *why);             /* files and directory are on disk */
void spool_keep(struct spool *p);                                /* committed */
void spool_unlink(struct spool *p);                              /* and on disk */
void spool_undo(struct spool *p);                                /* rolled back */
int spool_read(struct spool *p, uint64_t id, struct fault *why); /* given, read-only; -1 */

/* Removes files that nobody owns and whose last change is at least `grace_ms` ago. Names that are not ours are left alone. */
typedef bool spool_owned_fn(void *ctx, uint64_t id);
void spool_tidy(struct spool *p, int64_t grace_ms, spool_owned_fn *is_owned, void *ctx);

#endif
