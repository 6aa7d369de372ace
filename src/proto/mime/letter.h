/* proto/mime/letter.h - what a received message says of itself: who wrote it, what it answers, and whether a machine did.
 *
 * Pure: octets in, facts out, all in the arena that was given and bounded. Whatever arrives, something comes out: broken parts are
 * left out and `trouble` says so. Texts are valid UTF-8 without control characters (headers) or with line ends only (bodies). */
#ifndef PROTO_MIME_LETTER_H
#define PROTO_MIME_LETTER_H

#include "base/arena.h"
#include "base/bytes.h"

#define LETTER_ADDRESSES 500
#define LETTER_REFERENCES 100
#define LETTER_PARTS 500
#define LETTER_DEPTH 20
#define LETTER_REPORTS 500
#define LETTER_TEXT_LIMIT (1u << 20) /* of text and html each; longer ones are cut, and say so */

struct letter_address {
    const char *name, *address;
};

struct letter_list {
    struct letter_address *items;
    size_t count;
};

struct letter_field { /* in order, as they stand; decoded (RFC 2047, 2231) and unfolded */
    const char *name, *value;
};

struct letter_part {                      /* an attachment: everything that is neither the text nor the html */
    const char *type;                     /* "application/pdf" */
    const char *name;                     /* "" : none; without any path */
    const char *content_id, *disposition; /* "" : none */
    struct bytes raw;                     /* still encoded; a view into the message that was given */
    const char *encoding;                 /* "base64", "quoted-printable", "7bit", ... */
    uint64_t size;                        /* decoded */
    const char *sha256;                   /* of the decoded octets, hex */
};

struct letter_report { /* one recipient of a delivery-status part (RFC 3464) */
    const char *recipient, *action, *status, *diagnostic, *remote;
};

struct letter {
    const char *message_id, *in_reply_to; /* with angle brackets; "" : none */
    const char **references;
    size_t references_count;
    struct letter_list from, sender, reply_to, to, cc;
    const char *subject;
    const char *date;           /* RFC 3339 UTC; "" : none or unreadable */
    const char *return_path;    /* without brackets; "<>" : the null sender, who wants no answer; "" : not there */
    const char *auto_submitted; /* first word only: "auto-replied" */
    const char *list_id;        /* "<list.example.org>" */
    struct letter_field *fields;
    size_t fields_count;
    bool
        is_reply; /* In-Reply-To or References stand there (or a subject that begins with Re: and a thread header), and no report */
    bool is_bounce;    /* a delivery-status report of a failure or delay */
    bool is_automatic; /* auto-submitted, an auto-reply, bulk, or a bounce */
    const char *
        reported_id; /* bounce: Message-ID of the message reported on, from its returned header, else what it answers; "" : neither */
    struct letter_report *reports;
    size_t reports_count;

    /* Only with letter_parse(whole): */
    const char *text, *html; /* UTF-8; "" : none */
    bool is_text_cut, is_html_cut;
    struct letter_part *parts;
    size_t parts_count;
    const char *trouble; /* "" : none; for the log and the hand-over */
};

/* `message` is lent for as long as the letter is used. `whole` false: header facts only (a message of any size in microseconds), and
 * `message` may be the header alone. Bounces are recognised from the body's delivery-status part, so ask for `whole` where that
 * matters; from a header alone `is_bounce` follows Content-Type: multipart/report; report-type=delivery-status. */
const struct letter *letter_parse(struct bytes message, bool whole, struct arena *arena);
/* The whole, but its parts are without size and sha256 until they are digested: decoding fifty megabytes takes a quarter of a second. */
const struct letter *letter_parse_undigested(struct bytes message, struct arena *arena);
struct letter_digest;
struct letter_digest *letter_digest_new(const struct letter *l /* lent */, struct arena *arena /* the letter's */);
bool letter_digest_step(struct letter_digest *d, size_t octets); /* about so many more; true: all is done */
void letter_digest_free(struct letter_digest *d);                /* takes NULL */
/* Octets of a part, decoded; false: over the buffer's limit. */
bool letter_part_decode(const struct letter_part *p, struct buf *out);
/* Hex of SHA-256 over what stays the same when a message gets another UID: Message-ID, Date, From, To, Subject (or, where there is no
 * Message-ID, the whole header). `header` is the header section. `out` holds 65 octets. */
void letter_fingerprint(struct bytes header, char out[65]);

#endif
