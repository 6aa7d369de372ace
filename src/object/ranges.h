/* object/ranges.h - address ranges of apps, ordered so that the first match is the narrowest. Private to the room. */
#ifndef OBJECT_RANGES_H
#define OBJECT_RANGES_H

#include "net/addr.h"
#include "object/object.h"

struct app_range {
    struct net_range range;
    const struct app *app; /* lent */
};

struct ranges {
    struct app_range *items;
    size_t count, capacity;
};

void ranges_fini(struct ranges *r);
void ranges_add(struct ranges *r, const struct app *a);
void ranges_remove(struct ranges *r, const struct app *a);
const struct app *ranges_find(const struct ranges *r, const char *host, uint32_t protocol);
/* An app other than `name` that owns exactly this range for one of these protocols, or NULL. */
const struct app *ranges_rival(const struct ranges *r, const struct net_range *range, uint32_t protocols,
                               const char *name);

#endif
