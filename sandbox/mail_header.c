/* Finding one header in a header block (RFC 5322, 2.2). */
#include <stdio.h>
#include <string.h>

#include "sandbox/mail_header.h"

bool mail_header_find(struct bytes header, const char *name, size_t *from, size_t *to)
{
    size_t name_size = strlen(name);
    for (size_t at = 0; at < header.size;) {
        struct bytes rest = bytes_slice(header, at, header.size);
        size_t end = mail_header_end(rest);
        if (bytes_starts_nocase(rest, name) && rest.size > name_size && rest.data[name_size] == ':') {
            *from = at;
            *to = at + end;
            return true;
        }
        if (rest.data[0] == '\r' || rest.data[0] == '\n')
            return false;
        at += end;
    }
    return false;
}

size_t mail_header_end(struct bytes rest)
{
    size_t at = 0;
    do {
        const uint8_t *newline = memchr(rest.data + at, '\n', rest.size - at);
        if (newline == NULL)
            return rest.size;
        at = (size_t)(newline - rest.data) + 1;
    } while (at < rest.size && (rest.data[at] == ' ' || rest.data[at] == '\t'));
    return at;
}

bool mail_header_value(struct bytes header, const char *name, char *out, size_t size)
{
    size_t from, to;
    *out = 0;
    if (!mail_header_find(header, name, &from, &to))
        return false;
    struct bytes value = bytes_trim(bytes_slice(header, from + strlen(name) + 1, to));
    size_t used = 0;
    for (size_t i = 0; i < value.size && used + 1 < size; i++) {
        if (value.data[i] != '\r' && value.data[i] != '\n')
            out[used++] = (char)value.data[i];
    }
    out[used] = 0;
    return true;
}

void mail_header_address(const char *value, char *out, size_t size)
{
    const char *open = strrchr(value, '<');
    const char *close = open != NULL ? strchr(open, '>') : NULL;
    struct bytes address = bytes_of(value);
    if (close != NULL)
        address = (struct bytes){ (const uint8_t *)open + 1, (size_t)(close - open - 1) };
    address = bytes_trim(address);
    snprintf(out, size, "%.*s", (int)address.size, (const char *)address.data);
}
