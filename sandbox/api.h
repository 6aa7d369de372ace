/* sandbox/api.h - the plain web page and the JSON of the sandbox, over HTTP on loopback. */
#ifndef SANDBOX_API_H
#define SANDBOX_API_H

#include "sandbox/web.h"

/* A web_handler_fn; `sandbox` is a struct sandbox. */
#define API_BODY_MAX (160 * 1024 * 1024) /* a message that is put into a folder */

void api_handle(void *sandbox, const struct web_request *rq, struct web_reply *re);

struct sandbox;
/* overview.c: the page. */
void overview_page(struct sandbox *sb, const struct web_request *rq, struct web_reply *re);
void overview_message(struct sandbox *sb, uint64_t id, struct web_reply *re);

#endif
