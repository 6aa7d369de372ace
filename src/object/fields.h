/* object/fields.h - the table behind every kind: one row per field says where it lives in the struct, what it may hold and
 * what it is for. Reading, writing, help and the manual are loops over these rows. Private to the room. */
#ifndef OBJECT_FIELDS_H
#define OBJECT_FIELDS_H

#include "object/object.h"

enum field_type {
    FIELD_TEXT,   /* const char *, never NULL */
    FIELD_TEXTS,  /* const char ** and, at count_offset, a size_t */
    FIELD_COUNT,  /* uint32_t up to max */
    FIELD_FLAG,   /* bool */
    FIELD_CHOICE, /* an enum (unsigned), by name */
    FIELD_SET,    /* uint32_t of bits, a list of names; empty stands for all, or is none where one is required */
    FIELD_GROUP,  /* an object with fields of its own, at offset */
};

struct choice {
    const char *name;
    unsigned value;
};

/* What a text may look like. */
struct text_rule {
    const char *what; /* "an address as in box@example.org": completes "must be ..." */
    bool (*is_valid)(const char *text);
    size_t max;          /* octets */
    const char *example; /* one that is valid */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset, count_offset;
    const struct text_rule *rule;
    const struct choice *choices; /* ends at a NULL name */
    const struct field *group;    /* ends at a NULL key */
    uint32_t max;
    bool is_required;
    bool is_read_only; /* written, and passed over when read */
    bool is_lower;     /* kept in lower case */
    bool initial;      /* of a flag */
    const char *help;
};

struct object_table {
    const char *name, *plural;
    size_t size;
    const struct field *fields; /* the first is the key */
    /* What one field alone can't say; NULL: nothing. May fill in what follows from other fields. */
    bool (*check)(void *object, struct fault *why);
};

extern const struct object_table object_tables[OBJECT_KINDS];

/* object/rules.c */
extern const struct text_rule rule_name, rule_optional_name, rule_address, rule_line, rule_token, rule_url, rule_host,
    rule_date, rule_file, rule_query, rule_pem, rule_range, rule_redirect;

/* object/check.c */
bool check_provider(void *object, struct fault *why);
bool check_mailbox(void *object, struct fault *why);
bool check_app(void *object, struct fault *why);
bool check_endpoint(void *object, struct fault *why);
bool check_key(void *object, struct fault *why);

#endif
