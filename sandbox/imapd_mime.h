/* sandbox/imapd_mime.h - the structure of a message as IMAP sees it: parts, their headers and bodies, as slices of its bytes. Pure.
 *
 * Line ends may be CRLF or LF; sizes and slices are always those of the bytes that are there. Depth and number of parts have
 * ceilings: beyond them a part is taken as one without parts. */
#ifndef SANDBOX_IMAPD_MIME_H
#define SANDBOX_IMAPD_MIME_H

#include "base/arena.h"
#include "base/bytes.h"

struct imapd_param {
    struct bytes name, value;
    struct imapd_param *next;
};

struct imapd_part {
    struct bytes header; /* with the empty line at its end */
    struct bytes body;
    struct bytes type, subtype; /* never empty: TEXT and PLAIN where nothing is said */
    struct imapd_param *params;
    struct bytes encoding, id, description, md5, disposition, language, location; /* .data NULL: not there */
    struct imapd_param *disposition_params;
    struct imapd_part *children, *next; /* of multipart/…; siblings */
    struct imapd_part *message;         /* of message/rfc822 */
};

/* `message` is lent and must outlive what is made in the arena. */
struct imapd_part *imapd_mime_parse(struct arena *arena, struct bytes message);
/* "1.2": a part by its numbers; NULL: none. A message that is no multipart is its own part 1. */
const struct imapd_part *imapd_mime_find(const struct imapd_part *root, const uint32_t *numbers, size_t count);

/* Both append what FETCH says, without the item's name. */
void imapd_add_structure(struct buf *out, const struct imapd_part *part, bool is_extended);
void imapd_add_envelope(struct buf *out, struct bytes header);
/* A string as it may stand in an answer: NIL, quoted, or a literal. */
void imapd_add_nstring(struct buf *out, struct bytes text);

/* Header fields in turn. `field` gets the whole field with its line end, `name` and `value` what stands around the colon. */
struct imapd_field {
    struct bytes whole, name, value;
};
bool imapd_next_field(struct bytes *header, struct imapd_field *out);
/* Value of the first field of that name, unfolded, into the arena; .data NULL: none. */
struct bytes imapd_field_value(struct arena *arena, struct bytes header, const char *name);
/* Header and body of a message. */
void imapd_split(struct bytes message, struct bytes *header, struct bytes *body);

#endif
