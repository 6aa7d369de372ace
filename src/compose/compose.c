/* compose/compose.c - what the parts become: text and HTML as alternatives, attachments beside them. */
#include "compose/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <gmime/gmime.h>
#include <string.h>
#include <sys/stat.h>

#include "base/secret.h"
#include "base/text.h"
#include "object/object.h"

#define RECIPIENTS_MOST 1000

/* ---- addresses ---- */

static bool add_address(const char *address, struct arena *arena, struct compose_texts *list, struct fault *why)
{
    if (!object_address_is_valid(address))
        return fault_set(why, FAULT_REJECT, "", "\"%s\" is no address", address);
    for (size_t i = 0; i < list->count; i++) {
        if (object_address_equal(list->items[i], address))
            return true;
    }
    if (list->count == RECIPIENTS_MOST)
        return fault_set(why, FAULT_REJECT, "", "there are more than %d recipients", RECIPIENTS_MOST);
    if (!list->items)
        list->items = arena_array(arena, RECIPIENTS_MOST, sizeof *list->items);
    list->items[list->count++] = arena_strdup(arena, address);
    return true;
}

static bool add_list(InternetAddressList *parsed, struct arena *arena, struct compose_texts *list, struct fault *why)
{
    for (int i = 0; i < internet_address_list_length(parsed); i++) {
        InternetAddress *one = internet_address_list_get_address(parsed, i);
        if (INTERNET_ADDRESS_IS_GROUP(one)) {
            if (!add_list(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(one)), arena, list, why))
                return false;
        } else if (!add_address(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one)), arena, list, why)) {
            return false;
        }
    }
    return true;
}

bool compose_addresses(const char *value, const char *what, struct arena *arena, struct compose_texts *list,
                       struct fault *why)
{
    g_mime_init();
    InternetAddressList *parsed = internet_address_list_parse(NULL, value);
    bool is_good = parsed ? add_list(parsed, arena, list, why)
                          : fault_set(why, FAULT_REJECT, "", "\"%.200s\" holds no address", value);
    if (parsed)
        g_object_unref(parsed);
    return is_good || fault_wrap(why, "%s", what);
}

/* ---- header ---- */

static bool set_addresses(GMimeMessage *m, GMimeAddressType type, const char *what, const struct compose_texts *values,
                          struct arena *arena, struct compose_texts *also, struct fault *why)
{
    for (size_t i = 0; i < values->count; i++) {
        struct compose_texts scratch = { 0 };
        if (!compose_addresses(values->items[i], what, arena, also ? also : &scratch, why))
            return false;
        InternetAddressList *parsed = internet_address_list_parse(NULL, values->items[i]);
        internet_address_list_append(g_mime_message_get_addresses(m, type), parsed);
        g_object_unref(parsed);
    }
    return true;
}

static bool is_own_header(const char *name)
{
    static const char *const own[] = { "From", "To",         "Cc",           "Bcc",     "Subject",
                                       "Date", "Message-ID", "MIME-Version", "Reply-To" };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (text_equal_nocase(name, own[i]))
            return true;
    }
    return text_equal_nocase(name, "Received") || bytes_starts_nocase(bytes_of(name), "Content-");
}

static bool add_header(GMimeMessage *m, const char *line, struct arena *arena, struct fault *why)
{
    size_t size = strcspn(line, ":");
    const char *name = arena_strndup(arena, line, size);
    const char *value = line[size] ? line + size + 1 + strspn(line + size + 1, " \t") : "";
    bool is_name = size > 0;
    for (size_t i = 0; i < size; i++)
        is_name = is_name && line[i] > 0x20 && line[i] < 0x7f;
    if (!is_name || !line[size] || strpbrk(value, "\r\n") || !text_is_utf8(bytes_of(value)))
        return fault_set(why, FAULT_REJECT, "", "--header needs \"Name: value\" on one line, not \"%.100s\"", line);
    if (is_own_header(name))
        return fault_set(why, FAULT_REJECT, "", "--header can't set %s; the message gets its own", name);
    g_mime_object_append_header(GMIME_OBJECT(m), name, value, "utf-8");
    return true;
}

static void set_date_and_id(GMimeMessage *m, const struct compose *c)
{
    uint8_t random[16];
    char word[2 * sizeof random + 1];
    GDateTime *now = g_date_time_new_from_unix_utc(c->now_ms / 1000);
    g_mime_message_set_date(m, now);
    g_date_time_unref(now);
    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, word, sizeof word);
    char *id = mem_printf("%s@%s", word, c->hostname);
    g_mime_message_set_message_id(m, id);
    free(id);
}

static bool set_header(GMimeMessage *m, const struct compose *c, struct arena *arena, struct compose_envelope *out,
                       struct fault *why)
{
    struct compose_texts from = { &(const char *){ c->from }, 1 }, reply_to = { &(const char *){ c->reply_to }, 1 };
    struct compose_texts senders = { 0 }, *all = &out->recipients;
    bool is_good = set_addresses(m, GMIME_ADDRESS_TYPE_FROM, "--from", &from, arena, &senders, why) &&
                   set_addresses(m, GMIME_ADDRESS_TYPE_TO, "--to", &c->to, arena, all, why) &&
                   set_addresses(m, GMIME_ADDRESS_TYPE_CC, "--cc", &c->cc, arena, all, why) &&
                   (!*c->reply_to ||
                    set_addresses(m, GMIME_ADDRESS_TYPE_REPLY_TO, "--reply-to", &reply_to, arena, NULL, why));
    for (size_t i = 0; is_good && i < c->bcc.count; i++)
        is_good = compose_addresses(c->bcc.items[i], "--bcc", arena, all, why);
    for (size_t i = 0; is_good && i < c->headers.count; i++)
        is_good = add_header(m, c->headers.items[i], arena, why);
    if (!is_good)
        return false;
    if (!senders.count || !all->count)
        return fault_set(why, FAULT_REJECT, "",
                         senders.count ? "nobody is to receive it: give --to" : "--from names nobody");
    if (!text_is_utf8(bytes_of(c->subject)))
        return fault_set(why, FAULT_REJECT, "", "--subject is not text in UTF-8");
    g_mime_message_set_subject(m, c->subject, "utf-8");
    set_date_and_id(m, c);
    out->sender = senders.items[0];
    return true;
}

/* ---- parts ---- */

static GMimeObject *text_part(const char *subtype, const char *text, size_t size)
{
    GMimePart *part = g_mime_part_new_with_type("text", subtype);
    GMimeStream *memory = g_mime_stream_mem_new_with_buffer(text, size);
    GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(memory, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    g_object_unref(content);
    g_object_unref(memory);
    return GMIME_OBJECT(part);
}

static const char *type_of_file(const char *path)
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
        { "tif", "image/tiff" },
        { "tiff", "image/tiff" },
        { "doc", "application/msword" },
        { "xls", "application/vnd.ms-excel" },
        { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
        { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
        { "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
        { "ics", "text/calendar" },
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (text_equal_nocase(dot + 1, types[i].ending))
            return types[i].type;
    }
    return "application/octet-stream";
}

static GMimeObject *file_part(const char *path, struct fault *why)
{
    const char *slash = strrchr(path, '/'), *type = type_of_file(path);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        fault_errno(why, FAULT_LOCAL, fd < 0 ? errno : EISDIR, "%s can't be attached", path);
        return NULL;
    }
    char *kind = mem_strndup(type, strcspn(type, "/"));
    GMimePart *part = g_mime_part_new_with_type(kind, strchr(type, '/') + 1);
    GMimeStream *stream = g_mime_stream_fs_new(fd); /* closes it */
    GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_BASE64); /* byte for byte, whatever is in it */
    g_mime_object_set_disposition(GMIME_OBJECT(part), GMIME_DISPOSITION_ATTACHMENT);
    g_mime_part_set_filename(part, slash ? slash + 1 : path);
    g_object_unref(content);
    g_object_unref(stream);
    free(kind);
    return GMIME_OBJECT(part);
}

static GMimeObject *words_part(const struct compose *c)
{
    GMimeObject *text = c->text || !c->html ? text_part("plain", c->text ? c->text : "", c->text_size) : NULL;
    GMimeObject *html = c->html ? text_part("html", c->html, c->html_size) : NULL;
    if (!text || !html)
        return text ? text : html;
    GMimeMultipart *both = g_mime_multipart_new_with_subtype("alternative");
    g_mime_multipart_add(both, text);
    g_mime_multipart_add(both, html);
    g_object_unref(text);
    g_object_unref(html);
    return GMIME_OBJECT(both);
}

/* Given; NULL with a fault. */
static GMimeObject *body_of(const struct compose *c, struct fault *why)
{
    GMimeObject *words = words_part(c);
    if (!c->attachments.count)
        return words;
    GMimeMultipart *mixed = g_mime_multipart_new_with_subtype("mixed");
    g_mime_multipart_add(mixed, words);
    g_object_unref(words);
    for (size_t i = 0; i < c->attachments.count; i++) {
        GMimeObject *part = file_part(c->attachments.items[i], why);
        if (!part) {
            g_object_unref(mixed);
            return NULL;
        }
        g_mime_multipart_add(mixed, part);
        g_object_unref(part);
    }
    return GMIME_OBJECT(mixed);
}

static bool write_message(GMimeMessage *m, int fd, struct fault *why)
{
    GMimeStream *file = g_mime_stream_fs_new(fd);
    GMimeStream *lines = g_mime_stream_filter_new(file);
    GMimeFilter *crlf = g_mime_filter_unix2dos_new(FALSE);
    g_mime_stream_fs_set_owner(GMIME_STREAM_FS(file), FALSE);
    g_mime_stream_filter_add(GMIME_STREAM_FILTER(lines), crlf);
    errno = 0;
    bool is_written = g_mime_object_write_to_stream(GMIME_OBJECT(m), NULL, lines) >= 0 &&
                      g_mime_stream_flush(lines) == 0;
    int error = errno;
    g_object_unref(crlf);
    g_object_unref(lines);
    g_object_unref(file);
    return is_written || fault_errno(why, FAULT_LOCAL, error, "the message can't be written to a temporary file");
}

static bool needs_utf8(const struct compose_envelope *e)
{
    bool is_ascii = text_is_ascii(bytes_of(e->sender));
    for (size_t i = 0; i < e->recipients.count; i++)
        is_ascii = is_ascii && text_is_ascii(bytes_of(e->recipients.items[i]));
    return !is_ascii;
}

bool compose_write(const struct compose *c, int fd, struct arena *arena, struct compose_envelope *out,
                   struct fault *why)
{
    g_mime_init();
    *out = (struct compose_envelope){ .sender = "" };
    if ((c->text && !text_is_utf8((struct bytes){ (const uint8_t *)c->text, c->text_size })) ||
        (c->html && !text_is_utf8((struct bytes){ (const uint8_t *)c->html, c->html_size })))
        return fault_set(why, FAULT_REJECT, "", "the text is not UTF-8; convert it first: iconv -f latin1 -t utf-8");
    GMimeMessage *m = g_mime_message_new(FALSE);
    GMimeObject *body = set_header(m, c, arena, out, why) ? body_of(c, why) : NULL;
    bool is_good = false;
    if (body) {
        g_mime_message_set_mime_part(m, body);
        g_object_unref(body);
        is_good = write_message(m, fd, why);
        out->is_smtputf8 = needs_utf8(out);
    }
    g_object_unref(m);
    return is_good;
}
