/* A scripted transport: the test sees each request and answers it when it likes. */
#ifndef TESTS_TOKEN_FAKE_HTTP_H
#define TESTS_TOKEN_FAKE_HTTP_H

#include "http/http.h"

struct fake_request {
    char *url, *form; /* form "" for GET */
    http_done_fn *done;
    void *ctx;
    bool is_answered;
};

struct fake_http {
    struct http http;
    struct fake_request requests[256];
    size_t count;
};

struct fake_http *fake_http_new(void);
/* The newest request that is not answered yet; fails the test if there is none. */
struct fake_request *fake_last(struct fake_http *h);
size_t fake_open(const struct fake_http *h); /* requests not answered */
void fake_answer(struct fake_http *h, int status, const char *content_type, const char *body);
void fake_answer_later(struct fake_http *h, int status, uint32_t retry_after_s, const char *body);
void fake_no_answer(struct fake_http *h);
/* Value of a field of the newest request's form, decoded; "" if it is not there. Lent until the next call. */
const char *fake_field(struct fake_http *h, const char *name);

#endif
