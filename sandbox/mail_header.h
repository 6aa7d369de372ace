/* sandbox/mail_header.h - finding one header in a header block. */
#ifndef SANDBOX_MAIL_HEADER_H
#define SANDBOX_MAIL_HEADER_H

#include "base/bytes.h"

/* Where the first header of that name stands, with its folds and line end; false if there is none. */
bool mail_header_find(struct bytes header, const char *name, size_t *from, size_t *to);
/* Length of the header field that `rest` begins with, folds and line end included. */
size_t mail_header_end(struct bytes rest);
/* Value of the first header of that name, unfolded and cut to `size`; false (and "") if there is none. */
bool mail_header_value(struct bytes header, const char *name, char *out, size_t size);
/* The address of a From or Sender value: what stands in <>, else the whole; cut to `size`. */
void mail_header_address(const char *value, char *out, size_t size);

#endif
