/* compose/compose_private.h - what the files of this room share. */
#ifndef COMPOSE_COMPOSE_PRIVATE_H
#define COMPOSE_COMPOSE_PRIVATE_H

#include <gmime/gmime.h>

#include "compose/compose.h"

/* Fills `where` and returns false, as fault_set() does. */
bool compose_refuse(struct compose_member *where, enum compose_what what, size_t index, struct fault *why,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* May it stand in a header: UTF-8, and no control character but a tab? */
bool compose_is_value(const char *text);

/* header.c: all but Date and Message-ID are looked at; then written. */
bool compose_check_header(const struct compose *c, struct compose_member *where, struct fault *why);
void compose_set_header(GMimeMessage *m, const struct compose *c);

/* parts.c */
bool compose_check_parts(const struct compose *c, struct compose_member *where, struct fault *why);
GMimeObject *compose_body(const struct compose *c); /* given */

/* sink.c: a stream that can only be written to; lends `sink` and `ctx`. */
GMimeStream *compose_sink_new(compose_sink_fn *sink, void *ctx);
bool compose_sink_is_stopped(GMimeStream *sink); /* it can't keep more */

#endif
