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

#define HTTP_BODY_LIMIT (256u << 10) /* of an answer, where a request names no other; a larger one is no answer */

struct http_field {
    const char *name, *value;
};

struct http_request {
    const char *url;
    struct bytes form;   /* application/x-www-form-urlencoded: POST. Empty: GET. Copied, and the copy wiped */
    struct bytes ca_pem; /* certificates to trust instead of the system's; empty: the system's */
    uint32_t timeout_s;
    const char *method; /* with a body: "POST", "PUT", ...; NULL: by the form */
    /* Instead of a form, with a method: octets as they are. Lent until the answer or http_cancel(). */
    struct bytes body;
    int body_fd; /* with body_size over 0: read from its start by pread(), never whole into memory; lent likewise */
    uint64_t body_size;
    const struct http_field *fields; /* of the request's header; copied. Content-Type is one of them */
    size_t fields_count;
    size_t answer_limit; /* 0: HTTP_BODY_LIMIT */
    bool cut_answer;     /* what is over the limit is not read, and the answer counts all the same */
};

/* Why there is no answer, for who has other words for it than `why`. */
enum http_trouble {
    HTTP_FINE,
    HTTP_NO_NAME,     /* the name can't be resolved */
    HTTP_NO_CONNECT,  /* nobody answers at the address */
    HTTP_NO_TLS,      /* no TLS is spoken there, or none that we have in common */
    HTTP_CERTIFICATE, /* the certificate is wrong */
    HTTP_TIMEOUT,
    HTTP_TOO_LARGE,
    HTTP_BROKEN, /* cut, or no HTTP */
};

struct http_answer {
    int status; /* 0: no answer; `why` says why */
    enum http_trouble trouble;
    struct bytes body;
    const char *content_type; /* never NULL */
    const char *redirect;     /* where a 3xx points to; "" : nowhere. Never followed */
    uint32_t retry_after_s;   /* of a Retry-After in seconds or as a date; 0: none */
    struct fault why;         /* RETRY: "provider.unreachable" or "tls.certificate" */
};

/* The answer is lent for the call; the body's storage is wiped after it. */
typedef void http_done_fn(void *ctx, const struct http_answer *answer);

struct http_call; /* one under way; gone when its answer came */

struct http {
    struct http_call *(*send)(struct http *h, const struct http_request *request, http_done_fn *done, void *ctx);
    void (*cancel)(struct http *h, struct http_call *call);
    void (*free)(struct http *h); /* open requests are dropped without an answer */
};

/* `proxy` "" : from the environment (https_proxy, no_proxy). */
struct http *http_curl_new(struct loop *l, const char *proxy);
void http_curl_set_proxy(struct http *self, const char *proxy);

static inline struct http_call *http_send(struct http *h, const struct http_request *request, http_done_fn *done,
                                          void *ctx)
{
    return h->send(h, request, done, ctx);
}

/* No answer comes any more. Not from inside `done`, whose call is gone already. */
static inline void http_cancel(struct http *h, struct http_call *call)
{
    h->cancel(h, call);
}

static inline void http_free(struct http *h)
{
    if (h)
        h->free(h);
}

/* May a credential travel to this address: https, or http to this very machine? */
bool http_url_is_safe(const char *url);

#endif
