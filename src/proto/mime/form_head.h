/* proto/mime/form_head.h - the header fields of a form and of its parts (RFC 7578 4.2, 4.4), as browsers and libraries write them. */
#ifndef PROTO_MIME_FORM_HEAD_H
#define PROTO_MIME_FORM_HEAD_H

#include "proto/mime/form.h"

/* What stands before a part's first empty line. The part's texts are in the arena. */
bool form_head_read(struct arena *arena, struct bytes head, struct form_part *out, struct fault *why);

#endif
