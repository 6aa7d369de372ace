/* vault/disk.h - the few things the vault does to a directory, each one durable or refused.
 *
 * Every step that touches the disk first asks the step hook, so that a test can stop the machine after any of them. */
#ifndef VAULT_DISK_H
#define VAULT_DISK_H

#include "base/bytes.h"
#include "base/fault.h"

/* False makes that step fail as a full disk would. */
typedef bool disk_step_fn(void *ctx, const char *step);

struct disk {
    disk_step_fn *step; /* NULL: none */
    void *ctx;
};

/* Writes a temporary file, syncs it, renames it over `name`, syncs the directory. False leaves the old file in place, unless
 * only the last step failed: then either may be found after a power loss. Files are 0600. */
bool disk_write(const struct disk *d, int directory, const char *name, struct bytes data, struct fault *why);
/* Appends the file to `out`. A missing file is true with `is_there` false. */
bool disk_read(int directory, const char *name, struct buf *out, bool *is_there, struct fault *why);
/* Overwrites and removes. (Flash and copy-on-write disks may keep the old blocks: they are sealed, too.) Missing is done. */
bool disk_wipe(const struct disk *d, int directory, const char *name, struct fault *why);
bool disk_make_directory(const struct disk *d, int directory, const char *name, struct fault *why);
bool disk_remove_directory(const struct disk *d, int directory, const char *name, struct fault *why);
bool disk_rename(const struct disk *d, int directory, const char *from, const char *to, struct fault *why);
bool disk_sync(const struct disk *d, int fd, const char *name, struct fault *why);
int disk_open_directory(int directory, const char *name, struct fault *why); /* -1 refused */

#endif
