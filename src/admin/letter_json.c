/* A received message as JSON, with the same keys and the same meaning as in what a webhook gets: postern-webhook(5). */
#include "admin/admin_private.h"

/* What is absent is null, and lists are always there. */
static json_t *text_json(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *list_json(const struct letter_list *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "name", text_json(l->items[i].name), "address",
                                              text_json(l->items[i].address)));
    return list;
}

static json_t *headers_json(const struct letter *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->fields_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", l->fields[i].name, "value", l->fields[i].value));
    return list;
}

static json_t *texts_json(const char **texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

/* Their octets have an address of their own, by their number. */
static json_t *attachments_json(const struct letter *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->parts_count; i++) {
        const struct letter_part *p = &l->parts[i];
        json_array_append_new(list, json_pack("{s:I, s:o, s:o, s:I, s:o, s:o, s:o}", "number", (json_int_t)i, "name",
                                              text_json(p->name), "type", text_json(p->type), "size",
                                              (json_int_t)p->size, "sha256", text_json(p->sha256), "content_id",
                                              text_json(p->content_id), "disposition", text_json(p->disposition)));
    }
    return list;
}

static json_t *bounce_json(const struct letter *l)
{
    if (!l->is_bounce && l->reports_count == 0)
        return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < l->reports_count; i++) {
        const struct letter_report *p = &l->reports[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "address", text_json(p->recipient), "action",
                                              text_json(p->action), "status", text_json(p->status), "diagnostic",
                                              text_json(p->diagnostic), "remote", text_json(p->remote)));
    }
    return json_pack("{s:o, s:o}", "reported_id", text_json(l->reported_id), "recipients", list);
}

static const char *kind_of(const struct letter *l)
{
    return l->is_bounce ? "bounce" : l->is_automatic ? "automatic" : l->is_reply ? "reply" : "message";
}

static json_t *facts_json(const struct letter *l)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", kind_of(l), "is_reply",
                     (int)l->is_reply, "is_bounce", (int)l->is_bounce, "is_automatic", (int)l->is_automatic,
                     "message_id", text_json(l->message_id), "in_reply_to", text_json(l->in_reply_to), "references",
                     texts_json(l->references, l->references_count), "return_path", text_json(l->return_path),
                     "auto_submitted", text_json(l->auto_submitted), "list_id", text_json(l->list_id), "subject",
                     text_json(l->subject), "date", text_json(l->date));
}

static json_t *content_json(const struct letter *l)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:b, s:o, s:o, s:o}", "from", list_json(&l->from),
                     "sender", list_json(&l->sender), "reply_to", list_json(&l->reply_to), "to", list_json(&l->to),
                     "cc", list_json(&l->cc), "headers", headers_json(l), "text", text_json(l->text), "text_cut",
                     (int)l->is_text_cut, "html", text_json(l->html), "html_cut", (int)l->is_html_cut, "attachments",
                     attachments_json(l), "bounce", bounce_json(l), "trouble", text_json(l->trouble));
}

json_t *letter_json(const struct letter *l)
{
    json_t *json = facts_json(l), *content = content_json(l);
    json_object_update(json, content);
    json_decref(content);
    return json;
}
