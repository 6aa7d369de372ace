/* cli/option.h - options of a command as rows, and one parser for all of them.
 *
 * Options may stand anywhere; "--" ends them. "--name value" and "--name=value" are the same. A list takes several values: by
 * repeating the option, by commas, or by words that follow it. "--no-name" turns a flag off. */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include "base/arena.h"
#include "base/fault.h"

enum option_type {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_LIST,  /* split at commas */
    OPTION_TEXTS, /* may be given several times, taken as it is */
};

/* What an option becomes in an object's JSON (cli/object_args.c). */
enum option_shape { SHAPE_NONE, SHAPE_TEXT, SHAPE_LIST, SHAPE_NUMBER, SHAPE_FLAG, SHAPE_OFF, SHAPE_HOST_PORT };

struct option_row {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum option_type type;
    const char *value; /* "FILE"; NULL for a flag */
    const char *help;
    enum option_shape shape;
    const char *key; /* "smtp.host" */
};

#define OPTION_END \
    { \
        .name = NULL \
    } /* ends a table */

struct option_value {
    const struct option_row *row;
    const char *text; /* lent from argv or the arena; NULL for a flag */
    bool is_off;      /* "--no-name" */
};

struct options {
    struct option_value *values; /* in the order given */
    size_t count;
    const char **operands;
    size_t operands_count;
};

/* `tables` ends at NULL. `operands_most` says when a word may belong to the list before it. False: `why` says what is wrong. */
bool options_parse(int argc, char **argv, const struct option_row *const *tables, size_t operands_most,
                   struct arena *arena, struct options *out, struct fault *why);
bool option_given(const struct options *o, const char *name);
/* The last value given, or `otherwise`. */
const char *option_text(const struct options *o, const char *name, const char *otherwise);
bool option_flag(const struct options *o, const char *name);
/* All values of one name, in order; NULL past the end. */
const char *option_at(const struct options *o, const char *name, size_t index);

#endif
