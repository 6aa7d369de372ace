/* sandbox/web.h - HTTP and HTTPS servers on our loop; libmicrohttpd hides behind it.
 *
 * One handler per server is called with a whole request and fills in the reply. A reply may also be an outage: late, never,
 * or a closed connection. Request and reply live until the handler returns. */
#ifndef SANDBOX_WEB_H
#define SANDBOX_WEB_H

#include <jansson.h>

#include "base/fault.h"
#include "loop/loop.h"
#include "sandbox/params.h"

#define WEB_BODY_MAX (1024 * 1024) /* unless web_server_take() says otherwise */
#define WEB_HEADERS_MAX 24

struct web_request {
    const char *method;
    const char *path; /* decoded by nobody: as sent, without the query */
    struct web_params query;
    struct web_params form; /* of a urlencoded body */
    struct bytes body;
    struct arena *arena;
    const void *connection; /* for web_header() */
};

enum web_outage { WEB_ANSWER, WEB_CLOSE, WEB_STALL };

struct web_reply {
    int status;
    const char *type; /* content type; static text */
    struct buf body;
    struct {
        const char *name; /* static text */
        char *value;      /* the arena's */
    } headers[WEB_HEADERS_MAX];
    size_t headers_count;
    enum web_outage outage;
    int64_t delay_ms;
    struct arena *arena;
};

typedef void web_handler_fn(void *ctx, const struct web_request *rq, struct web_reply *re);

struct web_server;

/* `fd` (a listening socket) is taken. Both PEM texts NULL: plain HTTP. */
struct web_server *web_server_new(struct loop *l, int fd, const char *certificate_pem, const char *key_pem,
                                  web_handler_fn *fn, void *ctx, struct fault *why);
void web_server_take(struct web_server *s, size_t body_max);
void web_server_free(struct web_server *s); /* takes NULL */

const char *web_header(const struct web_request *rq, const char *name); /* or NULL */
/* Basic authentication; both are the arena's. */
bool web_basic_auth(const struct web_request *rq, const char **user, const char **password);

void web_reply_header(struct web_reply *re, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void web_reply_json(struct web_reply *re, int status, json_t *json /* taken */);
void web_reply_text(struct web_reply *re, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* 302 for GET, 303 after POST. */
void web_reply_redirect(struct web_reply *re, const struct web_request *rq, const char *url);
/* Appends text with &, <, >, " and ' escaped. */
void web_html_escape(struct buf *out, const char *text);

#endif
