#include "sandbox/web.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/text.h"

#define STALL_MS (10 * 60 * 1000) /* even a stalled connection ends at last */

struct web_server {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    struct loop_io *io;
    struct loop_timer timer;
    web_handler_fn *fn;
    void *ctx;
    size_t body_max;
    struct list late; /* exchanges that wait with their answer */
};

/* One request and its answer. */
struct exchange {
    struct web_server *server;
    struct MHD_Connection *connection;
    struct list node;
    struct arena *arena;
    struct buf body;
    bool is_too_large, is_decided, is_late;
    struct web_reply reply;
    struct loop_timer timer;
};

static void run(struct web_server *s)
{
    MHD_run(s->daemon);
    MHD_UNSIGNED_LONG_LONG wait = 0;
    if (MHD_get_timeout(s->daemon, &wait) == MHD_YES)
        loop_timer_start(&s->timer, (int64_t)wait);
    else
        loop_timer_stop(&s->timer);
}

static void on_ready(void *ctx, unsigned ready)
{
    run(ctx);
}

static void on_timer(void *ctx)
{
    run(ctx);
}

static void on_late(void *ctx)
{
    struct exchange *e = ctx;
    e->is_late = false;
    list_remove(&e->node);
    MHD_resume_connection(e->connection);
    run(e->server);
}

static struct exchange *exchange_new(struct web_server *s, struct MHD_Connection *connection)
{
    struct exchange *e = mem_alloc(sizeof *e);
    e->server = s;
    e->connection = connection;
    e->arena = arena_new();
    e->reply.arena = e->arena;
    buf_init(&e->body, s->body_max);
    buf_init(&e->reply.body, 256 * 1024 * 1024);
    list_init(&e->node);
    loop_timer_init(&e->timer, s->loop, on_late, e);
    return e;
}

static void exchange_free(struct exchange *e)
{
    list_remove(&e->node);
    loop_timer_stop(&e->timer);
    buf_fini(&e->body);
    buf_fini(&e->reply.body);
    arena_free(e->arena);
    free(e);
}

static enum MHD_Result add_query(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct web_params *query = ctx;
    if (query->count < WEB_PARAMS_MAX)
        query->items[query->count++] = (struct web_param){ key, value != NULL ? value : "" };
    else
        query->is_malformed = true;
    return MHD_YES;
}

static void decide(struct exchange *e, const char *path, const char *method)
{
    struct web_request *rq = arena_alloc(e->arena, sizeof *rq);
    *rq = (struct web_request){
        .method = method, .path = path, .arena = e->arena, .connection = e->connection, .body = buf_bytes(&e->body)
    };
    MHD_get_connection_values(e->connection, MHD_GET_ARGUMENT_KIND, add_query, &rq->query);
    const char *type = web_header(rq, MHD_HTTP_HEADER_CONTENT_TYPE);
    bool is_form = type != NULL && bytes_starts_nocase(bytes_of(type), "application/x-www-form-urlencoded");
    if (is_form && rq->body.size <= WEB_BODY_MAX)
        web_params_parse(rq->body, e->arena, &rq->form);
    e->is_decided = true;
    if (e->is_too_large)
        web_reply_text(&e->reply, 413, "The request is over %zu bytes.\n", e->server->body_max);
    else
        e->server->fn(e->server->ctx, rq, &e->reply);
    if (e->reply.outage == WEB_STALL)
        e->reply.delay_ms = STALL_MS;
}

static enum MHD_Result answer(struct exchange *e)
{
    struct web_reply *re = &e->reply;
    if (re->outage != WEB_ANSWER)
        return MHD_NO;
    struct MHD_Response *response = MHD_create_response_from_buffer(re->body.size, re->body.data,
                                                                    MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    if (re->type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, re->type);
    for (size_t i = 0; i < re->headers_count; i++)
        MHD_add_response_header(response, re->headers[i].name, re->headers[i].value);
    enum MHD_Result result = MHD_queue_response(e->connection, (unsigned)re->status, response);
    MHD_destroy_response(response);
    return result;
}

/* libmicrohttpd calls this when the headers are there, for each piece of the body, at the end, and after a resume. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *size, void **slot)
{
    struct exchange *e = *slot;
    if (e == NULL) {
        *slot = exchange_new(ctx, connection);
        return MHD_YES;
    }
    if (*size > 0) {
        e->is_too_large |= !buf_add(&e->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!e->is_decided)
        decide(e, path, method);
    if (e->reply.delay_ms > 0) {
        loop_timer_start(&e->timer, e->reply.delay_ms);
        e->reply.delay_ms = 0;
        e->is_late = true;
        list_append(&e->server->late, &e->node);
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    return answer(e);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why)
{
    if (*slot != NULL)
        exchange_free(*slot);
    *slot = NULL;
}

static __attribute__((format(printf, 2, 0))) void on_mhd_log(void *ctx, const char *format, va_list args)
{
    char line[400];
    vsnprintf(line, sizeof line, format, args);
    log_debug("sandbox.http", LOG_TEXT("text", line));
}

static struct MHD_Daemon *start_daemon(struct web_server *s, int fd, const char *certificate_pem, const char *key_pem)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate_pem },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key_pem },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    return MHD_start_daemon(flags | (certificate_pem != NULL ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, s,
                            MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, s, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)65536, MHD_OPTION_ARRAY, certificate_pem != NULL ? tls : none, MHD_OPTION_END);
}

struct web_server *web_server_new(struct loop *l, int fd, const char *certificate_pem, const char *key_pem,
                                  web_handler_fn *fn, void *ctx, struct fault *why)
{
    struct web_server *s = mem_alloc(sizeof *s);
    s->loop = l;
    s->fn = fn;
    s->ctx = ctx;
    s->body_max = WEB_BODY_MAX;
    list_init(&s->late);
    loop_timer_init(&s->timer, l, on_timer, s);
    s->daemon = start_daemon(s, fd, certificate_pem, key_pem);
    if (s->daemon == NULL) {
        close(fd);
        free(s);
        fault_set(why, FAULT_LOCAL, "", "the HTTP server does not start; is the certificate good and TLS compiled in?");
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    s->io = loop_io_new(l, info->epoll_fd, LOOP_READ, on_ready, s);
    return s;
}

void web_server_take(struct web_server *s, size_t body_max)
{
    s->body_max = body_max;
}

void web_server_free(struct web_server *s)
{
    if (s == NULL)
        return;
    LIST_EACH (at, &s->late) {
        struct exchange *e = LIST_OF(at, struct exchange, node);
        e->reply.outage = WEB_CLOSE;
        list_remove(&e->node);
        MHD_resume_connection(e->connection);
    }
    loop_timer_stop(&s->timer);
    loop_io_free(s->io);
    MHD_stop_daemon(s->daemon);
    free(s);
}

const char *web_header(const struct web_request *rq, const char *name)
{
    return MHD_lookup_connection_value((struct MHD_Connection *)(uintptr_t)rq->connection, MHD_HEADER_KIND, name);
}

/* RFC 6749, 2.3.1: id and secret are form-encoded before they are joined. */
bool web_basic_auth(const struct web_request *rq, const char **user, const char **password)
{
    const char *header = web_header(rq, "Authorization");
    if (header == NULL || !bytes_starts_nocase(bytes_of(header), "Basic "))
        return false;
    struct bytes text = bytes_trim(bytes_of(header + 6));
    uint8_t *clear = arena_alloc(rq->arena, text.size + 1);
    size_t size = 0;
    if (!base64_decode(text, clear, text.size + 1, &size))
        return false;
    char *colon = memchr(clear, ':', size);
    if (colon == NULL)
        return false;
    struct web_params decoded;
    char *pair = arena_printf(rq->arena, "u=%.*s&p=%.*s", (int)(colon - (char *)clear), (char *)clear,
                              (int)(size - (size_t)(colon - (char *)clear) - 1), colon + 1);
    web_params_parse(bytes_of(pair), rq->arena, &decoded);
    *user = web_params_text(&decoded, "u");
    *password = web_params_text(&decoded, "p");
    return !decoded.is_malformed && decoded.count == 2;
}

void web_reply_header(struct web_reply *re, const char *name, const char *format, ...)
{
    assert(re->headers_count < WEB_HEADERS_MAX);
    struct buf value;
    buf_init(&value, 64 * 1024);
    va_list args;
    va_start(args, format);
    buf_vaddf(&value, format, args);
    va_end(args);
    re->headers[re->headers_count].name = name;
    re->headers[re->headers_count++].value = arena_strdup(re->arena, buf_str(&value));
    buf_fini(&value);
}

void web_reply_json(struct web_reply *re, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    re->status = status;
    re->type = "application/json; charset=utf-8";
    buf_clear(&re->body);
    buf_add_str(&re->body, text != NULL ? text : "{}");
    free(text);
    json_decref(json);
}

void web_reply_text(struct web_reply *re, int status, const char *format, ...)
{
    re->status = status;
    re->type = "text/plain; charset=utf-8";
    buf_clear(&re->body);
    va_list args;
    va_start(args, format);
    buf_vaddf(&re->body, format, args);
    va_end(args);
}

void web_reply_redirect(struct web_reply *re, const struct web_request *rq, const char *url)
{
    web_reply_text(re, strcmp(rq->method, "POST") == 0 ? 303 : 302, "See %s\n", url);
    web_reply_header(re, "Location", "%s", url);
}

void web_html_escape(struct buf *out, const char *text)
{
    for (; *text != 0; text++) {
        const char *entity = *text == '&'    ? "&amp;"
                             : *text == '<'  ? "&lt;"
                             : *text == '>'  ? "&gt;"
                             : *text == '"'  ? "&quot;"
                             : *text == '\'' ? "&#39;"
                                             : NULL;
        if (entity != NULL)
            buf_add_str(out, entity);
        else
            buf_add_byte(out, (uint8_t)*text);
    }
}
