#include "proto/mime/form_head.h"

#include <string.h>

#include "base/text.h"

#define BLANKS " \t\r\n"

static bool is_name_end(char c)
{
    return c == '\0' || strchr(BLANKS ";=", c) != NULL;
}

/* Names of files are written with bare backslashes ("C:\a.txt"), so they escape only themselves and quotes. `at` stands after the
 * opening quote. */
static const char *skip_quoted(const char *at, char *out, size_t *size)
{
    for (; *at && *at != '"'; at++) {
        at += *at == '\\' && (at[1] == '\\' || at[1] == '"');
        out[(*size)++] = *at;
    }
    return *at ? at + 1 : at;
}

static const char *skip_value(const char *at, char *out, size_t *size)
{
    if (*at == '"')
        return skip_quoted(at + 1, out, size);
    while (*at && !strchr(BLANKS ";", *at))
        out[(*size)++] = *at++;
    return at;
}

const char *form_parameter(struct arena *arena, const char *field, const char *name)
{
    char *value = arena_alloc(arena, strlen(field) + 1);
    const char *at = field + strcspn(field, ";");
    while (*at) {
        size_t size = 0;
        at += strspn(at, BLANKS ";");
        const char *from = at;
        while (!is_name_end(*at))
            at++;
        struct bytes found = { (const uint8_t *)from, (size_t)(at - from) };
        at += strspn(at, BLANKS);
        if (*at != '=') {
            at += strcspn(at, ";");
            continue;
        }
        at++;
        at = skip_value(at + strspn(at, BLANKS), value, &size);
        value[size] = '\0';
        if (bytes_equal_nocase(found, bytes_of(name)))
            return value;
        at += strcspn(at, ";");
    }
    return NULL;
}

/* ---- names of files ---- */

/* "%22": browsers and curl write a quote so, and nothing else. */
static const char *without_escaped_quotes(char *text)
{
    char *out = text;
    for (const char *in = text; *in; out++) {
        bool is_quote = strncmp(in, "%22", 3) == 0;
        *out = is_quote ? '"' : *in;
        in += is_quote ? 3 : 1;
    }
    *out = '\0';
    return text;
}

/* "UTF-8''zwei%20%C3%BC.txt" (RFC 5987); NULL: nothing that can be read. */
static const char *extended(struct arena *arena, const char *value)
{
    const char *text = value ? strchr(value, '\'') : NULL;
    text = text ? strchr(text + 1, '\'') : NULL;
    if (!text || !bytes_starts_nocase(bytes_of(value), "utf-8'"))
        return NULL;
    text++;
    char *plain = arena_alloc(arena, strlen(text) + 1);
    size_t size = 0, taken;
    while (*text) {
        char digits[3] = { text[1], text[1] ? text[2] : '\0', '\0' };
        uint8_t octet = (uint8_t)*text;
        bool is_escaped = *text == '%';
        if (is_escaped && !(hex_decode(digits, &octet, 1, &taken) && taken == 1 && octet != 0))
            return NULL;
        plain[size++] = (char)octet;
        text += is_escaped ? 3 : 1;
    }
    return text_is_utf8((struct bytes){ (const uint8_t *)plain, size }) ? plain : NULL;
}

static const char *file_of(struct arena *arena, const char *disposition)
{
    const char *file = extended(arena, form_parameter(arena, disposition, "filename*"));
    if (file)
        return file;
    file = form_parameter(arena, disposition, "filename");
    return file ? without_escaped_quotes(arena_strdup(arena, file)) : "";
}

/* ---- fields ---- */

/* The value of the field, folds and all; "" : it is not there. */
static const char *field_of(struct arena *arena, struct bytes head, const char *name)
{
    size_t size = strlen(name);
    while (head.size > 0) {
        size_t end = bytes_find(head, BYTES_LIT("\r\n"));
        while (end != SIZE_MAX && end + 2 < head.size && (head.data[end + 2] == ' ' || head.data[end + 2] == '\t')) {
            size_t next = bytes_find(bytes_slice(head, end + 2, head.size), BYTES_LIT("\r\n"));
            end = next == SIZE_MAX ? SIZE_MAX : end + 2 + next;
        }
        struct bytes line = bytes_slice(head, 0, end);
        if (bytes_starts_nocase(line, name) && line.size > size && line.data[size] == ':') {
            struct bytes value = bytes_trim(bytes_slice(line, size + 1, line.size));
            return arena_strndup(arena, (const char *)value.data, value.size);
        }
        head = end == SIZE_MAX ? BYTES_NONE : bytes_slice(head, end + 2, head.size);
    }
    return "";
}

bool form_head_read(struct arena *arena, struct bytes head, struct form_part *out, struct fault *why)
{
    if (head.size > 0 && memchr(head.data, '\0', head.size))
        return fault_set(why, FAULT_REJECT, "api.form", "there is a NUL in a part's head");
    const char *disposition = field_of(arena, head, "Content-Disposition");
    const char *name = form_parameter(arena, disposition, "name");
    if (!bytes_starts_nocase(bytes_of(disposition), "form-data") || text_is_empty(name))
        return fault_set(why, FAULT_REJECT, "api.form",
                         "a part has no name: it must begin with Content-Disposition: form-data; name=\"...\"");
    *out = (struct form_part){ .name = without_escaped_quotes(arena_strdup(arena, name)),
                               .file = file_of(arena, disposition),
                               .type = field_of(arena, head, "Content-Type"),
                               .encoding = field_of(arena, head, "Content-Transfer-Encoding") };
    return true;
}
