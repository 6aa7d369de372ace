/* compose/compose.h - a message from its parts, by GMime.
 *
 * Text, HTML and an invitation become alternatives, inline images stand beside the HTML that shows them (multipart/related),
 * attachments beside all of it. Names and texts outside ASCII are written as RFC 2047 and RFC 2231 say, addresses outside it as they
 * are (RFC 6532). Contents are streamed from descriptors to the sink: however large, memory stays small.
 *
 * No line end, NUL or other control character gets into the header through any member: what holds one is refused (REJECT), and so is
 * what is not UTF-8, no address, or a field that the message has of itself. `struct compose_member` then says where. */
#ifndef COMPOSE_COMPOSE_H
#define COMPOSE_COMPOSE_H

#include "base/arena.h"
#include "base/fault.h"

#define COMPOSE_RECIPIENTS 1000
#define COMPOSE_PARTS 500

struct compose_texts {
    const char **items;
    size_t count;
};

struct compose_field {
    const char *name, *value;
};

/* Where a content lies. */
struct compose_octets {
    const void *data; /* lent; NULL: in the file */
    int fd;           /* lent: a regular file, its position is moved */
    uint64_t at, size;
};

struct compose_part {
    const char *name;       /* of the file, folders are cut off; "" : none */
    const char *type;       /* "image/png"; "" : by the name's ending */
    const char *content_id; /* what "cid:" in the HTML refers to, with or without brackets; "" : none */
    bool is_inline;
    struct compose_octets octets;
};

struct compose {
    const char *from, *reply_to, *subject; /* "" : none; addresses as in headers: "Shop <shop@example.org>" */
    struct compose_texts to, cc, bcc;      /* each one or more addresses */
    const struct compose_field *headers;
    size_t headers_count;
    bool has_text, has_html, has_calendar; /* without any of them the text is empty */
    struct compose_octets text, html;      /* UTF-8, line ends of either kind */
    struct compose_octets calendar;        /* iCalendar (RFC 5545), likewise */
    const char *calendar_method;           /* "REQUEST", "CANCEL" ...; "" : REQUEST */
    const struct compose_part *parts;
    size_t parts_count;
    const char *hostname; /* for the Message-ID */
    int64_t now_ms;       /* wall clock */
};

struct compose_envelope {
    const char *sender;
    struct compose_texts recipients; /* of to, cc and bcc, each once */
    bool is_smtputf8;                /* an address needs it */
};

/* The member that a refusal is about. */
enum compose_what {
    COMPOSE_NOTHING,
    COMPOSE_FROM,
    COMPOSE_REPLY_TO,
    COMPOSE_SUBJECT,
    COMPOSE_TO,
    COMPOSE_CC,
    COMPOSE_BCC,
    COMPOSE_HEADER,
    COMPOSE_TEXT,
    COMPOSE_HTML,
    COMPOSE_CALENDAR,
    COMPOSE_PART_NAME,
    COMPOSE_PART_TYPE,
    COMPOSE_PART_CONTENT_ID,
};
struct compose_member {
    enum compose_what what;
    size_t index; /* of to, cc, bcc, headers and parts */
};

/* Who gets it and who sends it; looks at every address. The envelope's texts live in `arena`. */
bool compose_envelope(const struct compose *c, struct arena *arena, struct compose_envelope *out,
                      struct compose_member *where, struct fault *why);

/* Takes the message's next octets, lines end in CRLF. False: they can't be kept; compose_write() ends with the fault untouched. */
typedef bool compose_sink_fn(void *ctx, struct bytes out /* lent for the call */);

/* Bcc stays out of what is written. All is looked at before the first octet; that a text which lies in a file is UTF-8 is the
 * caller's word. Faults that are no refusals are LOCAL: a content can't be read. */
bool compose_write(const struct compose *c, compose_sink_fn *sink, void *ctx, struct compose_member *where,
                   struct fault *why);

/* The bare addresses in a header's value, added to `list` unless they are there. False: it can't be read. */
bool compose_addresses(const char *value, struct arena *arena, struct compose_texts *list, struct fault *why);

/* "application/pdf" by the ending of a file's name, "application/octet-stream" for those that are not known. */
const char *compose_type_of(const char *name);

#endif
