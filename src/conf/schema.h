/* conf/schema.h - the rows behind conf.h: where a setting lives and how its text is judged. Private to the room. */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "conf/conf.h"

enum conf_type {
    CONF_TEXT,     /* const char *: one line */
    CONF_PATH,     /* const char *: absolute after reading */
    CONF_ADDRESS,  /* const char *: as net_addr_parse() takes it, or "", or "none" where that is the range */
    CONF_MAILBOX,  /* const char *: a mail address, or "" */
    CONF_CHOICE,   /* const char *: one of the range */
    CONF_ENUM,     /* an enum: its place in the range */
    CONF_DURATION, /* uint64_t seconds */
    CONF_SIZE,     /* uint64_t octets */
    CONF_NUMBER,   /* uint64_t */
    CONF_COUNT,    /* uint32_t */
    CONF_FLAG,     /* bool */
    CONF_LIST,     /* struct conf_list: words; its text has commas between them */
    CONF_RANGES,   /* struct conf_list: addresses and networks, as net_range_parse() takes them */
};

struct conf_row {
    const char *name;
    enum conf_type type;
    size_t offset; /* in struct conf, or in struct conf_listener where the name says so */
    const char *range, *initial;
    bool is_reloadable;
    const char *text;
};

extern const struct conf_row conf_rows[];          /* end at a NULL name */
extern const struct conf_row conf_listener_rows[]; /* likewise; initial NULL: worked out from the others */

const char *conf_type_name(enum conf_type type);

struct conf_base { /* what a relative path or a {state} stands for */
    const char *folder, *state;
};

/* Judges `text` and stores it in `owner` (struct conf or struct conf_listener). The fault has no position. */
bool conf_value_read(const struct conf_row *row, const char *text, const struct conf_base *base, struct arena *arena,
                     void *owner, struct fault *why);
json_t *conf_value_json(const struct conf_row *row, const void *owner); /* given */
bool conf_value_equal(const struct conf_row *row, const void *a, const void *b);
/* What must hold between settings; each mistake through `tell`, with the name of the setting to point at. */
typedef void conf_tell_fn(void *ctx, const char *name, const struct conf_listener *listener,
                          const struct fault *mistake);
void conf_check(const struct conf *c, conf_tell_fn *tell, void *ctx);

#endif
