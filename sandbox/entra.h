/* sandbox/entra.h - Microsoft Entra ID as seen over HTTPS, for several tenants; and a Google-like provider under /google. */
#ifndef SANDBOX_ENTRA_H
#define SANDBOX_ENTRA_H

#include "sandbox/web.h"

struct sandbox;

/* A web_handler_fn; `sandbox` is a struct sandbox. */
void entra_handle(void *sandbox, const struct web_request *rq, struct web_reply *re);

#endif
