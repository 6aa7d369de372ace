/* The mark of an object's state (RFC 9110, 8.8.3 and 13.1): two people who change the same object can't undo each other unseen.
 *
 * It stands for what is stored under the object's name, not for the counts that are shown beside it. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

/* Calls for each mark of a list; a weak one is none that a change may lean on. */
static json_t *marks_of(const char *header)
{
    json_t *list = json_array();
    while (*header) {
        header += strspn(header, " \t,");
        const char *from = header + (*header == '"');
        size_t size = *header == '"' ? strcspn(from, "\"") : strcspn(from, " \t,");
        bool is_any = size == 1 && *from == '*' && from == header;
        if (*header == '"' || is_any)
            json_array_append_new(list, json_stringn(from, size));
        header = from + size;
        header += *header == '"';
    }
    return list;
}

void etag_take(struct request *r, json_t *in)
{
    const char *header = request_header(r, "If-Match");
    if (header)
        json_object_set_new(in, "if_match", marks_of(header));
}

bool etag_is_known(struct request *r, const char *etag)
{
    const char *header = request_header(r, "If-None-Match");
    size_t i;
    json_t *mark;
    bool is_named = false;
    if (!header)
        return false;
    json_t *list = marks_of(header);
    if (*etag == '"')
        etag = arena_strndup(r->arena, etag + 1, strlen(etag) - 2);
    json_array_foreach(list, i, mark)
        is_named |= text_equal(json_string_value(mark), etag) || text_equal(json_string_value(mark), "*");
    json_decref(list);
    return is_named;
}

const char *etag_move(struct request *r, json_t *json)
{
    const char *etag = json_string_value(json_object_get(json, "etag"));
    if (!etag)
        return NULL;
    etag = arena_strdup(r->arena, etag);
    request_add_header(r, "ETag", arena_printf(r->arena, "\"%s\"", etag));
    json_object_del(json, "etag");
    return etag;
}

void respond_object(struct request *r)
{
    struct ask *k = &r->asks[0];
    json_t *current = json_object_get(k->json, "current");
    if (k->status == 412 && current)
        etag_move(r, current);
    else
        etag_move(r, k->json);
    respond_ask(r, k);
}

void respond_object_unless_known(struct request *r)
{
    struct ask *k = &r->asks[0];
    const char *etag = k->status == 200 ? etag_move(r, k->json) : NULL;
    if (etag && etag_is_known(r, etag))
        respond_empty(r, 304);
    else
        respond_ask(r, k);
}
