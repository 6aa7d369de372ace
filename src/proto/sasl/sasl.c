/* proto/sasl/sasl.c - three small grammars: PLAIN's two NULs, and the ^A-separated pairs of XOAUTH2 and OAUTHBEARER. */
#include "proto/sasl/sasl.h"

#include <string.h>

#include "base/text.h"

#define SEPARATOR 0x01
#define BEARER "Bearer "

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    return false;
}

static bool are_sendable(const char *user, struct bytes token)
{
    return !has_control(bytes_of(user)) && token.size > 0 && !has_control(token);
}

static bool add_bearer(struct bytes token, struct buf *out)
{
    return buf_add_str(out, "auth=" BEARER) && buf_add_bytes(out, token) && buf_add_byte(out, SEPARATOR) &&
           buf_add_byte(out, SEPARATOR);
}

bool sasl_xoauth2(const char *user, struct bytes token, struct buf *out)
{
    return are_sendable(user, token) && buf_add_str(out, "user=") && buf_add_str(out, user) &&
           buf_add_byte(out, SEPARATOR) && add_bearer(token, out);
}

/* saslname of RFC 5801: ',' and '=' would end the GS2 header's field. */
static bool add_saslname(const char *user, struct buf *out)
{
    for (; *user; user++) {
        bool fits = *user == ','   ? buf_add_str(out, "=2C")
                    : *user == '=' ? buf_add_str(out, "=3D")
                                   : buf_add_byte(out, (uint8_t)*user);
        if (!fits)
            return false;
    }
    return true;
}

bool sasl_oauthbearer(const char *user, const char *host, uint16_t port, struct bytes token, struct buf *out)
{
    return are_sendable(user, token) && !has_control(bytes_of(host)) && buf_add_str(out, "n,a=") &&
           add_saslname(user, out) &&
           buf_addf(out, ",%chost=%s%cport=%u%c", SEPARATOR, host, SEPARATOR, port, SEPARATOR) &&
           add_bearer(token, out);
}

bool sasl_plain(const char *user, struct bytes password, struct buf *out)
{
    if (memchr(password.data ? password.data : (const uint8_t *)"", 0, password.size))
        return false;
    return buf_add_byte(out, 0) && buf_add_str(out, user) && buf_add_byte(out, 0) && buf_add_bytes(out, password);
}

/* What stands before the first `separator`; `rest` is what follows it. */
static bool take_until(struct bytes *rest, uint8_t separator, struct bytes *part)
{
    const uint8_t *end = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
    if (!end)
        return false;
    size_t size = (size_t)(end - rest->data);
    *part = bytes_slice(*rest, 0, size);
    *rest = bytes_slice(*rest, size + 1, rest->size);
    return true;
}

static bool is_name(struct bytes user)
{
    return user.size > 0 && text_is_utf8(user) && !has_control(user);
}

bool sasl_plain_parse(struct bytes in, struct bytes *user, struct bytes *password, struct fault *why)
{
    struct bytes authzid;
    *password = in;
    if (!take_until(password, 0, &authzid) || !take_until(password, 0, user) ||
        (password->size && memchr(password->data, 0, password->size)))
        return fault_set(why, FAULT_REJECT, "", "PLAIN needs two NULs: [authzid] NUL user NUL password");
    if (!is_name(*user))
        return fault_set(why, FAULT_REJECT, "", "PLAIN has no usable user name");
    if (password->size == 0)
        return fault_set(why, FAULT_REJECT, "", "PLAIN has no password");
    if (authzid.size > 0 && !bytes_equal(authzid, *user))
        return fault_set(why, FAULT_REJECT, "",
                         "PLAIN asks to act as somebody else (an authzid), which nobody may here");
    return true;
}

/* "key=value^A" pairs up to an empty one; only auth= matters to both mechanisms. */
static bool take_token(struct bytes rest, struct bytes *token, struct fault *why)
{
    struct bytes pair;
    *token = BYTES_NONE;
    while (take_until(&rest, SEPARATOR, &pair) && pair.size > 0)
        if (bytes_starts_nocase(pair, "auth=" BEARER))
            *token = bytes_trim(bytes_slice(pair, strlen("auth=" BEARER), pair.size));
    if (token->size == 0 || has_control(*token))
        return fault_set(why, FAULT_REJECT, "", "no token (auth=Bearer ...) between the ^A separators");
    return true;
}

bool sasl_xoauth2_parse(struct bytes in, struct bytes *user, struct bytes *token, struct fault *why)
{
    struct bytes pair;
    if (!take_until(&in, SEPARATOR, &pair) || !bytes_starts_nocase(pair, "user="))
        return fault_set(why, FAULT_REJECT, "", "XOAUTH2 does not begin with user=");
    *user = bytes_slice(pair, strlen("user="), pair.size);
    if (!is_name(*user))
        return fault_set(why, FAULT_REJECT, "", "XOAUTH2 has no usable user name");
    return take_token(in, token, why);
}

static bool undo_saslname(struct bytes name, char *out)
{
    for (size_t i = 0; i < name.size; i++) {
        struct bytes rest = bytes_slice(name, i, name.size);
        bool is_comma = bytes_starts_nocase(rest, "=2c"), is_equals = bytes_starts_nocase(rest, "=3d");
        if (name.data[i] == '=' && !is_comma && !is_equals)
            return false;
        *out++ = is_comma ? ',' : is_equals ? '=' : (char)name.data[i];
        if (is_comma || is_equals)
            i += 2;
    }
    *out = 0;
    return true;
}

bool sasl_oauthbearer_parse(struct bytes in, struct arena *arena, const char **user, struct bytes *token,
                            struct fault *why)
{
    struct bytes binding, authzid;
    if (!take_until(&in, ',', &binding) ||
        !(bytes_equal(binding, BYTES_LIT("n")) || bytes_equal(binding, BYTES_LIT("y"))) ||
        !take_until(&in, ',', &authzid) || !(in.size > 0 && in.data[0] == SEPARATOR))
        return fault_set(why, FAULT_REJECT, "", "OAUTHBEARER does not begin with \"n,a=user,\" and ^A");
    struct bytes name = bytes_slice(authzid, strlen("a="), authzid.size);
    char *clear = arena_alloc(arena, name.size + 1);
    if (!bytes_starts_nocase(authzid, "a=") || !is_name(name) || !undo_saslname(name, clear))
        return fault_set(why, FAULT_REJECT, "", "OAUTHBEARER has no usable user name");
    *user = clear;
    return take_token(bytes_slice(in, 1, in.size), token, why);
}
