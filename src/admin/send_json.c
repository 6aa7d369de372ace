/* A message as JSON. Texts that may be long are cut out while the body comes (proto/json/cut.h) and laid aside; the rest is read at
 * the end, member by member. */
#include <stdlib.h>
#include <string.h>

#include "admin/send.h"
#include "base/nearest.h"
#include "base/text.h"
#include "object/object.h"

/* ---- while it comes ---- */

/* "/attachments/17/content" */
static bool is_content(const char *pointer)
{
    static const char prefix[] = "/attachments/";
    if (strncmp(pointer, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *digits = pointer + sizeof prefix - 1;
    size_t size = strspn(digits, "0123456789");
    return size > 0 && strcmp(digits + size, "/content") == 0;
}

static bool on_text(void *ctx, const char *pointer)
{
    struct submission *s = ctx;
    bool is_long = is_content(pointer) || text_equal(pointer, "/text") || text_equal(pointer, "/html") ||
                   text_equal(pointer, "/calendar/content");
    return is_long && send_content_begin(s, pointer, is_content(pointer));
}

static bool on_piece(void *ctx, struct bytes text)
{
    return send_content_add(ctx, text);
}

static bool on_end(void *ctx)
{
    return send_content_end(ctx);
}

static bool on_rest(void *ctx, struct bytes json)
{
    struct submission *s = ctx;
    return buf_add_bytes(&s->request->body, json) ||
           fault_set(&s->why, FAULT_REJECT, "api.too-large",
                     "beside texts and contents of attachments, the JSON is larger than %u bytes", ADMIN_BODY_LIMIT);
}

void send_json_begin(struct submission *s)
{
    static const struct json_cut_host host = { on_text, on_piece, on_end, on_rest };
    json_cut_init(&s->cut, &host, s);
}

bool send_json_add(struct submission *s, struct bytes in)
{
    /* A text too many is found at its beginning, where the cutter has no word for it. */
    return json_cut_feed(&s->cut, in, &s->why) && s->why.kind == FAULT_NONE;
}

/* ---- at the end ---- */

static const char *pointer_of(struct submission *s, const char *container, const char *name)
{
    struct buf out;
    buf_init(&out, 4096);
    buf_addf(&out, "%s/", container);
    for (; *name; name++)
        buf_addf(&out, "%s%.*s", *name == '~' ? "~0" : *name == '/' ? "~1" : "", *name != '~' && *name != '/', name);
    const char *pointer = arena_strdup(s->request->arena, buf_str(&out));
    buf_fini(&out);
    return pointer;
}

static bool wrong_type(struct submission *s, const char *where, const char *wanted)
{
    return send_refuse(s, where, "api.field", "it must be %s", wanted);
}

static bool take_text(struct submission *s, const json_t *value, const char *where, const char **out)
{
    if (!json_is_string(value))
        return wrong_type(s, where, "a text");
    if (**out)
        return send_refuse(s, where, "api.field", "it is there twice");
    *out = arena_strdup(s->request->arena, json_string_value(value));
    return true;
}

/* One text, or an array of them. */
static bool take_list(struct submission *s, const json_t *value, const char *where, struct send_list *out)
{
    size_t i, count = json_is_array(value) ? json_array_size(value) : 1;
    if (count > EDGE_RECIPIENTS)
        return send_refuse(s, where, "api.field", "there are more than %d", EDGE_RECIPIENTS);
    if (out->texts.count)
        return send_refuse(s, where, "api.field", "it is there twice");
    out->is_array = json_is_array(value);
    out->texts.items = arena_array(s->request->arena, count + 1, sizeof *out->texts.items);
    for (i = 0; i < count; i++) {
        const json_t *item = out->is_array ? json_array_get(value, i) : value;
        const char *at = out->is_array ? arena_printf(s->request->arena, "%s/%zu", where, i) : where;
        if (!json_is_string(item))
            return wrong_type(s, at, out->is_array ? "a text" : "a text, or an array of texts");
        out->texts.items[i] = arena_strdup(s->request->arena, json_string_value(item));
    }
    out->texts.count = count;
    return true;
}

/* One text, or an array whose texts are joined by commas. */
static bool take_joined(struct submission *s, const json_t *value, const char *where, const char **out)
{
    struct send_list list = { 0 };
    if (**out)
        return send_refuse(s, where, "api.field", "it is there twice");
    if (!take_list(s, value, where, &list))
        return false;
    *out = list.texts.count ? list.texts.items[0] : "";
    for (size_t i = 1; i < list.texts.count; i++)
        *out = arena_printf(s->request->arena, "%s, %s", *out, list.texts.items[i]);
    return true;
}

/* Its text was laid aside; "" stands in its stead. */
static bool take_content(struct submission *s, const json_t *value, const char *where, const struct send_content **out)
{
    if (*out)
        return send_refuse(s, where, "api.field", "it is there twice");
    *out = send_content_find(s, where);
    return json_is_string(value) && *out ? true : wrong_type(s, where, "a text");
}

struct member {
    const char *name;
    bool (*take)(struct submission *s, const json_t *value, const char *where, void *out);
    size_t at; /* of what it fills */
};

static bool as_text(struct submission *s, const json_t *value, const char *where, void *out)
{
    return take_text(s, value, where, out);
}

static bool as_list(struct submission *s, const json_t *value, const char *where, void *out)
{
    return take_list(s, value, where, out);
}

static bool as_joined(struct submission *s, const json_t *value, const char *where, void *out)
{
    return take_joined(s, value, where, out);
}

static bool as_content(struct submission *s, const json_t *value, const char *where, void *out)
{
    return take_content(s, value, where, out);
}

static bool refuse_unknown(struct submission *s, const char *where, const char *name, const struct member *members)
{
    struct nearest n;
    nearest_init(&n, name);
    for (; members->name; members++)
        nearest_offer(&n, members->name);
    if (n.best)
        return send_refuse(s, where, "api.field", "there is no such field; did you mean \"%s\"?", n.best);
    return send_refuse(s, where, "api.field", "there is no such field");
}

static bool take_members(struct submission *s, json_t *object, const char *where, const struct member *members,
                         void *out)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return wrong_type(s, where, "an object");
    json_object_foreach(object, name, value)
    {
        const struct member *m = members;
        const char *pointer = pointer_of(s, where, name);
        while (m->name && strcmp(m->name, name) != 0)
            m++;
        if (!m->name)
            return refuse_unknown(s, pointer, name, members);
        if (!json_is_null(value) && !m->take(s, value, pointer, (char *)out + m->at))
            return false;
    }
    return true;
}

/* ---- the members that are more than a text ---- */

struct attachment {
    const char *name, *type, *content_id, *disposition;
    const struct send_content *content;
};

#define ATTACHMENT(member, take) \
    { \
#member, take, offsetof(struct attachment, member) \
    }
static const struct member attachment_members[] = {
    ATTACHMENT(name, as_text),       ATTACHMENT(type, as_text),        ATTACHMENT(content_id, as_text),
    ATTACHMENT(content, as_content), ATTACHMENT(disposition, as_text), { NULL },
};

static bool take_attachment(struct submission *s, json_t *value, const char *where)
{
    struct send_draft *d = &s->draft;
    struct attachment a = { "", "", "", "", NULL };
    if (!take_members(s, value, where, attachment_members, &a))
        return false;
    if (!a.content)
        return send_refuse(s, pointer_of(s, where, "content"), "api.field", "the attachment's content is missing");
    if (*a.disposition && !text_equal(a.disposition, "inline") && !text_equal(a.disposition, "attachment"))
        return send_refuse(s, pointer_of(s, where, "disposition"), "api.field",
                           "inline or attachment is possible here");
    d->parts_where[d->parts_count] = where;
    d->parts[d->parts_count++] = (struct compose_part){ .name = a.name,
                                                        .type = a.type,
                                                        .content_id = a.content_id,
                                                        .is_inline = *a.disposition ? a.disposition[0] == 'i'
                                                                                    : *a.content_id != 0,
                                                        .octets = { .at = a.content->at, .size = a.content->size } };
    return true;
}

static bool as_attachments(struct submission *s, const json_t *value, const char *where, void *out)
{
    struct send_draft *d = out;
    size_t count = json_array_size(value), i;
    json_t *item;
    if (!json_is_array(value))
        return wrong_type(s, where, "an array");
    if (count > COMPOSE_PARTS - d->parts_count)
        return send_refuse(s, where, "api.field", "there are more than %d attachments", COMPOSE_PARTS);
    json_array_foreach(value, i, item)
    {
        if (!take_attachment(s, item, arena_printf(s->request->arena, "%s/%zu", where, i)))
            return false;
    }
    return true;
}

static bool add_header(struct submission *s, const char *name, const json_t *value, const char *where)
{
    struct send_draft *d = &s->draft;
    const char *text = "";
    if (!take_text(s, value, where, &text))
        return false;
    if (d->headers_count == SEND_HEADERS)
        return send_refuse(s, where, "api.field", "there are more than %d header fields", SEND_HEADERS);
    d->headers_where[d->headers_count] = where;
    d->headers[d->headers_count++] = (struct compose_field){ arena_strdup(s->request->arena, name), text };
    return true;
}

static bool as_headers(struct submission *s, const json_t *value, const char *where, void *out)
{
    const char *name;
    json_t *one, *item;
    size_t i;
    if (!json_is_object(value))
        return wrong_type(s, where, "an object");
    json_object_foreach((json_t *)(uintptr_t)value, name, one)
    {
        const char *pointer = pointer_of(s, where, name);
        if (!json_is_array(one) && !add_header(s, name, one, pointer))
            return false;
        json_array_foreach(one, i, item)
        {
            if (!add_header(s, name, item, arena_printf(s->request->arena, "%s/%zu", pointer, i)))
                return false;
        }
    }
    return true;
}

#define CALENDAR(member, take, field) \
    { \
#member, take, offsetof(struct send_draft, field) \
    }
static const struct member calendar_members[] = {
    CALENDAR(method, as_text, method),
    CALENDAR(content, as_content, calendar),
    { NULL },
};

static bool as_calendar(struct submission *s, const json_t *value, const char *where, void *out)
{
    struct send_draft *d = out;
    if (!take_members(s, (json_t *)(uintptr_t)value, where, calendar_members, d))
        return false;
    return d->calendar ? true : send_refuse(s, pointer_of(s, where, "content"), "api.field", "the content is missing");
}

#define MEMBER(member, take) \
    { \
#member, take, offsetof(struct send_draft, member) \
    }
static const struct member members[] = {
    MEMBER(from, as_text),
    MEMBER(to, as_list),
    MEMBER(cc, as_list),
    MEMBER(bcc, as_list),
    MEMBER(reply_to, as_joined),
    MEMBER(subject, as_text),
    MEMBER(text, as_content),
    MEMBER(html, as_content),
    { "calendar", as_calendar, 0 },
    { "headers", as_headers, 0 },
    { "attachments", as_attachments, 0 },
    MEMBER(mailbox, as_text),
    MEMBER(notify, as_joined),
    MEMBER(ret, as_text),
    MEMBER(envid, as_text),
    { NULL },
};

bool send_json_read(struct submission *s)
{
    struct buf *body = &s->request->body;
    json_error_t error;
    if (!json_cut_end(&s->cut, &s->why))
        return false;
    json_t *json = json_loadb(buf_str(body), body->size, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return send_refuse(s, NULL, "api.json", "the JSON can't be read: line %d, column %d: %s", error.line,
                           error.column, error.text);
    bool is_good = take_members(s, json, "", members, &s->draft);
    json_decref(json);
    return is_good;
}

bool send_json_end(struct submission *s)
{
    return send_json_read(s) && send_draft_end(s);
}
