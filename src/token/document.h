/* token/document.h - public JSON documents of a provider (discovery, signing keys): fetched once, kept a day.
 *
 * However many ask, one request is under way per address. A fetch that fails is answered from the old document if there is one. */
#ifndef TOKEN_DOCUMENT_H
#define TOKEN_DOCUMENT_H

#include <jansson.h>

#include "http/http.h"

#define DOCUMENT_KEEP_MS (24 * 3600 * 1000LL)
#define DOCUMENT_FRESH_MS \
    (5 * 60 * 1000LL) /* how often a fresh one may be asked for: keys roll, attackers invent kids */

struct documents;
/* `document` and `why` are lent; exactly one is not NULL. May run inside documents_get(). */
typedef void document_done_fn(void *ctx, const json_t *document, const struct fault *why);

struct documents *documents_new(struct loop *l, struct http *http /* lent */, uint32_t timeout_s);
void documents_free(struct documents *d); /* takes NULL; askers are dropped. After the http is gone */
void documents_set_timeout(struct documents *d, uint32_t timeout_s);
/* `want_fresh`: the one that is kept did not do; fetch again unless that was done a moment ago. */
void documents_get(struct documents *d, const char *url, struct bytes ca_pem, bool want_fresh, document_done_fn *done,
                   void *ctx);

#endif
