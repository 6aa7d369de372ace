/* proto/imap/wire.h - what a server sends, cut into responses: a line, and where it ends in a literal, the literal and the line that goes
 * on behind it (RFC 3501 4.3, 7).
 *
 * A response is gathered whole, bounded, literals standing in it as "{n}CRLF" and their octets; but a literal that the client streams
 * is passed through and leaves "{0}" behind. However the octets come in pieces, the same is seen. */
#ifndef PROTO_IMAP_WIRE_H
#define PROTO_IMAP_WIRE_H

#include "base/bytes.h"

enum imap_wire_event {
    IMAP_WIRE_MORE,    /* everything was used, nothing is whole */
    IMAP_WIRE_WHOLE,   /* `text` is a response, without its last CRLF; the next take begins a new one */
    IMAP_WIRE_FULL,    /* a long line: its front may be taken out by imap_wire_cut() */
    IMAP_WIRE_LITERAL, /* one of `literal_size` octets begins: imap_wire_keep() or imap_wire_stream() */
    IMAP_WIRE_CHUNK,   /* of the streamed literal */
    IMAP_WIRE_BREACH,  /* over a limit; `breach` says which. Nothing more is to be taken */
};

struct imap_wire {
    struct buf text;
    size_t line_size; /* of `text`, literals not counted */
    size_t window;    /* until FULL */
    uint64_t literal_size;
    uint64_t literal_left, keep_left;
    enum { IMAP_WIRE_IN_LINE, IMAP_WIRE_AT_LITERAL, IMAP_WIRE_KEEPING, IMAP_WIRE_STREAMING } state;
    bool is_over; /* the response in `text` was given */
    const char *breach;
};

void imap_wire_init(struct imap_wire *w);
void imap_wire_fini(struct imap_wire *w);
/* Returns the octets used. `chunk` is lent until the next call. */
size_t imap_wire_take(struct imap_wire *w, struct bytes in, enum imap_wire_event *event, struct bytes *chunk);
/* Its first octets, as many as the limit on literals leaves room for; whoever minds a cut looks before. */
void imap_wire_keep(struct imap_wire *w);
uint64_t imap_wire_room(const struct imap_wire *w); /* for literals, in this response */
void imap_wire_stream(struct imap_wire *w);
void imap_wire_cut(struct imap_wire *w, size_t from, size_t to);
bool imap_wire_is_fresh(const struct imap_wire *w); /* the next octet begins a response */

#endif
