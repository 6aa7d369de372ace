/* A message as a form (multipart/form-data, RFC 7578), as programs fill it in that send "one document" or "a map of named attachments":
 * a part under a field's name is that field, any other part that is a file becomes an attachment. */
#include <string.h>

#include "admin/send.h"
#include "base/text.h"
#include "object/object.h"
#include "proto/mime/western.h"

#define WESTERN_PIECE 4096

enum part_kind { PART_FIELD, PART_TEXT, PART_FILE, PART_MESSAGE };

/* The part that comes now. */
struct send_part {
    const char *key, *file;
    enum part_kind kind;
    bool is_western;  /* a text in ISO-8859-1, as Java's HTTP client writes it where nobody says more */
    struct buf value; /* of a field */
    uint64_t size;
};

/* ---- fields ---- */

static bool add_to_list(struct submission *s, struct send_list *list, const char *value)
{
    if (!list->texts.items)
        list->texts.items = arena_array(s->request->arena, EDGE_RECIPIENTS, sizeof *list->texts.items);
    if (list->texts.count == EDGE_RECIPIENTS)
        return send_refuse(s, s->part->key, "api.field", "there are more than %d", EDGE_RECIPIENTS);
    list->texts.items[list->texts.count++] = value;
    return true;
}

static bool set_list(struct submission *s, void *out, const char *value)
{
    return !*value || add_to_list(s, out, value);
}

static bool set_text(struct submission *s, void *out, const char *value)
{
    const char **text = out;
    if (**text)
        return send_refuse(s, s->part->key, "api.field", "it is there twice");
    *text = value;
    return true;
}

static bool set_joined(struct submission *s, void *out, const char *value)
{
    const char **text = out;
    *text = **text && *value ? arena_printf(s->request->arena, "%s, %s", *text, value) : **text ? *text : value;
    return true;
}

/* "X-Order: 17" */
static bool set_header(struct submission *s, void *out, const char *value)
{
    struct send_draft *d = out;
    size_t size = strcspn(value, ":");
    if (!value[size])
        return send_refuse(s, s->part->key, "api.field", "it must be like \"X-Order: 17\"");
    if (d->headers_count == SEND_HEADERS)
        return send_refuse(s, s->part->key, "api.field", "there are more than %d header fields", SEND_HEADERS);
    d->headers_where[d->headers_count] = s->part->key;
    d->headers[d->headers_count++] = (struct compose_field){ arena_strndup(s->request->arena, value, size),
                                                             value + size + 1 + strspn(value + size + 1, " \t") };
    return true;
}

#define FIELD(name, set) \
    { \
#name, set, offsetof(struct send_draft, name) \
    }
static const struct field {
    const char *name;
    bool (*set)(struct submission *s, void *out, const char *value);
    size_t at;
} fields[] = {
    FIELD(from, set_text),       FIELD(to, set_list),      FIELD(cc, set_list),          FIELD(bcc, set_list),
    FIELD(reply_to, set_joined), FIELD(subject, set_text), { "headers", set_header, 0 }, FIELD(mailbox, set_text),
    FIELD(notify, set_joined),   FIELD(ret, set_text),     FIELD(envid, set_text),
};

static const struct field *find_field(const char *key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(fields[i].name, key) == 0)
            return &fields[i];
    }
    return NULL;
}

static bool end_field(struct submission *s)
{
    struct send_part *p = s->part;
    const struct field *f = find_field(p->key);
    if (memchr(buf_str(&p->value), 0, p->value.size))
        return send_refuse(s, p->key, "api.field", "there is a NUL");
    if (!text_is_utf8(buf_bytes(&p->value)))
        return send_refuse(s, p->key, "api.field", "it is not text in UTF-8");
    return f->set(s, (char *)&s->draft + f->at, arena_strdup(s->request->arena, buf_str(&p->value)));
}

/* ---- texts and files ---- */

static bool is_text(const char *key)
{
    return text_equal(key, "text") || text_equal(key, "html") || text_equal(key, "calendar");
}

static bool end_text(struct submission *s)
{
    struct send_draft *d = &s->draft;
    const struct send_content **slot = s->part->key[0] == 't'   ? &d->text
                                       : s->part->key[0] == 'h' ? &d->html
                                                                : &d->calendar;
    if (!text_utf8_end(&s->utf8))
        return send_refuse(s, s->part->key, "api.field", "it is not text in UTF-8");
    if (*slot)
        return send_refuse(s, s->part->key, "api.field", "it is there twice");
    *slot = &s->contents[s->contents_count - 1];
    return true;
}

static bool begin_file(struct submission *s, const char *type)
{
    struct send_part *p = s->part;
    struct send_draft *d = &s->draft;
    bool is_shown = strncmp(p->key, "cid:", 4) == 0;
    if (d->parts_count == COMPOSE_PARTS)
        return send_refuse(s, p->key, "api.field", "there are more than %d attachments", COMPOSE_PARTS);
    d->parts_where[d->parts_count] = p->key;
    d->parts[d->parts_count++] = (struct compose_part){ .name = *p->file   ? p->file
                                                                : is_shown ? p->key + 4
                                                                           : p->key,
                                                        .type = arena_strdup(s->request->arena, type),
                                                        .content_id = is_shown ? p->key + 4 : "",
                                                        .is_inline = is_shown };
    return send_content_begin(s, p->key, false);
}

static void end_file(struct submission *s)
{
    struct send_content *c = &s->contents[s->contents_count - 1];
    s->draft.parts[s->draft.parts_count - 1].octets = (struct compose_octets){ .at = c->at, .size = c->size };
}

/* ---- parts ---- */

static bool is_plain(const char *type)
{
    return !*type || bytes_starts_nocase(bytes_of(type), "text/plain");
}

static bool take_charset(struct submission *s, const char *type)
{
    const char *charset = form_parameter(s->request->arena, type, "charset");
    s->part->is_western = charset && western_is_name(charset);
    if (text_is_empty(charset) || s->part->is_western || text_equal_nocase(charset, "utf-8") ||
        text_equal_nocase(charset, "us-ascii"))
        return true;
    return send_refuse(s, s->part->key, "api.field", "charset %.40s is not taken; send it in UTF-8", charset);
}

static bool open_part(struct submission *s, const char *type, const char *encoding)
{
    struct send_part *p = s->part;
    send_digest(s, bytes_of(p->key));
    send_digest(s, (struct bytes){ (const uint8_t *)"", 1 });
    send_digest(s, bytes_of(p->file));
    send_digest(s, (struct bytes){ (const uint8_t *)"", 1 });
    send_digest(s, bytes_of(type));
    send_digest(s, (struct bytes){ (const uint8_t *)"", 1 });
    if (++s->form_parts > SEND_PARTS)
        return send_refuse(s, NULL, "api.form", "the form has more than %d parts", SEND_PARTS);
    if (!text_is_utf8(bytes_of(p->key)) || !text_is_utf8(bytes_of(p->file)))
        return send_refuse(s, NULL, "api.form", "a part's name or file name is not UTF-8");
    if (*encoding && !text_equal_nocase(encoding, "binary") && !text_equal_nocase(encoding, "8bit") &&
        !text_equal_nocase(encoding, "7bit"))
        return send_refuse(s, p->key, "api.form",
                           "Content-Transfer-Encoding: %.40s is not taken in forms; send the "
                           "octets as they are (RFC 7578 4.7)",
                           encoding);
    if ((find_field(p->key) || is_text(p->key)) && !take_charset(s, type))
        return false;
    if (find_field(p->key)) {
        p->kind = PART_FIELD;
        return true;
    }
    if (is_text(p->key)) {
        p->kind = PART_TEXT;
        s->utf8 = (struct text_utf8){ 0 };
        return send_content_begin(s, p->key, false);
    }
    p->kind = text_equal(p->key, "message") ? PART_MESSAGE : PART_FILE;
    if (p->kind == PART_MESSAGE && s->cut.offset)
        return send_refuse(s, p->key, "api.field", "it is there twice");
    if (p->kind == PART_MESSAGE)
        return true;
    if (!*p->file && is_plain(type))
        return send_refuse(s, p->key, "api.field", "there is no such field, and a file has a file name or a type");
    return begin_file(s, type);
}

static bool close_part(void *ctx)
{
    struct submission *s = ctx;
    struct send_part *p = s->part;
    send_digest(s, (struct bytes){ (const uint8_t *)&p->size, sizeof p->size });
    if (p->kind == PART_MESSAGE)
        return true;
    if (p->kind == PART_FIELD)
        return end_field(s);
    if (!send_content_end(s))
        return false;
    if (p->kind == PART_TEXT)
        return end_text(s);
    end_file(s);
    return true;
}

static bool add_to_field(struct submission *s, struct bytes in)
{
    s->fields_size += in.size;
    if (s->fields_size > ADMIN_BODY_LIMIT || !buf_add_bytes(&s->part->value, in))
        return send_refuse(s, s->part->key, "api.too-large", "the form's fields are larger than %u bytes",
                           ADMIN_BODY_LIMIT);
    return true;
}

static bool add_to_text(struct submission *s, struct bytes in)
{
    if (s->part->kind == PART_FIELD)
        return add_to_field(s, in);
    if (!text_utf8_feed(&s->utf8, in))
        return send_refuse(s, s->part->key, "api.field", "it is not text in UTF-8");
    return send_content_add(s, in);
}

static bool add_western(struct submission *s, struct bytes in)
{
    uint8_t utf8[3 * WESTERN_PIECE];
    for (size_t at = 0; at < in.size; at += WESTERN_PIECE) {
        size_t size = western_to_utf8(bytes_slice(in, at, at + WESTERN_PIECE), utf8);
        if (!add_to_text(s, (struct bytes){ utf8, size }))
            return false;
    }
    return true;
}

static bool add_to_part(void *ctx, struct bytes in)
{
    struct submission *s = ctx;
    send_digest(s, in);
    s->part->size += in.size;
    switch (s->part->kind) {
    case PART_FIELD:
    case PART_TEXT:
        return s->part->is_western ? add_western(s, in) : add_to_text(s, in);
    case PART_MESSAGE:
        return send_json_add(s, in);
    case PART_FILE:
        break;
    }
    return send_content_add(s, in);
}

static bool begin_part(void *ctx, const struct form_part *part)
{
    struct submission *s = ctx;
    struct send_part *p = s->part;
    buf_clear(&p->value);
    p->key = arena_strdup(s->request->arena, part->name);
    p->file = arena_strdup(s->request->arena, part->file);
    p->size = 0;
    return open_part(s, part->type, part->encoding);
}

bool send_form_begin(struct submission *s)
{
    static const struct form_host host = { begin_part, add_to_part, close_part };
    struct arena *arena = s->request->arena;
    s->part = arena_alloc(arena, sizeof *s->part);
    buf_init(&s->part->value, ADMIN_BODY_LIMIT);
    send_json_begin(s);
    s->form = form_new(arena, request_header(s->request, "Content-Type"), &host, s, &s->why);
    return s->form != NULL;
}

bool send_form_add(struct submission *s, struct bytes in)
{
    return form_feed(s->form, in, &s->why);
}

bool send_form_end(struct submission *s)
{
    return form_end(s->form, &s->why) && (s->cut.offset == 0 || send_json_read(s)) && send_draft_end(s);
}

void send_form_fini(struct submission *s)
{
    buf_fini(&s->part->value);
    form_free(s->form);
}
