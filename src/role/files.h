/* role/files.h - small files read and replaced whole. */
#ifndef ROLE_FILES_H
#define ROLE_FILES_H

#include "base/bytes.h"
#include "base/fault.h"

/* Appends the whole file; one that is larger than the buffer's limit is refused. */
bool files_read(const char *path, struct buf *out, struct fault *why);
/* Through a temporary file and a rename: a reader sees the old or the new content, never half of it. */
bool files_replace(const char *path, struct bytes content, struct fault *why);

#endif
