/* proto/mime/header.h - remembers what matters of a message's header while the message streams by.
 *
 * Everything lives in the arena that was given, so there is nothing to free; memory is bounded by MIME_FIELD_LIMIT per field
 * that is remembered. Line ends are CRLF; a bare LF ends a line too. A line that is neither a field nor a continuation
 * ends the header, as does the empty line; so does MIME_HEADER_LIMIT. */
#ifndef PROTO_MIME_HEADER_H
#define PROTO_MIME_HEADER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/mime/address.h"

#define MIME_HEADER_LIMIT (256 * 1024) /* the whole header section */
#define MIME_FIELD_LIMIT (16 * 1024)   /* of one field that is remembered */
#define MIME_TEXT_LIMIT 998            /* of a subject and such */
#define MIME_RECEIVED_LIMIT 50         /* more Received fields are a loop: refuse with 554 5.4.6 */

struct mime_header {
    struct mime_addresses from; /* of all From fields together */
    unsigned from_fields;       /* 1 in a well-formed message */
    bool is_from_readable;      /* false: a From field stands there that can't be read; from_trouble says why */
    struct fault from_trouble;
    const char *sender; /* address, "" if missing or unreadable */
    unsigned sender_fields;
    const char *message_id;     /* "<...>" as written, "" if missing */
    const char *subject;        /* as written, unfolded, cut at MIME_TEXT_LIMIT; "" if missing */
    const char *auto_submitted; /* "auto-replied" ...; "" if missing */
    bool has_date;
    bool is_8bit;      /* octets over 127 stand in the header: the message needs SMTPUTF8 or is old-style */
    unsigned received; /* number of Received fields */
    uint64_t size;     /* octets of the header section; the line that ended it is not counted */
    bool is_stray;     /* ended by a stray line */
    bool is_over;      /* longer than MIME_HEADER_LIMIT: refuse the message */
};

struct mime_scan;

struct mime_scan *mime_scan_new(struct arena *arena /* lent */);
/* False once the header is over: more need not be given (and is ignored). */
bool mime_scan_feed(struct mime_scan *s, struct bytes in);
/* After the last octet, or as soon as feed() returned false. Lives as long as the arena. */
const struct mime_header *mime_scan_end(struct mime_scan *s);

#define MIME_SUBJECT_CHARACTERS 200
/* The subject as people read it: decoded (RFC 2047), UTF-8 without control characters, cut. */
const char *mime_subject(const struct mime_header *h, struct arena *arena);

#endif
