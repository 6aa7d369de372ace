/* http/curl.c - libcurl's multi interface on our loop: descriptors and one timer.
 *
 * Look-ups run in libcurl's resolver thread, so they never block the loop. Request and answer bodies live in our own storage and
 * are wiped; libcurl's verbose output stays off, it would show them. */
#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/secret.h"
#include "base/text.h"
#include "http/http.h"

struct curl_http {
    struct http http;
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct loop_deferred collect;
    struct list requests;
    char *proxy;
};

struct http_call {
    struct list node;
    CURL *easy;
    struct curl_slist *headers;
    struct secret *form;
    int body_fd;
    uint64_t body_size, body_at;
    struct buf body;
    bool is_too_large, cut_answer;
    char error[CURL_ERROR_SIZE];
    http_done_fn *done;
    void *ctx;
};

bool http_url_is_safe(const char *url)
{
    static const char *const loopback[] = { "http://localhost", "http://127.0.0.1", "http://[::1]" };
    struct bytes u = bytes_of(url);
    if (bytes_starts_nocase(u, "https://"))
        return true;
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        size_t size = strlen(loopback[i]);
        if (bytes_starts_nocase(u, loopback[i]) && (u.size == size || strchr(":/?", url[size])))
            return true;
    }
    return false;
}

static void request_free(struct curl_http *h, struct http_call *r)
{
    list_remove(&r->node);
    if (r->easy) {
        curl_multi_remove_handle(h->multi, r->easy);
        curl_easy_cleanup(r->easy);
    }
    curl_slist_free_all(r->headers);
    secret_free(r->form);
    if (r->body.data)
        secret_wipe(r->body.data, r->body.capacity);
    buf_fini(&r->body);
    free(r);
}

static enum http_trouble trouble_of(const struct http_call *r, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_FINE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_NO_NAME;
    case CURLE_COULDNT_CONNECT:
        return HTTP_NO_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
        return HTTP_NO_TLS;
    default:
        return r->is_too_large ? HTTP_TOO_LARGE : HTTP_BROKEN;
    }
}

static void explain(const struct http_call *r, CURLcode code, struct http_answer *answer)
{
    char *url = NULL;
    curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
    answer->trouble = trouble_of(r, code);
    if (r->is_too_large)
        fault_set(&answer->why, FAULT_RETRY, "oauth.unreadable", "%s sent more than %zu KiB", url, r->body.limit >> 10);
    else
        fault_set(&answer->why, FAULT_RETRY,
                  answer->trouble == HTTP_CERTIFICATE ? "tls.certificate" : "provider.unreachable", "%s: %s", url,
                  r->error[0] ? r->error : curl_easy_strerror(code));
}

static void finish(struct curl_http *h, struct http_call *r, CURLcode code)
{
    struct http_answer answer = { .content_type = "", .redirect = "" };
    long status = 0;
    curl_off_t retry_after = 0;
    char *type = NULL, *redirect = NULL;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &retry_after);
    curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &redirect);
    if (code == CURLE_OK || (r->is_too_large && r->cut_answer)) {
        answer.status = (int)status;
        answer.body = buf_bytes(&r->body);
        answer.content_type = type ? type : "";
        answer.redirect = redirect ? redirect : "";
        answer.retry_after_s = retry_after > 0 && retry_after < UINT32_MAX ? (uint32_t)retry_after : 0;
    } else {
        explain(r, code, &answer);
    }
    r->done(r->ctx, &answer);
    request_free(h, r);
}

/* At the end of the turn: `done` may send again, which must not happen inside libcurl's callbacks. */
static void collect(void *ctx)
{
    struct curl_http *h = ctx;
    int left;
    for (CURLMsg *m = curl_multi_info_read(h->multi, &left); m; m = curl_multi_info_read(h->multi, &left)) {
        struct http_call *r = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        finish(h, r, m->data.result);
    }
}

static void act(struct curl_http *h, curl_socket_t fd, int ready)
{
    int running;
    curl_multi_socket_action(h->multi, fd, ready, &running);
    loop_defer(h->loop, &h->collect);
}

static void on_timer(void *ctx)
{
    struct curl_http *h = ctx;
    act(h, CURL_SOCKET_TIMEOUT, 0);
    /* Woken a little early, libcurl would find nothing due and not ask again for the timer that it believes is still running. */
    long left_ms = -1;
    curl_multi_timeout(h->multi, &left_ms);
    if (left_ms >= 0 && !loop_timer_is_running(&h->timer))
        loop_timer_start(&h->timer, left_ms + 1);
}

static int want_timer(CURLM *multi, long in_ms, void *ctx)
{
    struct curl_http *h = ctx;
    if (in_ms < 0)
        loop_timer_stop(&h->timer);
    else
        loop_timer_start(&h->timer, in_ms);
    return 0;
}

/* libcurl hands the same pointer to every callback of a socket: what we give curl_multi_assign(). */
struct watch {
    struct curl_http *http;
    struct loop_io *io;
    curl_socket_t fd;
};

static void on_ready(void *ctx, unsigned ready)
{
    struct watch *w = ctx;
    int events = (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    act(w->http, w->fd, events);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *watch)
{
    struct curl_http *h = ctx;
    struct watch *w = watch;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            loop_io_free(w->io);
        free(w);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    unsigned want = (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u);
    if (!w) {
        w = mem_alloc(sizeof *w);
        *w = (struct watch){ h, NULL, fd };
        w->io = loop_io_new(h->loop, fd, want, on_ready, w);
        curl_multi_assign(h->multi, fd, w);
    } else {
        loop_io_want(w->io, want);
    }
    return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct http_call *r = ctx;
    if (buf_add(&r->body, data, size * count))
        return size * count;
    r->is_too_large = true;
    buf_add(&r->body, data, r->body.limit - r->body.size);
    return 0;
}

static size_t on_send(char *out, size_t size, size_t count, void *ctx)
{
    struct http_call *r = ctx;
    uint64_t left = r->body_size - r->body_at, room = size * count;
    ssize_t n = pread(r->body_fd, out, room < left ? room : left, (off_t)r->body_at);
    if (n < 0 || (n == 0 && left > 0))
        return CURL_READFUNC_ABORT;
    r->body_at += (uint64_t)n;
    return (size_t)n;
}

/* A kept connection may turn out dead after some was sent; libcurl then begins anew on another. */
static int on_seek(void *ctx, curl_off_t to, int origin)
{
    struct http_call *r = ctx;
    if (origin != SEEK_SET || to < 0 || (uint64_t)to > r->body_size)
        return CURL_SEEKFUNC_FAIL;
    r->body_at = (uint64_t)to;
    return CURL_SEEKFUNC_OK;
}

static void add_field(struct http_call *r, const char *name, const char *value)
{
    char *line = mem_printf("%s: %s", name, value);
    r->headers = curl_slist_append(r->headers, line);
    free(line);
}

/* Octets as they are, by the method that was named. */
static void set_body(struct http_call *r, const struct http_request *from)
{
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, from->method);
    if (from->body_size > 0) {
        r->body_fd = from->body_fd;
        r->body_size = from->body_size;
        curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(e, CURLOPT_READDATA, r);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, r);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)from->body_size);
    } else {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)from->body.size);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, from->body.size ? (const char *)from->body.data : "");
    }
    r->headers = curl_slist_append(r->headers, "Expect:");
}

static void set_request(struct http_call *r, const struct http_request *from)
{
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_URL, from->url);
    r->headers = curl_slist_append(NULL, "Accept: application/json");
    for (size_t i = 0; i < from->fields_count; i++)
        add_field(r, from->fields[i].name, from->fields[i].value);
    if (from->method) {
        set_body(r, from);
    } else if (from->form.size > 0) {
        r->form = secret_new(from->form.data, from->form.size);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)from->form.size);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, (const char *)secret_bytes(r->form).data);
        r->headers = curl_slist_append(r->headers, "Expect:");
    }
    if (from->ca_pem.size > 0) {
        struct curl_blob blob = { (void *)(uintptr_t)from->ca_pem.data, from->ca_pem.size, CURL_BLOB_COPY };
        curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* else the system's would be trusted beside it */
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)from->timeout_s);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)from->timeout_s);
}

static void set_rules(struct curl_http *h, struct http_call *r)
{
    CURL *e = r->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, r);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "Postern/" POSTERN_VERSION);
    if (!text_is_empty(h->proxy))
        curl_easy_setopt(e, CURLOPT_PROXY, h->proxy);
}

static struct http_call *send_request(struct http *self, const struct http_request *request, http_done_fn *done,
                                      void *ctx)
{
    struct curl_http *h = (struct curl_http *)self;
    assert(http_url_is_safe(request->url));
    struct http_call *r = mem_alloc(sizeof *r);
    r->done = done;
    r->ctx = ctx;
    r->cut_answer = request->cut_answer;
    buf_init(&r->body, request->answer_limit ? request->answer_limit : HTTP_BODY_LIMIT);
    buf_reserve(&r->body, r->body.limit < 32768
                              ? r->body.limit
                              : 32768); /* so that ordinary answers never move, leaving a copy behind */
    r->easy = curl_easy_init();
    assert(r->easy);
    list_append(&h->requests, &r->node);
    set_rules(h, r);
    set_request(r, request);
    CURLMcode added = curl_multi_add_handle(h->multi, r->easy);
    assert(added == CURLM_OK);
    (void)added;
    return r;
}

static void cancel_request(struct http *self, struct http_call *call)
{
    request_free((struct curl_http *)self, call);
}

static void drop_all(struct http *self)
{
    struct curl_http *h = (struct curl_http *)self;
    LIST_EACH (at, &h->requests)
        request_free(h, LIST_OF(at, struct http_call, node));
    curl_multi_cleanup(h->multi);
    loop_timer_stop(&h->timer);
    loop_undefer(&h->collect);
    free(h->proxy);
    free(h);
}

struct http *http_curl_new(struct loop *l, const char *proxy)
{
    CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(started == CURLE_OK);
    (void)started;
    struct curl_http *h = mem_alloc(sizeof *h);
    h->http = (struct http){ send_request, cancel_request, drop_all };
    h->loop = l;
    h->multi = curl_multi_init();
    assert(h->multi);
    h->proxy = mem_strdup(proxy);
    list_init(&h->requests);
    loop_timer_init(&h->timer, l, on_timer, h);
    loop_deferred_init(&h->collect, collect, h);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return &h->http;
}

void http_curl_set_proxy(struct http *self, const char *proxy)
{
    struct curl_http *h = (struct curl_http *)self;
    free(h->proxy);
    h->proxy = mem_strdup(proxy);
}
