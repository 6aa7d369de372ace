/* POST /messages: what kind of body it is, whether it is a send that was sent before, and what becomes of a refusal. */
#include <stdio.h>
#include <string.h>

#include "admin/send.h"
#include "base/text.h"
#include "doctor/finding.h"

/* ---- refusals ---- */

bool send_refuse(struct submission *s, const char *where, const char *id, const char *format, ...)
{
    struct fault text;
    va_list args;
    va_start(args, format);
    vsnprintf(text.text, sizeof text.text, format, args);
    va_end(args);
    s->where = where;
    return fault_set(&s->why, FAULT_REJECT, id, "%s", text.text);
}

static unsigned status_of(const struct submission *s)
{
    static const struct {
        const char *id;
        unsigned status;
    } by_id[] = {
        { "api.too-large", 413 }, { "api.media-type", 415 }, { "api.in-progress", 409 },
        { "api.field", 422 },     { "api.base64", 422 },
    };
    for (size_t i = 0; i < sizeof by_id / sizeof *by_id; i++) {
        if (text_equal(by_id[i].id, s->why.id))
            return by_id[i].status;
    }
    bool is_of_route = bytes_starts_nocase(bytes_of(s->why.id), "route.") || text_equal(s->why.id, "mailbox.protocol");
    if (is_of_route && !s->is_trusted)
        return 403;
    return s->why.kind == FAULT_LOCAL || s->why.kind == FAULT_RETRY ? 503 : 400;
}

/* With the values of this send in its steps. */
static json_t *finding_of(const struct submission *s)
{
    const struct principal *p = s->request->principal;
    const struct finding_facts facts = { .app = p->kind == PRINCIPAL_LOCAL ? "this program" : p->name,
                                         .mailbox = s->route.mailbox ? s->route.mailbox : s->wanted,
                                         .sender = s->message.sender };
    return finding_json_of_fault(&s->why, &facts);
}

/* What is still to come of the body is passed over; what was kept of it goes now, for a full disk needs the room. */
static bool respond_refused(struct submission *s)
{
    unsigned status = status_of(s);
    char detail[FAULT_TEXT_SIZE * 2];
    if (s->where)
        fault_wrap(&s->why, "%.120s", s->where + (*s->where == '/'));
    text_sanitize(bytes_of(s->why.text), detail, sizeof detail);
    upload_fini(&s->aside);
    upload_fini(&s->request->upload);
    json_t *problem = json_pack("{s:s, s:s, s:i, s:s, s:[o]}", "type", "about:blank", "title",
                                "The message was not taken", "status", (int)status, "detail", detail, "findings",
                                finding_of(s));
    if (s->where)
        json_object_set_new(problem, *s->where == '/' ? "pointer" : "part", json_string(s->where));
    s->is_answered = true;
    respond_json(s->request, status, problem);
    return false;
}

/* ---- sends that may be repeated ---- */

void send_digest(struct submission *s, struct bytes in)
{
    if (s->digest)
        EVP_DigestUpdate(s->digest, in.data, in.size);
}

static void digest_begin(struct submission *s)
{
    s->digest = EVP_MD_CTX_new();
    EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL);
    send_digest(s, (struct bytes){ (const uint8_t *)&s->kind, sizeof s->kind });
}

static void digest_end(struct submission *s)
{
    uint8_t sum[32];
    char *text = arena_alloc(s->request->arena, 65);
    if (!s->digest)
        return;
    EVP_DigestFinal_ex(s->digest, sum, NULL);
    hex_encode((struct bytes){ sum, sizeof sum }, text, 65);
    s->message.digest = text;
}

static bool is_key(const char *key)
{
    size_t size = strlen(key);
    for (size_t i = 0; i < size; i++) {
        if (key[i] <= ' ' || key[i] >= 0x7f)
            return false;
    }
    return size > 0 && size <= 255;
}

static bool is_same_send(const struct submission *a, const struct submission *b)
{
    return b && b != a && !b->is_answered && b->message.repeat_key && *b->message.repeat_key &&
           text_equal(a->message.repeat_key, b->message.repeat_key) &&
           text_equal(a->message.repeat_of, b->message.repeat_of);
}

static bool take_key(struct submission *s)
{
    static const char *const kinds[] = { [PRINCIPAL_NOBODY] = "nobody",
                                         [PRINCIPAL_LOCAL] = "local",
                                         [PRINCIPAL_OPERATOR] = "operator",
                                         [PRINCIPAL_KEY] = "key",
                                         [PRINCIPAL_APP] = "app" };
    struct request *r = s->request;
    const char *key = request_header(r, "Idempotency-Key");
    if (!key)
        return true;
    if (!is_key(key))
        return send_refuse(s, NULL, "api.field",
                           "the field Idempotency-Key takes 1 to 255 visible characters of ASCII");
    s->message.repeat_of = arena_printf(r->arena, "%s:%s", kinds[r->principal->kind], r->principal->name);
    s->message.repeat_key = arena_strdup(r->arena, key);
    LIST_EACH (node, &r->admin->requests) {
        if (is_same_send(s, LIST_OF(node, struct request, node)->submission)) {
            request_add_header(r, "Retry-After", "1");
            return send_refuse(s, NULL, "api.in-progress",
                               "another request with the same Idempotency-Key is under way");
        }
    }
    digest_begin(s);
    return true;
}

/* ---- the body ---- */

static bool is_media_type(const char *given, const char *type)
{
    size_t size = strlen(type);
    return bytes_starts_nocase(bytes_of(given), type) && strchr("; \t", given[size]) != NULL;
}

static bool find_kind(struct submission *s)
{
    const char *type = request_header(s->request, "Content-Type");
    s->kind = SEND_RAW;
    if (!type || is_media_type(type, "message/rfc822") || request_header(s->request, "X-Postern-Sender"))
        return true;
    if (is_media_type(type, "application/json"))
        s->kind = SEND_JSON;
    else if (is_media_type(type, "multipart/form-data"))
        s->kind = SEND_FORM;
    else
        return send_refuse(s, NULL, "api.media-type",
                           "the body may be application/json, multipart/form-data or message/rfc822, but not %.100s",
                           type);
    return true;
}

static void draft_begin(struct submission *s)
{
    struct arena *arena = s->request->arena;
    s->draft = (struct send_draft){
        .from = "", .reply_to = "", .subject = "", .mailbox = "", .notify = "", .ret = "", .envid = "", .method = ""
    };
    s->draft.headers = arena_array(arena, SEND_HEADERS, sizeof *s->draft.headers);
    s->draft.headers_where = arena_array(arena, SEND_HEADERS, sizeof *s->draft.headers_where);
    s->draft.parts = arena_array(arena, COMPOSE_PARTS, sizeof *s->draft.parts);
    s->draft.parts_where = arena_array(arena, COMPOSE_PARTS, sizeof *s->draft.parts_where);
    s->contents = arena_array(arena, SEND_CONTENTS, sizeof *s->contents);
}

static bool begin(struct request *r)
{
    const struct principal *p = r->principal;
    struct submission *s = r->submission = arena_alloc(r->arena, sizeof *s);
    bool is_key_of_program = p->kind == PRINCIPAL_KEY;
    s->request = r;
    s->is_trusted = p->kind != PRINCIPAL_KEY && p->kind != PRINCIPAL_APP;
    s->message = (struct submit){ .app = is_key_of_program          ? arena_printf(r->arena, "key:%s", p->name)
                                         : p->kind == PRINCIPAL_APP ? p->name
                                                                    : "",
                                  .peer = p->host,
                                  .session = "api",
                                  .envid = "",
                                  .fd = -1 };
    s->aside.fd = -1;
    buf_init(&s->aside.memory, EDGE_BODY_INLINE);
    if (!find_kind(s) || !take_key(s))
        return false;
    if (s->kind == SEND_RAW)
        return send_raw_begin(s);
    draft_begin(s);
    if (s->kind == SEND_FORM)
        return send_form_begin(s);
    send_json_begin(s);
    return true;
}

uint64_t submission_body_limit(const struct conf *conf)
{
    return 2 * conf->limits.message_size + ADMIN_BODY_LIMIT;
}

/* Blanks in base64 and parts without content cost no room, but must have an end. */
static bool has_an_end(struct submission *s, size_t size)
{
    uint64_t most = submission_body_limit(s->request->admin->conf);
    s->received += size;
    return s->received <= most ||
           send_refuse(s, NULL, "api.too-large", "the body is larger than %llu bytes", (unsigned long long)most);
}

static bool add(struct submission *s, struct bytes data)
{
    if (!has_an_end(s, data.size))
        return false;
    if (s->kind == SEND_FORM)
        return send_form_add(s, data);
    send_digest(s, data);
    return s->kind == SEND_JSON ? send_json_add(s, data) : send_message_add(s, data);
}

bool submission_add(struct request *r, struct bytes data)
{
    bool is_good = r->submission || begin(r);
    struct submission *s = r->submission;
    return is_good && add(s, data) ? true : respond_refused(s);
}

static void answered(struct request *r)
{
    r->submission->is_answered = true;
    respond_first(r);
}

static bool end(struct submission *s)
{
    switch (s->kind) {
    case SEND_JSON:
        return send_json_end(s);
    case SEND_FORM:
        return send_form_end(s);
    case SEND_RAW:
        break;
    }
    return send_message_end(s);
}

void messages_submit(struct request *r)
{
    if (r->response)
        return; /* refused before the body was over */
    if (!r->submission && !begin(r)) {
        respond_refused(r->submission);
        return;
    }
    struct submission *s = r->submission;
    if (!end(s)) {
        respond_refused(s);
        return;
    }
    digest_end(s);
    upload_fini(&s->aside);
    request_submit(r, &s->message);
    request_then(r, answered);
}

void submission_fini(struct submission *s)
{
    if (!s)
        return;
    upload_fini(&s->aside);
    EVP_MD_CTX_free(s->digest);
    if (s->part)
        send_form_fini(s);
}
