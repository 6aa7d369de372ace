/* proto/mime/split.h - cuts a streaming message into header fields and body; shared by the scanner and the rewriter.
 *
 *   while ((part = mime_split_next(&s, &in, false, &piece)) != MIME_MORE) ...      for each piece of input
 *   while ((part = mime_split_next(&s, &none, true, &piece)) != MIME_MORE) ...     once, at the message's end
 *
 * Put together, all pieces are the message, octet for octet. Nothing but a field's name is ever held back. */
#ifndef PROTO_MIME_SPLIT_H
#define PROTO_MIME_SPLIT_H

#include "base/bytes.h"

#define MIME_NAME_LIMIT \
    256 /* longer ones are no field names (RFC 5322 2.1.1 allows a line of 998, nobody names one so) */

enum mime_part {
    MIME_MORE,       /* all input was used */
    MIME_NAME,       /* a field begins; the piece is its name, blanks and colon; the name alone is in `name` */
    MIME_VALUE,      /* some of its body, folds and line ends included */
    MIME_END_FIELD,  /* no octets */
    MIME_MAILBOX,    /* of a leading "From " line as mailbox files have it, which is no field */
    MIME_END_HEADER, /* the piece is the empty line, or nothing if the header ended without one */
    MIME_BODY,
};

struct mime_split {
    enum { MIME_AT_LINE, MIME_IN_NAME, MIME_IN_VALUE, MIME_IN_MAILBOX, MIME_AT_STRAY, MIME_IN_BODY } place;
    bool in_field; /* a continuation may follow */
    bool is_stray; /* the header was ended by a line that is neither field nor empty */
    bool is_begun;
    char head[MIME_NAME_LIMIT]; /* of the line that is being judged */
    size_t head_size, name_size;
    struct bytes name; /* lent until the field ends */
    uint64_t size;     /* of the header so far, without the line that ends it */
};

/* All zero is the beginning. */
enum mime_part mime_split_next(struct mime_split *s, struct bytes *in, bool is_last, struct bytes *piece);
/* After an MIME_END_HEADER with is_stray: reads on behind the stray line, whose rest comes as MIME_MAILBOX. */
void mime_split_skip_stray(struct mime_split *s);

/* One field's body, kept in an arena up to MIME_FIELD_LIMIT. */
struct mime_capture {
    uint8_t *data;
    size_t size, capacity;
    bool is_cut;
};

struct arena;
void mime_capture_add(struct mime_capture *c, struct arena *arena, struct bytes piece);

#endif
