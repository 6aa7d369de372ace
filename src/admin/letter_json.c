/* A received message as JSON: what proto/mime/letter.h makes of it. */
#include "admin/admin_private.h"

static json_t *address_json(const struct letter_address *a)
{
    return json_pack("{s:s, s:s}", "name", a->name, "address", a->address);
}

static json_t *list_json(const struct letter_list *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->count; i++)
        json_array_append_new(list, address_json(&l->items[i]));
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

static json_t *attachments_json(const struct letter *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->parts_count; i++) {
        const struct letter_part *p = &l->parts[i];
        json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:s}", "number", (json_int_t)i, "name",
                                              p->name, "type", p->type, "disposition", p->disposition, "content_id",
                                              p->content_id, "size", (json_int_t)p->size, "sha256", p->sha256));
    }
    return list;
}

static json_t *reports_json(const struct letter *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->reports_count; i++) {
        const struct letter_report *p = &l->reports[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "recipient", p->recipient, "action", p->action,
                                        "status", p->status, "diagnostic", p->diagnostic, "host", p->remote));
    }
    return list;
}

json_t *letter_json(const struct letter *l)
{
    json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o}", "from", list_json(&l->from), "reply_to",
                             list_json(&l->reply_to), "to", list_json(&l->to), "cc", list_json(&l->cc), "subject",
                             l->subject, "date", l->date, "message_id", l->message_id, "references",
                             texts_json(l->references, l->references_count));
    json_t *body = json_pack("{s:o, s:s, s:s, s:b, s:b, s:o, s:o, s:s}", "headers", headers_json(l), "text", l->text,
                             "html", l->html, "is_text_cut", (int)l->is_text_cut, "is_html_cut", (int)l->is_html_cut,
                             "attachments", attachments_json(l), "reports", reports_json(l), "trouble", l->trouble);
    json_object_update(json, body);
    json_decref(body);
    return json;
}
