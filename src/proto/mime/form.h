/* proto/mime/form.h - a form with files (multipart/form-data, RFC 7578) while it streams by: each part's head, then its octets.
 *
 * Nothing is held of a part but its head. As RFC 2046 has it, a boundary has 1 to 70 characters, and what stands before the first
 * part or after the last is passed over. A line that only begins like a boundary is a part's own.
 *
 * Refuses (REJECT, "api.form"): a Content-Type without a boundary, a part without a name, a head that is too long or no head, a form
 * that is broken off. */
#ifndef PROTO_MIME_FORM_H
#define PROTO_MIME_FORM_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

#define FORM_BOUNDARY_MOST 70
#define FORM_HEAD_MOST 16384 /* octets of one part's head */

struct form_part {
    const char *name;     /* never "" */
    const char *file;     /* "" : none; filename* (RFC 5987) before filename; may hold folders of the sender's */
    const char *type;     /* Content-Type, "" : none */
    const char *encoding; /* Content-Transfer-Encoding, "" : none */
};

/* All lent for the call; false ends the reading, and feed() returns false with the fault untouched. */
struct form_host {
    bool (*begin)(void *ctx, const struct form_part *part);
    bool (*piece)(void *ctx, struct bytes octets); /* never empty */
    bool (*end)(void *ctx);
};

struct form;

/* Value of that parameter in `field` ("text/plain; charset=x"), wherever it stands; in the arena. NULL: it is not there. */
const char *form_parameter(struct arena *arena, const char *field, const char *name);

/* In the arena, with what it needs; heads come and go in one of their own, so form_free() is wanted. NULL with a fault. */
struct form *form_new(struct arena *arena, const char *content_type, const struct form_host *host, void *ctx,
                      struct fault *why);
void form_free(struct form *f); /* takes NULL */
bool form_feed(struct form *f, struct bytes in, struct fault *why);
bool form_end(struct form *f, struct fault *why); /* false: it is broken off */

#endif
