/* proto/smtp/path.c - syntax only: whether an address may be used is the host's to say. */
#include "proto/smtp/path.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "proto/smtp/server.h"

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_atext(uint8_t c)
{
    return is_letter_or_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string: atoms with single dots between. Returns its length, 0 if there is none. */
static size_t dot_string(struct bytes in)
{
    size_t at = 0;
    for (;;) {
        size_t atom = at;
        while (at < in.size && is_atext(in.data[at]))
            at++;
        if (at == atom)
            return 0;
        if (at == in.size || in.data[at] != '.')
            return at;
        at++;
    }
}

static size_t quoted_string(struct bytes in)
{
    for (size_t at = 1; at < in.size; at++) {
        if (in.data[at] == '"')
            return at + 1;
        if (in.data[at] == '\\')
            at++;
    }
    return 0;
}

/* Labels of letters, digits and inner hyphens; the underscore is not legal and still used in many inner networks. */
static size_t domain_name(struct bytes in)
{
    size_t at = 0;
    for (;;) {
        size_t label = at;
        while (at < in.size && (is_letter_or_digit(in.data[at]) || in.data[at] == '-' || in.data[at] == '_'))
            at++;
        if (at == label || at - label > 63 || in.data[label] == '-' || in.data[at - 1] == '-')
            return 0;
        if (at == in.size || in.data[at] != '.')
            return at;
        at++;
    }
}

static size_t address_literal(struct bytes in)
{
    const uint8_t *close = memchr(in.data, ']', in.size);
    char text[64];
    struct in6_addr address;
    if (!close || (size_t)(close - in.data) >= sizeof text)
        return 0;
    size_t size = (size_t)(close - in.data);
    memcpy(text, in.data + 1, size - 1);
    text[size - 1] = 0;
    bool is_v6 = bytes_starts_nocase(bytes_of(text), "IPv6:");
    if (strlen(text) != size - 1 || inet_pton(is_v6 ? AF_INET6 : AF_INET, is_v6 ? text + 5 : text, &address) != 1)
        return 0;
    return size + 1;
}

/* Length of the domain at the front of `in`, 0 if it is none. */
static size_t domain(struct bytes in)
{
    size_t size = in.size && in.data[0] == '[' ? address_literal(in) : domain_name(in);
    return size > SMTP_DOMAIN_LIMIT ? 0 : size;
}

/* "@one,@two:" in front of an address: read and ignored, as RFC 5321 4.1.1.3 wishes. */
static bool skip_route(struct bytes *in)
{
    while (in->size && in->data[0] == '@') {
        size_t size = domain(bytes_slice(*in, 1, in->size)) + 1;
        if (size == 1 || size == in->size || (in->data[size] != ',' && in->data[size] != ':'))
            return false;
        bool is_last = in->data[size] == ':';
        *in = bytes_slice(*in, size + 1, in->size);
        if (is_last)
            return true;
    }
    return true;
}

/* Length of local@domain at the front of `in`, 0 if it is none; a local part alone only if it is postmaster. */
static size_t mailbox(struct bytes in, enum smtp_path_side side)
{
    size_t local = in.size && in.data[0] == '"' ? quoted_string(in) : dot_string(in);
    if (local == 0 || local > SMTP_LOCAL_LIMIT)
        return 0;
    if (local == in.size || in.data[local] != '@') {
        bool is_postmaster = bytes_equal_nocase(bytes_slice(in, 0, local), BYTES_LIT("postmaster"));
        return is_postmaster && side == SMTP_PATH_FORWARD ? local : 0;
    }
    size_t host = domain(bytes_slice(in, local + 1, in.size));
    size_t size = local + 1 + host;
    return host == 0 || size > SMTP_PATH_LIMIT ? 0 : size;
}

const char *smtp_path_take(struct bytes *rest, enum smtp_path_side side, struct bytes *address)
{
    const char *refusal = side == SMTP_PATH_REVERSE
                              ? "501 5.1.7 Bad sender address syntax: <local@domain> is needed"
                              : "501 5.1.3 Bad recipient address syntax: <local@domain> is needed";
    struct bytes in = *rest;
    while (in.size && in.data[0] == ' ')
        in = bytes_slice(in, 1, in.size);
    bool is_bracketed = in.size && in.data[0] == '<';
    if (is_bracketed)
        in = bytes_slice(in, 1, in.size);
    bool is_null = is_bracketed && side == SMTP_PATH_REVERSE && in.size && in.data[0] == '>';
    if (!skip_route(&in))
        return refusal;
    size_t size = mailbox(in, side);
    if (size == 0 && !is_null)
        return refusal;
    *address = bytes_slice(in, 0, size);
    in = bytes_slice(in, size, in.size);
    if (!text_is_utf8(*address))
        return refusal;
    if (is_bracketed) {
        if (in.size == 0 || in.data[0] != '>')
            return refusal;
        in = bytes_slice(in, 1, in.size);
    }
    if (in.size && in.data[0] != ' ')
        return refusal;
    *rest = in;
    return NULL;
}

static bool is_keyword(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] >= 0x80 || !(is_letter_or_digit(name.data[i]) || (name.data[i] == '-' && i > 0)))
            return false;
    return name.size > 0;
}

const char *smtp_param_take(struct bytes *rest, struct smtp_param *param, bool *is_end)
{
    while (rest->size && rest->data[0] == ' ')
        *rest = bytes_slice(*rest, 1, rest->size);
    *is_end = rest->size == 0;
    if (*is_end)
        return NULL;
    const uint8_t *blank = memchr(rest->data, ' ', rest->size);
    struct bytes word = bytes_slice(*rest, 0, blank ? (size_t)(blank - rest->data) : rest->size);
    const uint8_t *equals = memchr(word.data, '=', word.size);
    size_t name_size = equals ? (size_t)(equals - word.data) : word.size;
    param->name = bytes_slice(word, 0, name_size);
    param->value = bytes_slice(word, name_size + 1, word.size);
    param->has_value = equals != NULL;
    *rest = bytes_slice(*rest, word.size, rest->size);
    if (!is_keyword(param->name) || (param->has_value && param->value.size == 0))
        return "501 5.5.4 Bad parameter syntax: NAME or NAME=value is needed";
    return NULL;
}

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One xchar or "+XX" at the front of `in`: its length, 0 if it is neither. */
static size_t xtext_unit(struct bytes in, char *out)
{
    if (in.data[0] != '+') {
        *out = (char)in.data[0];
        return in.data[0] > ' ' && in.data[0] < 0x7f && in.data[0] != '=';
    }
    if (in.size < 3 || hex_value(in.data[1]) < 0 || hex_value(in.data[2]) < 0)
        return 0;
    *out = (char)(hex_value(in.data[1]) * 16 + hex_value(in.data[2]));
    return 3;
}

bool smtp_is_xtext(struct bytes text)
{
    char unit;
    for (size_t at = 0, size; at < text.size; at += size) {
        size = xtext_unit(bytes_slice(text, at, text.size), &unit);
        if (size == 0)
            return false;
    }
    return true;
}

bool smtp_xtext_decode(const char *xtext, char *out, size_t out_size)
{
    struct bytes in = bytes_of(xtext);
    size_t filled = 0;
    while (in.size > 0) {
        if (filled + 1 >= out_size)
            return false;
        size_t size = xtext_unit(in, &out[filled]);
        if (size == 0)
            return false;
        if ((unsigned char)out[filled] < ' ' || out[filled] == 0x7f)
            out[filled] = '?';
        filled++;
        in = bytes_slice(in, size, in.size);
    }
    if (out_size == 0)
        return false;
    out[filled] = 0;
    return true;
}
