#include "fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "token/form.h"

static struct http_call *send_request(struct http *self, const struct http_request *r, http_done_fn *done, void *ctx)
{
    struct fake_http *h = (struct fake_http *)self;
    assert_true(h->count < sizeof h->requests / sizeof h->requests[0]);
    assert_true(http_url_is_safe(r->url));
    h->requests[h->count++] = (struct fake_request){ mem_strdup(r->url), mem_strndup(r->form.data, r->form.size), done,
                                                     ctx, false };
    return NULL;
}

static void fake_free(struct http *self)
{
    struct fake_http *h = (struct fake_http *)self;
    for (size_t i = 0; i < h->count; i++) {
        free(h->requests[i].url);
        free(h->requests[i].form);
    }
    free(h);
}

struct fake_http *fake_http_new(void)
{
    struct fake_http *h = mem_alloc(sizeof *h);
    h->http = (struct http){ .send = send_request, .free = fake_free };
    return h;
}

struct fake_request *fake_last(struct fake_http *h)
{
    for (size_t i = h->count; i > 0; i--) {
        if (!h->requests[i - 1].is_answered)
            return &h->requests[i - 1];
    }
    fail_msg("no request is open");
    return NULL;
}

size_t fake_open(const struct fake_http *h)
{
    size_t open = 0;
    for (size_t i = 0; i < h->count; i++)
        open += !h->requests[i].is_answered;
    return open;
}

static void answer(struct fake_http *h, const struct http_answer *a)
{
    struct fake_request *r = fake_last(h);
    r->is_answered = true;
    r->done(r->ctx, a);
}

void fake_answer(struct fake_http *h, int status, const char *content_type, const char *body)
{
    answer(h, &(struct http_answer){ .status = status, .content_type = content_type, .body = bytes_of(body) });
}

void fake_answer_later(struct fake_http *h, int status, uint32_t retry_after_s, const char *body)
{
    answer(h,
           &(struct http_answer){
               .status = status, .content_type = "text/html", .retry_after_s = retry_after_s, .body = bytes_of(body) });
}

void fake_no_answer(struct fake_http *h)
{
    struct http_answer a = { .content_type = "" };
    fault_set(&a.why, FAULT_RETRY, "provider.unreachable", "connection refused");
    answer(h, &a);
}

const char *fake_field(struct fake_http *h, const char *name)
{
    static struct arena *life;
    if (!life)
        life = arena_new();
    const char *value = form_find(bytes_of(fake_last(h)->form), name, life);
    return value ? value : "";
}
