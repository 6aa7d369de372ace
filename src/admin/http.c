/* Requests as the server (door.c) brings them: it collects them, has them admitted (admit.c), and runs their handler once the body is
 * complete. */
#include <string.h>
#include <sys/socket.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"

void admin_http_wake(struct request *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    visitor_waits_for_us(r->visitor, false);
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
    visitor_waits_for_us(r->visitor, true);
    int fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    r->watch = loop_io_new(r->admin->loop, fd, LOOP_READ, on_client, r);
    MHD_suspend_connection(r->connection);
}

static enum MHD_Result dispatch(struct request *r)
{
    r->is_dispatched = true;
    if (r->refused.kind != FAULT_NONE)
        respond_fault(r, &r->refused);
    else if (!people_may_stay(r)) /* a body may take long to come */
        respond_finding(r, 401, "console.sign-in", "who asked is not let in any more");
    else if (contract_takes_body(r))
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
    if (r->door->is_ending)
        MHD_add_response_header(response, "Connection", "close");
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
    /* Who sleeps here is asked the same once more when it wakes, which is not the end of the body. */
    r->is_asked_again = !r->response;
    return send_response(r);
}

enum MHD_Result http_on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **slot)
{
    struct door *d = ctx;
    struct request *r = *slot;
    if (!r) {
        *slot = r = request_new(d, connection, method, url);
        visitor_header_came(r->visitor);
        request_admit(r);
        return answer_early(r);
    }
    if (r->is_asked_again) {
        r->is_asked_again = false;
        return answer_early(r);
    }
    if (*size > 0) {
        visitor_body_grew(r->visitor, *size);
        take_body(r, data, *size);
        *size = 0;
        return r->discarded > r->admin->conf->limits.message_size ? MHD_NO : MHD_YES;
    }
    visitor_body_came(r->visitor);
    if (!r->is_dispatched && r->route)
        dispatch(r);
    return send_response(r);
}

void http_on_completed(void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how)
{
    struct request *r = *slot;
    *slot = NULL;
    if (!r)
        return;
    visitor_answered(r->visitor);
    request_free(r);
}
