/* sandbox/params.h - application/x-www-form-urlencoded, as in query strings and form bodies. */
#ifndef SANDBOX_PARAMS_H
#define SANDBOX_PARAMS_H

#include "base/arena.h"

#define WEB_PARAMS_MAX 64

struct web_param {
    const char *name, *value;
};

struct web_params {
    struct web_param items[WEB_PARAMS_MAX];
    size_t count;
    bool is_malformed; /* a broken %-escape, a NUL, or more than WEB_PARAMS_MAX fields */
};

/* Names and values are decoded into `arena`. Never fails: what is wrong is told by `is_malformed`. */
void web_params_parse(struct bytes text, struct arena *arena, struct web_params *out);
/* First value of that name, or NULL. */
const char *web_params_get(const struct web_params *p, const char *name);
/* Likewise; "" instead of NULL. */
const char *web_params_text(const struct web_params *p, const char *name);
/* How often the name appears. */
size_t web_params_times(const struct web_params *p, const char *name);

/* Appends "name=value" with both percent-encoded; "&" is the caller's. */
bool web_params_add(struct buf *out, const char *name, const char *value);
/* Percent-encodes everything but RFC 3986's unreserved characters. */
bool web_percent_encode(struct buf *out, const char *text);

#endif
