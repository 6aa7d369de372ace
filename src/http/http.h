/* http/http.h - one HTTPS request and its answer: all that the rooms above need to know of HTTP.
 *
 * Behind it stands libcurl (curl.c), or a script in the tests. A request is answered exactly once, never from inside
 * http_send(), and within its timeout. Redirects are not followed, certificates are always checked, and plain http is spoken to
 * loopback addresses only. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/bytes.h"
#include "base/fault.h"
#include "loop/loop.h"

#define HTTP_BODY_LIMIT (256u << 10) /* an answer larger than this is no answer of a token endpoint */

struct http_request {
    const char *url;
    struct bytes form;   /* application/x-www-form-urlencoded: POST. Empty: GET. Copied, and the copy wiped */
    struct bytes ca_pem; /* certificates to trust instead of the system's; empty: the system's */
    uint32_t timeout_s;
};

struct http_answer {
    int status; /* 0: no answer; `why` says why */
    struct bytes body;
    const char *content_type; /* never NULL */
    uint32_t retry_after_s;   /* of a Retry-After in seconds or as a date; 0: none */
    struct fault why;         /* RETRY: "provider.unreachable" or "tls.certificate" */
};

/* The answer is lent for the call; the body's storage is wiped after it. */
typedef void http_done_fn(void *ctx, const struct http_answer *answer);

struct http {
    void (*send)(struct http *h, const struct http_request *request, http_done_fn *done, void *ctx);
    void (*free)(struct http *h); /* open requests are dropped without an answer */
};

/* `proxy` "" : from the environment (https_proxy, no_proxy). */
struct http *http_curl_new(struct loop *l, const char *proxy);
void http_curl_set_proxy(struct http *self, const char *proxy);

static inline void http_send(struct http *h, const struct http_request *request, http_done_fn *done, void *ctx)
{
    h->send(h, request, done, ctx);
}

static inline void http_free(struct http *h)
{
    if (h)
        h->free(h);
}

/* May a credential travel to this address: https, or http to this very machine? */
bool http_url_is_safe(const char *url);

#endif
