/* A request from its first header to its response: body, parameters, and the ways to answer. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin_private.h"
#include "admin/refusal_page.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "doctor/finding.h"

struct request *request_new(struct door *d, struct MHD_Connection *connection, const char *method, const char *path)
{
    struct request *r = mem_alloc(sizeof *r);
    r->admin = d->admin;
    r->door = d;
    r->connection = connection;
    r->visitor = d->kind == DOOR_CONSOLE ? visitor_of(connection) : NULL;
    r->arena = arena_new();
    r->method = arena_strdup(r->arena, method);
    r->path = arena_strdup(r->arena, path);
    r->upload.fd = -1;
    buf_init(&r->body, ADMIN_BODY_LIMIT);
    buf_init(&r->upload.memory, EDGE_BODY_INLINE);
    buf_init(&r->stream.out, 4u << 20);
    list_append(&d->admin->requests, &r->node);
    return r;
}

void request_free(struct request *r)
{
    asks_cancel(r);
    asks_forget(r);
    wipe_taken(r->taken);
    if (r->admin->setup.user == r)
        r->admin->setup.user = NULL;
    log_follow_free(r->follow);
    apply_free(r);
    loop_io_free(r->watch);
    list_remove(&r->node);
    json_decref(r->json);
    json_decref(r->refusal);
    json_decref(r->keepers);
    if (r->body.data)
        secret_wipe(r->body.data, r->body.capacity);
    buf_fini(&r->body);
    buf_fini(&r->stream.out);
    upload_fini(&r->upload);
    submission_fini(r->submission);
    if (r->response)
        MHD_destroy_response(r->response);
    arena_free(r->arena);
    free(r);
}

const char *request_query(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool request_is_on(struct request *r, const char *name)
{
    const char *value = request_query(r, name);
    return text_equal(value, "1") || text_equal(value, "true");
}

const char *request_header(struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* A form on another site's page can send a body, but not of this type. */
static bool is_json(struct request *r)
{
    const char *type = request_header(r, "Content-Type");
    if (r->door->kind == DOOR_API ||
        (type && bytes_equal_nocase(bytes_trim((struct bytes){ (const uint8_t *)type, strcspn(type, ";") }),
                                    BYTES_LIT("application/json"))))
        return true;
    respond_finding(r, 415, "api.media-type", "the body must be application/json");
    return false;
}

json_t *request_json(struct request *r)
{
    if (r->json)
        return r->json;
    json_error_t error;
    struct bytes body = buf_bytes(&r->body);
    if (body.size == 0)
        return r->json = json_object();
    if (!is_json(r))
        return NULL;
    r->json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(r->json))
        return r->json;
    if (r->json)
        respond_finding(r, 400, "api.json", "the body must be one JSON object");
    else
        respond_finding(r, 400, "api.json", "line %d, column %d: %s", error.line, error.column, error.text);
    json_decref(r->json);
    r->json = NULL;
    return NULL;
}

/* Whoever set the request aside may have gone to sleep in the server: wake it. */
static void decided(struct request *r, unsigned status, struct MHD_Response *response)
{
    if (r->response)
        MHD_destroy_response(r->response);
    r->status = status;
    r->response = response;
    if (status < 400 && r->route)
        audit_done(r);
    admin_http_wake(r);
}

static void respond_text(struct request *r, unsigned status, const char *content_type, char *text /* taken */)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    decided(r, status, response);
}

/* A person who followed a link or typed an address sees the answer itself; a page's own requests don't ask so. */
static bool is_for_eyes(struct request *r)
{
    const char *accept = request_header(r, "Accept");
    return text_equal(r->method, "GET") && accept && strstr(accept, "text/html");
}

void respond_json(struct request *r, unsigned status, json_t *json)
{
    if (status >= 400 && r->door->kind == DOOR_CONSOLE && is_for_eyes(r)) {
        refusal_page(r, status, "Refused", "", json);
        json_decref(json);
        return;
    }
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(json);
    respond_text(r, status, status >= 400 ? "application/problem+json" : "application/json",
                 text ? text : mem_strdup("{}"));
}

void respond_empty(struct request *r, unsigned status)
{
    decided(r, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

void respond_plain(struct request *r, unsigned status, const char *text)
{
    respond_text(r, status, "text/plain; charset=utf-8", mem_strdup(text));
}

void respond_html(struct request *r, unsigned status, const char *text)
{
    respond_text(r, status, "text/html; charset=utf-8", mem_strdup(text));
}

void respond_octets(struct request *r, struct bytes octets, const char *content_type)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(octets.size, (void *)(uintptr_t)octets.data,
                                                                    MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    decided(r, 200, response);
}

void respond_fd(struct request *r, int fd, const char *content_type)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        close(fd);
        respond_finding(r, 503, "store.body", "the message's file can't be examined");
        return;
    }
    struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
    MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    decided(r, 200, response);
}

/* RFC 9457, always with a finding. What was seen may be anything; JSON wants UTF-8. */
static json_t *problem_json(const struct request *r, unsigned status, const struct fault *why)
{
    char detail[FAULT_TEXT_SIZE * 2];
    bool is_of_mailbox = r->route && r->route->scope == SCOPE_MAILBOX;
    const struct finding_facts facts = { .mailbox = is_of_mailbox ? r->params[0] : NULL };
    text_sanitize(bytes_of(why->text), detail, sizeof detail);
    return json_pack("{s:s, s:s, s:i, s:s, s:[o]}", "type", "about:blank", "title", "Refused", "status", (int)status,
                     "detail", detail, "findings", finding_json_of_fault(why, &facts));
}

static unsigned status_of(const struct fault *why)
{
    if (text_equal(why->id, "api.too-large"))
        return 413;
    switch (why->kind) {
    case FAULT_RETRY:
    case FAULT_LOCAL:
        return 503;
    case FAULT_AUTH:
        return 403;
    case FAULT_HOLD:
        return 422;
    default:
        return 400;
    }
}

void respond_fault(struct request *r, const struct fault *why)
{
    unsigned status = status_of(why);
    respond_json(r, status, problem_json(r, status, why));
}

void respond_finding(struct request *r, unsigned status, const char *id, const char *format, ...)
{
    va_list args;
    struct fault seen = { .kind = FAULT_REJECT };
    va_start(args, format);
    vsnprintf(seen.text, sizeof seen.text, format, args);
    va_end(args);
    snprintf(seen.id, sizeof seen.id, "%s", id);
    respond_json(r, status, problem_json(r, status, &seen));
}

void respond_misfit(struct request *r, unsigned status, const char *id, const char *member, const char *where,
                    const char *text)
{
    char shown[600];
    struct fault why;
    text_sanitize(bytes_of(where), shown, sizeof shown);
    fault_set(&why, FAULT_REJECT, id, "%.120s%s%s", shown + (*shown == '/'), *shown ? ": " : "", text);
    json_t *problem = problem_json(r, status, &why);
    json_object_set_new(problem, member, json_string(shown));
    respond_json(r, status, problem);
}

void request_add_header(struct request *r, const char *name, const char *value)
{
    assert(r->headers_count < REQUEST_HEADERS);
    r->headers[r->headers_count++] = (struct response_header){ name, arena_strdup(r->arena, value) };
}

bool respond_unless_ok(struct request *r, struct ask *a)
{
    if (a->status < 400)
        return true;
    respond_ask(r, a);
    return false;
}

/* A role says what it knows; the rest of a problem document is put in here. */
static json_t *whole_problem(const struct request *r, unsigned status, json_t *said /* lent */)
{
    static const char *const members[] = { "title", "detail" };
    const char *title = json_string_value(json_object_get(said, "title"));
    const char *detail = json_string_value(json_object_get(said, "detail"));
    struct fault why;
    fault_set(&why, FAULT_REJECT,
              status == 503   ? "role.away"
              : status == 404 ? "api.unknown"
                              : "",
              "%s",
              !text_is_empty(detail) ? detail
              : title                ? title
                                     : "the role that was asked said no more than that");
    json_t *problem = problem_json(r, status, &why);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!text_is_empty(json_string_value(json_object_get(said, members[i]))))
            json_object_set(problem, members[i], json_object_get(said, members[i]));
    if (json_array_size(json_object_get(said, "findings")) > 0)
        json_object_set(problem, "findings", json_object_get(said, "findings"));
    if (json_object_get(said, "current"))
        json_object_set(problem, "current", json_object_get(said, "current"));
    return problem;
}

void respond_ask(struct request *r, struct ask *a)
{
    if (a->status >= 400)
        respond_json(r, a->status, whole_problem(r, a->status, a->json));
    else if (a->status == 204 || !a->json)
        respond_empty(r, 204);
    else
        respond_json(r, a->status, json_incref(a->json));
}

void respond_first(struct request *r)
{
    respond_ask(r, &r->asks[0]);
}
