/* proto/smtp/lines.h - command lines from a stream: whole ones are views into what came, only pieces are copied. */
#ifndef PROTO_SMTP_LINES_H
#define PROTO_SMTP_LINES_H

#include "base/bytes.h"

enum smtp_line {
    SMTP_LINE_MORE,     /* not ended yet; everything was used */
    SMTP_LINE_WHOLE,    /* ended by CRLF, which is not part of it */
    SMTP_LINE_BARE_LF,  /* ended by an LF alone */
    SMTP_LINE_OVERLONG, /* was over the limit; thrown away up to and with its LF */
};

struct smtp_lines {
    uint8_t *held;
    size_t size, capacity;
    bool is_overlong;
};

/* Returns the octets used. The line is lent until the next call. */
size_t smtp_lines_take(struct smtp_lines *l, size_t limit, struct bytes in, struct bytes *line, enum smtp_line *kind);
bool smtp_lines_is_empty(const struct smtp_lines *l); /* the next octet begins a line */
/* Wipes and gives back; a line may have held a password. */
void smtp_lines_release(struct smtp_lines *l);

#endif
