/* edge/guest.h - whoever came in by a listener, whatever they speak: what the edge must know of them. */
#ifndef EDGE_GUEST_H
#define EDGE_GUEST_H

#include "base/list.h"

struct edge;
struct guest;
struct service;

struct guest_kind {
    void (*stop)(struct guest *g); /* as soon as it can be done in order */
    void (*cut)(struct guest *g);  /* at once; guest_end() was called when it returns */
};

/* Embedded in the session, first to be set up and last to go. */
struct guest {
    struct list node;
    const struct guest_kind *kind;
    struct edge *edge;
    struct service *service; /* one reference */
    char *host;
    char id[20]; /* of the session, for the log */
};

void guest_begin(struct guest *g, const struct guest_kind *kind, struct edge *e, struct service *service,
                 const char *host); /* counted in */
void guest_end(struct guest *g);    /* counted out; the memory stays */
void guest_fini(struct guest *g);

#endif
