/* proto/mime/western.h - text in ISO-8859-1 to UTF-8, octet by octet: as Windows-1252, which everybody means by that name. */
#ifndef PROTO_MIME_WESTERN_H
#define PROTO_MIME_WESTERN_H

#include "base/bytes.h"

bool western_is_name(const char *charset);
/* `out` holds 3 * in.size octets; returns how many there are. */
size_t western_to_utf8(struct bytes in, uint8_t *out);

#endif
