/* admin/openapi.h - the document of the API, and its operations by the numbers of their routes. Private to the room. */
#ifndef ADMIN_OPENAPI_H
#define ADMIN_OPENAPI_H

#include <jansson.h>

#include "base/bytes.h"

struct openapi {
    json_t *document;
    char *text;
    char etag[40];             /* with its quotes */
    const json_t **operations; /* of each route; in the document. NULL: it is not described */
    const json_t **bodies;     /* schema of a JSON body, of each route; NULL: the handler looks at it */
    json_t *nothing;           /* schema of a body where none is wanted */
};

extern const struct bytes openapi_written; /* openapi.yaml */

struct openapi *openapi_new(void);
void openapi_free(struct openapi *o); /* takes NULL */

#endif
