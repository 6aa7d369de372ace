/* compose/compose.h - a message from its parts, by GMime. Attachments are streamed: however large, memory stays small. */
#ifndef COMPOSE_COMPOSE_H
#define COMPOSE_COMPOSE_H

#include "base/arena.h"
#include "base/fault.h"

struct compose_texts {
    const char **items;
    size_t count;
};

struct compose {
    const char *from, *reply_to, *subject; /* "" : none; addresses as in headers: "Shop <shop@example.org>" */
    struct compose_texts to, cc, bcc;      /* each one or more addresses */
    struct compose_texts headers;          /* "Name: value" */
    const char *text, *html;               /* in UTF-8; NULL: none */
    size_t text_size, html_size;
    struct compose_texts attachments; /* paths */
    const char *hostname;             /* for the Message-ID */
    int64_t now_ms;                   /* wall clock */
};

struct compose_envelope {
    const char *sender;
    struct compose_texts recipients; /* of to, cc and bcc, each once */
    bool is_smtputf8;                /* an address needs it */
};

/* Writes CRLF lines to `fd`; Bcc stays out of them. Texts of the envelope live in `arena`. */
bool compose_write(const struct compose *c, int fd, struct arena *arena, struct compose_envelope *out,
                   struct fault *why);

/* The bare addresses in a header's value, added to `list` unless they are there. False: it can't be read. */
bool compose_addresses(const char *value, const char *what, struct arena *arena, struct compose_texts *list,
                       struct fault *why);

#endif
