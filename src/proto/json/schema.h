/* proto/json/schema.h - does a JSON value fit a schema, and if not, where and why?
 *
 * The part of JSON Schema (draft 2020-12) that our own document of the API is written in: $ref within it, type, enum, const, minimum,
 * maximum, minLength, maxLength, minItems, maxItems, items, required, properties, additionalProperties, anyOf, oneOf (as anyOf). All
 * other words say nothing here. */
#ifndef PROTO_JSON_SCHEMA_H
#define PROTO_JSON_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

struct json_misfit {
    char pointer[512]; /* RFC 6901; cut where names are very long */
    char text[256];    /* "it must be a text": a sentence without its end */
};

/* `document` is what the references are looked up in; all lent. */
bool json_schema_fits(const json_t *document, const json_t *schema, const json_t *value, struct json_misfit *misfit);
/* What a "#/..." reference leads to, or the schema itself if it is none; lent. NULL: it leads nowhere. */
const json_t *json_schema_resolve(const json_t *document, const json_t *schema);

#endif
