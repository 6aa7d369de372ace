/* proto/imap/cursor.h - reads a gathered response from left to right: words, numbers, strings, lists (RFC 3501 4). */
#ifndef PROTO_IMAP_CURSOR_H
#define PROTO_IMAP_CURSOR_H

#include "base/bytes.h"

struct imap_cursor {
    struct bytes rest;
};

/* A value as it stands on the wire; views into the response. */
struct imap_value {
    enum { IMAP_ATOM, IMAP_QUOTED, IMAP_LITERAL, IMAP_NIL, IMAP_LIST } kind;
    struct bytes raw; /* inside quotes, literal or parentheses */
};

bool imap_cursor_is_end(struct imap_cursor *c); /* skips blanks before it looks */
/* Up to a blank, a parenthesis or the end; what stands in square brackets belongs to it, blanks and all. False: none is there. */
bool imap_cursor_word(struct imap_cursor *c, struct bytes *word);
bool imap_cursor_number(struct imap_cursor *c, uint64_t *number);
bool imap_cursor_value(struct imap_cursor *c, struct imap_value *v);
bool imap_cursor_byte(struct imap_cursor *c, char byte); /* that one, skipping blanks */
bool imap_number(struct bytes word, uint64_t *number);
/* The clear octets of a string or atom, appended; NIL and lists add nothing. False: over the buffer's limit. */
bool imap_value_add(const struct imap_value *v, struct buf *out);

#endif
