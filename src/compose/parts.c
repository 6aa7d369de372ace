/* compose/parts.c - what stands beside what:
 *
 *   mixed( alternative( text, related( html, inline images ), calendar ), attachments )
 *
 * and each multipart only where it has more than one part. */
#include <string.h>

#include "base/text.h"
#include "compose/compose_private.h"

/* ---- looking ---- */

const char *compose_type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        { "pdf", "application/pdf" },
        { "txt", "text/plain" },
        { "csv", "text/csv" },
        { "html", "text/html" },
        { "xml", "application/xml" },
        { "json", "application/json" },
        { "zip", "application/zip" },
        { "gz", "application/gzip" },
        { "png", "image/png" },
        { "jpg", "image/jpeg" },
        { "jpeg", "image/jpeg" },
        { "gif", "image/gif" },
        { "svg", "image/svg+xml" },
        { "webp", "image/webp" },
        { "tif", "image/tiff" },
        { "tiff", "image/tiff" },
        { "doc", "application/msword" },
        { "xls", "application/vnd.ms-excel" },
        { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
        { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
        { "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
        { "ics", "text/calendar" },
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (text_equal_nocase(dot + 1, types[i].ending))
            return types[i].type;
    }
    return "application/octet-stream";
}

/* RFC 2045 5.1; returns how long it is. */
static size_t token_size(const char *text)
{
    size_t size = 0;
    while (text[size] > ' ' && text[size] < 0x7f && !strchr("()<>@,;:\\\"/[]?=", text[size]))
        size++;
    return size;
}

static bool is_type(const char *type)
{
    size_t major = token_size(type), minor = type[major] == '/' ? token_size(type + major + 1) : 0;
    const char *rest = type + major + 1 + minor;
    return major && minor && strlen(type) < 200 && compose_is_value(type) && (!*rest || *rest == ';' || *rest == ' ');
}

static bool is_content_id(const char *id)
{
    size_t size = strlen(id);
    for (size_t i = 0; i < size; i++) {
        bool is_bracket = (i == 0 && id[i] == '<') || (i + 1 == size && id[i] == '>');
        if (id[i] <= ' ' || id[i] >= 0x7f || (!is_bracket && strchr("<>\"\\(),;", id[i])))
            return false;
    }
    return size < 200;
}

static bool check_part(const struct compose_part *p, size_t i, struct compose_member *where, struct fault *why)
{
    if (!compose_is_value(p->name) || strchr(p->name, '\t') || strlen(p->name) > 1000)
        return compose_refuse(where, COMPOSE_PART_NAME, i, why,
                              "a file's name must be UTF-8 without line ends and control characters, and not over "
                              "1000 octets");
    if (*p->type && !is_type(p->type))
        return compose_refuse(where, COMPOSE_PART_TYPE, i, why, "the type must be like image/png");
    if (bytes_starts_nocase(bytes_of(p->type), "multipart/") || bytes_starts_nocase(bytes_of(p->type), "message/"))
        return compose_refuse(where, COMPOSE_PART_TYPE, i, why,
                              "%.60s can't be attached as such: give it the type application/octet-stream", p->type);
    if (!is_content_id(p->content_id))
        return compose_refuse(where, COMPOSE_PART_CONTENT_ID, i, why,
                              "a content id must be printable ASCII without blanks, quotes and brackets");
    return true;
}

static bool is_utf8(const struct compose_octets *o)
{
    return !o->data || text_is_utf8((struct bytes){ o->data, o->size });
}

bool compose_check_parts(const struct compose *c, struct compose_member *where, struct fault *why)
{
    static const char not_utf8[] = "the text is not UTF-8; convert it first, as with: iconv -f latin1 -t utf-8";
    if (c->has_text && !is_utf8(&c->text))
        return compose_refuse(where, COMPOSE_TEXT, 0, why, not_utf8);
    if (c->has_html && !is_utf8(&c->html))
        return compose_refuse(where, COMPOSE_HTML, 0, why, not_utf8);
    if (c->has_calendar && !is_utf8(&c->calendar))
        return compose_refuse(where, COMPOSE_CALENDAR, 0, why, not_utf8);
    if (c->has_calendar && c->calendar_method[token_size(c->calendar_method)])
        return compose_refuse(where, COMPOSE_CALENDAR, 0, why, "the method must be a word like REQUEST");
    for (size_t i = 0; i < c->parts_count; i++) {
        if (!check_part(&c->parts[i], i, where, why))
            return false;
    }
    return true;
}

/* ---- making ---- */

static GMimeStream *octets_stream(const struct compose_octets *o)
{
    if (o->data || o->size == 0)
        return g_mime_stream_mem_new_with_buffer(o->data ? o->data : "", o->size);
    GMimeStream *file = g_mime_stream_fs_new_with_bounds(o->fd, (gint64)o->at, (gint64)(o->at + o->size));
    g_mime_stream_fs_set_owner(GMIME_STREAM_FS(file), FALSE);
    return file;
}

static void set_content(GMimePart *part, GMimeStream *stream /* taken */, GMimeContentEncoding encoding)
{
    GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, encoding);
    g_object_unref(content);
    g_object_unref(stream);
}

/* Its lines may end in CRLF, which would be encoded as part of the line and doubled by the writer. */
static GMimeObject *text_part(const char *subtype, const struct compose_octets *text)
{
    GMimePart *part = g_mime_part_new_with_type("text", subtype);
    GMimeStream *octets = octets_stream(text), *lines = g_mime_stream_filter_new(octets);
    GMimeFilter *lf = g_mime_filter_dos2unix_new(FALSE);
    g_mime_stream_filter_add(GMIME_STREAM_FILTER(lines), lf);
    g_object_unref(lf);
    g_object_unref(octets);
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    set_content(part, lines, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return GMIME_OBJECT(part);
}

static GMimeObject *calendar_part(const struct compose *c)
{
    GMimeObject *part = text_part("calendar", &c->calendar);
    g_mime_object_set_content_type_parameter(part, "method", *c->calendar_method ? c->calendar_method : "REQUEST");
    return part;
}

/* Where others have the file is nobody's business. */
static const char *last_segment(const char *name)
{
    for (const char *at = name; *at; at++) {
        if (*at == '/' || *at == '\\')
            name = at + 1;
    }
    return name;
}

static void set_type(GMimePart *part, const struct compose_part *p, const char *name)
{
    GMimeContentType *type = g_mime_content_type_parse(NULL, *p->type ? p->type : compose_type_of(name));
    g_mime_object_set_content_type(GMIME_OBJECT(part), type);
    g_object_unref(type);
}

static GMimeObject *file_part(const struct compose_part *p)
{
    const char *name = last_segment(p->name);
    GMimePart *part = g_mime_part_new();
    set_type(part, p, name);
    set_content(part, octets_stream(&p->octets),
                GMIME_CONTENT_ENCODING_BASE64); /* octet for octet, whatever is in it */
    g_mime_object_set_disposition(GMIME_OBJECT(part),
                                  p->is_inline ? GMIME_DISPOSITION_INLINE : GMIME_DISPOSITION_ATTACHMENT);
    if (*name)
        g_mime_part_set_filename(part, name);
    if (*p->content_id) {
        size_t size = strlen(p->content_id), from = p->content_id[0] == '<';
        char *id = mem_strndup(p->content_id + from, size - from - (size > from && p->content_id[size - 1] == '>'));
        g_mime_part_set_content_id(part, id);
        free(id);
    }
    return GMIME_OBJECT(part);
}

/* Puts `more` (taken) beside `first` (taken, NULL: nothing yet) in a multipart of that kind. */
static GMimeObject *beside(GMimeObject *first, const char *kind, GMimeObject *more)
{
    if (!first)
        return more;
    bool is_there = GMIME_IS_MULTIPART(first) &&
                    g_mime_content_type_is_type(g_mime_object_get_content_type(first), "multipart", kind);
    GMimeMultipart *all = is_there ? GMIME_MULTIPART(first) : g_mime_multipart_new_with_subtype(kind);
    if (!is_there) {
        g_mime_multipart_add(all, first);
        g_object_unref(first);
    }
    g_mime_multipart_add(all, more);
    g_object_unref(more);
    return GMIME_OBJECT(all);
}

static bool is_shown_in_html(const struct compose *c, const struct compose_part *p)
{
    return c->has_html && p->is_inline && *p->content_id;
}

static GMimeObject *html_part(const struct compose *c)
{
    GMimeObject *html = text_part("html", &c->html);
    for (size_t i = 0; i < c->parts_count; i++) {
        if (is_shown_in_html(c, &c->parts[i]))
            html = beside(html, "related", file_part(&c->parts[i]));
    }
    if (GMIME_IS_MULTIPART(html))
        g_mime_object_set_content_type_parameter(html, "type", "text/html"); /* RFC 2387 3.1 */
    return html;
}

GMimeObject *compose_body(const struct compose *c)
{
    static const struct compose_octets nothing = { .data = "" };
    bool is_empty = !c->has_text && !c->has_html && !c->has_calendar;
    GMimeObject *body = NULL;
    if (c->has_text || is_empty)
        body = text_part("plain", c->has_text ? &c->text : &nothing);
    if (c->has_html)
        body = beside(body, "alternative", html_part(c));
    if (c->has_calendar)
        body = beside(body, "alternative", calendar_part(c));
    for (size_t i = 0; i < c->parts_count; i++) {
        if (!is_shown_in_html(c, &c->parts[i]))
            body = beside(body, "mixed", file_part(&c->parts[i]));
    }
    return body;
}
