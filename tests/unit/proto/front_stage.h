/* A host that plays the bridge for the near side. It decides by the user's name: "busy", "forbidden", "person" and "limit" are refused as
 * that, anybody else by the password, which is "secret", "se cret" or "s\"c\\t". Upstream takes known clients unless `refuses_mail`. What the
 * engine says and asks is written down, and what it left unread once it was done. */
#ifndef FRONT_STAGE_H
#define FRONT_STAGE_H

#include "proto/front/front.h"

struct front_stage {
    struct front_policy policy;
    struct front *front;
    bool is_late;      /* decides after feed() came back, not inside the callback */
    bool refuses_mail; /* of a known client */
    bool is_open, is_done, is_starting_tls, is_owed;
    enum front_refusal owed;
    bool owes_accept;
    struct buf out, events;
    struct bytes rest; /* what upstream gets */
};

void front_stage_init(struct front_stage *t);
void front_stage_fini(struct front_stage *t);
void front_stage_open(struct front_stage *t, enum front_protocol p, bool is_secure, bool is_trusted);
/* Offers `in` as it would come in pieces of `step` octets (0: all at once), what is left unused in front of the next. */
void front_stage_play(struct front_stage *t, struct bytes in, size_t step);

#endif
