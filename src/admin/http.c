/* The HTTP servers on the loop: libmicrohttpd's epoll descriptor is watched as one descriptor of ours.
 *
 * Decides nothing about requests; it collects them (request.c), finds their handler (route.c) and runs it once the body
 * is complete. */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"

static void server_run(void *ctx);

static void timer_rearm(struct admin *a)
{
    int64_t soonest = INT64_MAX;
    for (struct door *d = a->doors; d < a->doors + DOORS; d++) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (d->daemon && MHD_get_timeout(d->daemon, &ms) == MHD_YES && (int64_t)ms < soonest)
            soonest = (int64_t)ms;
    }
    if (soonest < INT64_MAX)
        loop_timer_start(&a->timer, soonest);
    else
        loop_timer_stop(&a->timer);
}

static void server_run(void *ctx)
{
    struct admin *a = ctx;
    for (struct door *d = a->doors; d < a->doors + DOORS; d++)
        if (d->daemon)
            MHD_run(d->daemon);
    timer_rearm(a);
}

static void on_readable(void *ctx, unsigned ready)
{
    server_run(ctx);
}

void admin_http_wake(struct request *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    loop_io_free(r->watch);
    r->watch = NULL;
    MHD_resume_connection(r->connection);
    loop_defer(r->admin->loop, &r->admin->run);
}

/* Input while it sleeps is the next request, which can wait; the end of input is a client that gave up. */
static void on_client(void *ctx, unsigned ready)
{
    struct request *r = ctx;
    char byte;
    if (recv(MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, &byte, 1,
             MSG_PEEK | MSG_DONTWAIT) > 0) {
        loop_io_want(r->watch, 0);
        return;
    }
    asks_cancel(r);
    if (r->stream.is_on)
        stream_end(r);
    else
        respond_empty(r, MHD_HTTP_SERVICE_UNAVAILABLE);
}

void admin_http_sleep(struct request *r)
{
    if (r->is_suspended)
        return;
    r->is_suspended = true;
    int fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    r->watch = loop_io_new(r->admin->loop, fd, LOOP_READ, on_client, r);
    MHD_suspend_connection(r->connection);
}

static enum MHD_Result dispatch(struct request *r)
{
    r->is_dispatched = true;
    if (r->refused.kind != FAULT_NONE)
        respond_fault(r, &r->refused);
    else
        r->route->run(r);
    return MHD_YES;
}

static void take_body(struct request *r, const char *data, size_t size)
{
    if (r->refused.kind != FAULT_NONE)
        return;
    if (r->response)
        r->discarded += size;
    else if (r->route->streams_body)
        submission_add(r, (struct bytes){ (const uint8_t *)data, size });
    else if (!buf_add(&r->body, data, size))
        fault_set(&r->refused, FAULT_REJECT, "api.too-large", "the request's body is larger than %u bytes",
                  ADMIN_BODY_LIMIT);
}

/* Queues what the handler decided; a request that still waits for a role is set aside until request.c wakes it. */
static enum MHD_Result send_response(struct request *r)
{
    if (!r->response) {
        admin_http_sleep(r);
        return MHD_YES;
    }
    struct MHD_Response *response = r->response;
    r->response = NULL;
    for (size_t i = 0; i < r->headers_count; i++)
        MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    enum MHD_Result queued = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* A refusal that overtakes the body it belongs to is lost when the connection closes on what is still coming: it waits for the end of
 * the body, unless the client waits for us. */
static bool has_body_coming(struct request *r)
{
    const char *length = request_header(r, "Content-Length");
    uint64_t size = 0;
    if (request_header(r, "Expect"))
        return false;
    if (length && text_to_u64(length, UINT64_MAX, &size) && size > r->admin->conf->limits.message_size)
        return false;
    return size > 0 || request_header(r, "Transfer-Encoding");
}

/* After the header fields: goes on to the body, answers, or waits until it is known who asks. */
static enum MHD_Result answer_early(struct request *r)
{
    if (r->route || (r->response && has_body_coming(r)))
        return MHD_YES;
    return send_response(r);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **slot)
{
    struct door *d = ctx;
    struct request *r = *slot;
    if (!r) {
        *slot = r = request_new(d, connection, method, url);
        request_admit(r);
        return answer_early(r);
    }
    if (*size > 0) {
        take_body(r, data, *size);
        *size = 0;
        return r->discarded > r->admin->conf->limits.message_size ? MHD_NO : MHD_YES;
    }
    if (!r->is_dispatched && r->route)
        dispatch(r);
    return send_response(r);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how)
{
    struct request *r = *slot;
    *slot = NULL;
    if (r)
        request_free(r);
}

static void on_server_log(void *ctx, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void on_server_log(void *ctx, const char *format, va_list args)
{
    char line[200];
    vsnprintf(line, sizeof line, format, args);
    log_debug("admin.http", LOG_BYTES("text", bytes_trim(bytes_of(line))));
}

static bool open_door(struct admin *a, enum door_kind kind, int fd, struct fault *why)
{
    static const struct {
        unsigned seconds, connections;
        const char *name;
    } limits[] = {
        [DOOR_API] = { 3600, 256, "the admin socket" }, /* a log may be followed for long */
        [DOOR_CONSOLE] = { 60, 128, "console.address" },
    };
    struct door *d = &a->doors[kind];
    *d = (struct door){ .admin = a, .kind = kind };
    if (fd < 0)
        return true;
    d->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                                 on_request, d, MHD_OPTION_EXTERNAL_LOGGER, on_server_log, a, MHD_OPTION_LISTEN_SOCKET,
                                 fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, a, MHD_OPTION_CONNECTION_TIMEOUT,
                                 limits[kind].seconds, MHD_OPTION_CONNECTION_LIMIT, limits[kind].connections,
                                 MHD_OPTION_END);
    if (!d->daemon) {
        close(fd);
        return fault_set(why, FAULT_LOCAL, "", "the HTTP server of %s did not start", limits[kind].name);
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info);
    d->io = loop_io_new(a->loop, info->epoll_fd, LOOP_READ, on_readable, a);
    return true;
}

bool admin_http_start(struct admin *a, const int fds[DOORS], struct fault *why)
{
    bool ok = true;
    loop_timer_init(&a->timer, a->loop, server_run, a);
    loop_deferred_init(&a->run, server_run, a);
    for (unsigned kind = 0; kind < DOORS; kind++) {
        if (ok)
            ok = open_door(a, (enum door_kind)kind, fds[kind], why);
        else if (fds[kind] >= 0)
            close(fds[kind]);
    }
    if (!ok)
        admin_http_stop(a);
    return ok;
}

/* The server insists that nobody sleeps when it stops. */
static void wake_everybody(struct admin *a)
{
    LIST_EACH (node, &a->requests) {
        struct request *r = LIST_OF(node, struct request, node);
        asks_cancel(r);
        admin_http_wake(r);
    }
}

void admin_http_stop(struct admin *a)
{
    for (struct door *d = a->doors; d < a->doors + DOORS; d++)
        loop_io_free(d->io);
    loop_timer_stop(&a->timer);
    wake_everybody(a);
    loop_undefer(&a->run);
    for (struct door *d = a->doors; d < a->doors + DOORS; d++)
        if (d->daemon)
            MHD_stop_daemon(d->daemon);
}
