/* proto/smtp/data.h - the octets of a message on their way in: where it ends, which dots to drop, and what must not stand in it.
 *
 * Only CRLF.CRLF ends DATA. A bare CR or LF, wherever it stands, never ends a line (so `\n.\r\n` and its kin end nothing); it is
 * noted as a flaw, for passing it on would let the next server see another end than we did (SMTP smuggling). NUL is a flaw
 * too: neither 7bit nor 8bit text may hold one (RFC 2045 2.7, 2.8) and BINARYMIME is not offered. */
#ifndef PROTO_SMTP_DATA_H
#define PROTO_SMTP_DATA_H

#include "base/bytes.h"
#include "base/fault.h"

enum smtp_data_flaw { SMTP_DATA_CLEAN, SMTP_DATA_BARE_CR, SMTP_DATA_BARE_LF, SMTP_DATA_NUL };
enum smtp_data_place {
    SMTP_DATA_LINE_START,
    SMTP_DATA_IN_LINE,
    SMTP_DATA_AFTER_CR,
    SMTP_DATA_AFTER_DOT,
    SMTP_DATA_AFTER_DOT_CR
};

struct smtp_data {
    bool is_dotted; /* DATA; BDAT's octets are taken as they are */
    enum smtp_data_place place;
    enum smtp_data_flaw flaw; /* the first one */
    uint64_t flaw_line;       /* counted from 1 */
    uint64_t lines;           /* ended so far */
    bool has_8bit;
    size_t nul_free; /* so many octets ahead were looked at and hold no NUL */
};

void smtp_data_init(struct smtp_data *d, bool is_dotted);
/* Uses octets of `in` and gives the longest run of message octets that needs no copying (a view, maybe empty). Returns the number
 * used; more than none if `in` is not empty. After `is_end` nothing of the message is left. */
size_t smtp_data_next(struct smtp_data *d, struct bytes in, struct bytes *run, bool *is_end);
/* BDAT LAST: a CR that still waits for its LF is bare. */
void smtp_data_finish(struct smtp_data *d);

/* For a message that came by another way than SMTP and will leave by it: looks at the next octets. False, with a fault (REJECT,
 * "smtp.client.bad-octets") that names the line, as soon as one is flawed. */
bool smtp_data_look(struct smtp_data *d, struct bytes in, struct fault *why);
bool smtp_data_look_end(struct smtp_data *d, struct fault *why); /* after the last octet */

#endif
