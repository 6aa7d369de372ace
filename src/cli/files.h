/* cli/files.h - reading whole files and making nameless ones. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "base/bytes.h"
#include "base/fault.h"

/* Appends the file ("-": standard input) up to the buffer's limit. */
bool file_read_whole(const char *path, struct buf *out, struct fault *why);
/* A file without a name that is gone when it is closed; -1 with a fault. */
int file_open_temporary(struct fault *why);
bool file_write_all(int fd, struct bytes data, struct fault *why); /* all of it */

#endif
