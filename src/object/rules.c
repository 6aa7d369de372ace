/* object/rules.c - what a single text in an object may look like. Every rule but the required ones also takes "". */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/addr.h"
#include "object/fields.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool has_only(const char *text, const char *also)
{
    for (; *text; text++) {
        if (!is_alnum(*text) && !strchr(also, *text))
            return false;
    }
    return true;
}

/* No '@' and no '%': "app%mailbox" and a mailbox's address must stay apart from an app's name. */
static bool is_name(const char *text)
{
    return is_alnum(text[0]) && has_only(text, "-_.");
}

static bool is_optional_name(const char *text)
{
    return !*text || is_name(text);
}

static bool is_address(const char *text)
{
    return object_address_is_valid(text);
}

static bool is_token(const char *text)
{
    return has_only(text, "-_.:+=/");
}

static bool is_host(const char *text)
{
    return has_only(text, "-_.:");
}

static bool is_date(const char *text)
{
    int64_t when = 0;
    return !*text || clock_parse(text, &when);
}

static bool is_file(const char *text)
{
    return !*text || (text[0] == '/' && text_is_line(text));
}

static bool is_url_text(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f || strchr("\"<>\\^`|#", *text))
            return false;
    }
    return true;
}

static bool is_query(const char *text)
{
    return is_url_text(text);
}

/* Where the host of "http://host..." ends. */
static bool host_is(const char *rest, const char *host)
{
    size_t size = strlen(host);
    return strncmp(rest, host, size) == 0 && (rest[size] == '\0' || strchr(":/?", rest[size]));
}

static bool is_loopback_http(const char *text)
{
    static const char http[] = "http://";
    if (strncmp(text, http, sizeof http - 1) != 0)
        return false;
    const char *rest = text + sizeof http - 1;
    return host_is(rest, "localhost") || host_is(rest, "127.0.0.1") || host_is(rest, "[::1]");
}

/* A token or a client secret must never cross a network in clear; on this machine it doesn't. */
static bool is_url(const char *text)
{
    if (!*text)
        return true;
    return is_url_text(text) && ((strncmp(text, "https://", 8) == 0 && is_alnum(text[8])) || is_loopback_http(text));
}

static bool is_pem(const char *text)
{
    return !*text || strncmp(text, "-----BEGIN CERTIFICATE-----", 27) == 0;
}

static bool is_range(const char *text)
{
    struct net_range range;
    return net_range_parse(text, &range, NULL);
}

#define NAME_TEXT "a name of letters, digits, '-', '_' and '.', beginning with a letter or digit"

const struct text_rule rule_name = { NAME_TEXT, is_name, 64, "erp" };
const struct text_rule rule_optional_name = { NAME_TEXT, is_optional_name, 64, "m365" };
const struct text_rule rule_address = { "an address like box@example.org", is_address, 320, "box@example.org" };
const struct text_rule rule_line = { "one line of text", text_is_line, 1024, "One line of text" };
const struct text_rule rule_token = { "made of letters, digits and - _ . : + = /", is_token, 256, "4c1f2a30-8e57" };
const struct text_rule rule_url = { "an https:// address (http:// only to this machine)", is_url, 1024,
                                    "https://example.org/" };
const struct text_rule rule_redirect = { "an https:// address, or http://localhost", is_url, 256,
                                         "http://localhost:8400/" };
const struct text_rule rule_host = { "a host name or address without a port", is_host, 255, "mail.example.org" };
const struct text_rule rule_date = { "a date like 2027-05-01", is_date, 40, "2027-05-01" };
const struct text_rule rule_file = { "a file's path beginning with /", is_file, 1024, "/etc/ssl/ca.pem" };
const struct text_rule rule_query = { "query text like access_type=offline", is_query, 512, "access_type=offline" };
const struct text_rule rule_pem = { "a certificate in PEM", is_pem, 16384, "-----BEGIN CERTIFICATE-----\n..." };
const struct text_rule rule_range = { "an address range like 10.1.0.0/16", is_range, 64, "10.1.0.0/16" };

/* Quoted local parts are left out on purpose: no mailbox of a provider has one. */
static bool local_is_valid(struct bytes local)
{
    if (!local.size || local.size > 64 || local.data[0] == '.' || local.data[local.size - 1] == '.')
        return false;
    for (size_t i = 0; i < local.size; i++) {
        char c = (char)local.data[i];
        if ((unsigned char)c < 0x80 && !is_alnum(c) && !strchr("!#$%&'*+-/=?^_`{|}~.", c))
            return false;
    }
    return true;
}

static bool domain_is_valid(struct bytes domain)
{
    size_t label = 0;
    if (!domain.size || domain.size > 255)
        return false;
    for (size_t i = 0; i < domain.size; i++) {
        char c = (char)domain.data[i];
        if (c == '.' || c == '-') {
            if (!label)
                return false;
            label = c == '.' ? 0 : label + 1;
        } else if ((unsigned char)c < 0x80 && !is_alnum(c)) {
            return false;
        } else {
            label++;
        }
        if (label > 63)
            return false;
    }
    return label > 0;
}

bool object_address_is_valid(const char *address)
{
    struct bytes whole = bytes_of(address);
    const char *at = address ? strrchr(address, '@') : NULL;
    if (!at || !text_is_utf8(whole))
        return false;
    size_t local = (size_t)(at - address);
    return local_is_valid(bytes_slice(whole, 0, local)) && domain_is_valid(bytes_slice(whole, local + 1, whole.size));
}

bool object_address_equal(const char *a, const char *b)
{
    return text_equal_nocase(a, b);
}
