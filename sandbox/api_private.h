/* sandbox/api_private.h - one call of the API, shared by the files that answer. */
#ifndef SANDBOX_API_PRIVATE_H
#define SANDBOX_API_PRIVATE_H

#include "sandbox/api.h"
#include "sandbox/sandbox_private.h"

struct api_call {
    struct sandbox *sandbox;
    const struct web_request *rq;
    struct web_reply *re;
    const char *rest; /* of the path, after the route's prefix */
};

void api_refuse(struct api_call *c, int status, const char *why);
uint64_t api_number(struct api_call *c, const char *name, uint64_t otherwise); /* of the query */

/* api_folders.c */
void api_put_message(struct api_call *c);
void api_list_folders(struct api_call *c);

#endif
