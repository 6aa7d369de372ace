/* relay/dialogue.h - what both sides said during one attempt, for people: bounded, printable, without secrets or body. */
#ifndef RELAY_DIALOGUE_H
#define RELAY_DIALOGUE_H

#include "base/bytes.h"

#define DIALOGUE_SIZE 16000 /* of the whole text; what is longer loses its middle */

struct dialogue {
    struct buf head, tail;
    size_t lost; /* bytes between them */
};

void dialogue_init(struct dialogue *d);
void dialogue_fini(struct dialogue *d);
void dialogue_reset(struct dialogue *d);
/* Whole lines of one side, each shown as "C: ..." or "S: ..."; bytes that are not printable UTF-8 are escaped. */
void dialogue_client(struct dialogue *d, struct bytes said);
void dialogue_server(struct dialogue *d, struct bytes said);
/* A remark of ours: "* connected to ...". */
void dialogue_note(struct dialogue *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *dialogue_text(struct dialogue *d); /* lent until the next call */

#endif
