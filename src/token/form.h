/* token/form.h - application/x-www-form-urlencoded: request bodies and queries written, redirected addresses read. */
#ifndef TOKEN_FORM_H
#define TOKEN_FORM_H

#include "base/arena.h"
#include "base/bytes.h"

/* Storage is reserved at once, so that a growing body leaves no copies behind, and wiped by form_fini(). A form that would pass
 * the ceiling is `is_over` and must not be sent. */
struct form {
    struct buf text;
    bool is_over;
};

#define FORM_LIMIT (128u << 10)

void form_init(struct form *f);
void form_fini(struct form *f);
/* Adds name=value, percent-encoded (all but RFC 3986's unreserved letters). NULL or "" values are left out. */
void form_add(struct form *f, const char *name, const char *value);
void form_add_bytes(struct form *f, const char *name, struct bytes value);
struct bytes form_bytes(const struct form *f);

/* Value of `name` in "a=b&c=d", decoded into the arena; NULL if it is not there or malformed. The first one counts. */
char *form_find(struct bytes text, const char *name, struct arena *arena);
/* The part after '?' and before '#', or else after '#'; empty if there is neither. */
struct bytes form_query_of_url(struct bytes url);

#endif
