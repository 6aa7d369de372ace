/* proto/json/cut.c - between texts only brackets, commas and quotes matter; inside them only the backslash and the closing quote. */
#include "proto/json/cut.h"

#include <stdio.h>
#include <string.h>

void json_cut_init(struct json_cut *c, const struct json_cut_host *host, void *ctx)
{
    *c = (struct json_cut){ .host = host, .ctx = ctx };
}

static bool refuse(struct json_cut *c, struct fault *why, const char *text)
{
    c->is_stopped = true;
    return fault_set(why, FAULT_REJECT, "api.json", "the JSON can't be read: at octet %llu %s",
                     (unsigned long long)c->offset + 1, text);
}

static bool stop(struct json_cut *c)
{
    c->is_stopped = true;
    return false;
}

static bool pass(struct json_cut *c, struct bytes in)
{
    return in.size == 0 || c->host->rest(c->ctx, in) || stop(c);
}

static bool give(struct json_cut *c, struct bytes text)
{
    return text.size == 0 || c->host->piece(c->ctx, text) || stop(c);
}

/* ---- where we are ---- */

static bool add_to_pointer(struct json_cut *c, const char *text, size_t size)
{
    if (size >= JSON_CUT_POINTER - c->pointer_size)
        return false;
    memcpy(c->pointer + c->pointer_size, text, size);
    c->pointer_size += size;
    c->pointer[c->pointer_size] = 0;
    return true;
}

/* A value begins: an array's are numbered, an object's have their name already. */
static bool locate_value(struct json_cut *c)
{
    char index[16];
    if (c->depth == 0 || c->levels[c->depth - 1].is_object)
        return true;
    c->pointer_size = c->levels[c->depth - 1].pointer_size;
    int size = snprintf(index, sizeof index, "/%u", c->levels[c->depth - 1].index);
    return add_to_pointer(c, index, (size_t)size);
}

static bool open_container(struct json_cut *c, bool is_object, struct fault *why)
{
    if (c->depth == JSON_CUT_DEPTH)
        return refuse(c, why, "it is nested too deep");
    if (!locate_value(c))
        return refuse(c, why, "a name is too long");
    c->levels[c->depth].is_object = c->levels[c->depth].wants_name = is_object;
    c->levels[c->depth].index = 0;
    c->levels[c->depth].pointer_size = c->pointer_size;
    c->depth++;
    return true;
}

static void next_value(struct json_cut *c)
{
    if (c->depth == 0)
        return;
    c->levels[c->depth - 1].wants_name = c->levels[c->depth - 1].is_object;
    c->levels[c->depth - 1].index++;
}

static bool open_text(struct json_cut *c, struct fault *why)
{
    if (c->depth > 0 && c->levels[c->depth - 1].wants_name) {
        c->levels[c->depth - 1].wants_name = false;
        c->pointer_size = c->levels[c->depth - 1].pointer_size;
        c->place = JSON_CUT_NAME;
        return add_to_pointer(c, "/", 1) || refuse(c, why, "a name is too long");
    }
    if (!locate_value(c))
        return refuse(c, why, "a name is too long");
    c->place = c->host->begin(c->ctx, c->depth ? c->pointer : "") ? JSON_CUT_TAKEN : JSON_CUT_PASSED;
    return true;
}

static bool between(struct json_cut *c, uint8_t octet, struct fault *why)
{
    switch (octet) {
    case '{':
    case '[':
        return open_container(c, octet == '{', why);
    case '}':
    case ']':
        c->depth -= c->depth > 0;
        return true;
    case ',':
        next_value(c);
        return true;
    case '"':
        return open_text(c, why);
    default:
        return true;
    }
}

/* ---- texts ---- */

/* One decoded character, or an octet of one, where it belongs. */
static bool take_octets(struct json_cut *c, const char *octets, size_t size, struct fault *why)
{
    if (c->place == JSON_CUT_TAKEN)
        return give(c, (struct bytes){ (const uint8_t *)octets, size });
    for (size_t i = 0; i < size && c->place == JSON_CUT_NAME; i++) {
        bool is_special = octets[i] == '~' || octets[i] == '/';
        const char *text = octets[i] == '~' ? "~0" : octets[i] == '/' ? "~1" : &octets[i];
        if (!add_to_pointer(c, text, is_special ? 2 : 1))
            return refuse(c, why, "a name is too long");
    }
    return true;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00 >> size) | code);
    return size;
}

static bool end_code(struct json_cut *c, struct fault *why)
{
    char out[4];
    bool is_high = c->code >= 0xd800 && c->code < 0xdc00, is_low = c->code >= 0xdc00 && c->code < 0xe000;
    if ((c->high != 0) != is_low)
        return refuse(c, why, "half a surrogate pair stands alone");
    if (is_high) {
        c->high = c->code;
        return true;
    }
    if (c->code == 0)
        return refuse(c, why, "there is a NUL");
    uint32_t code = is_low ? 0x10000 + ((c->high - 0xd800) << 10) + (c->code - 0xdc00) : c->code;
    c->high = 0;
    return take_octets(c, out, encode(code, out), why);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool in_escape(struct json_cut *c, uint8_t octet, struct fault *why)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (c->escape == 1) {
        const char *name = octet ? strchr(names, octet) : NULL;
        if (c->high && octet != 'u')
            return refuse(c, why, "half a surrogate pair stands alone");
        c->escape = octet == 'u' ? 5 : 0;
        c->code = 0;
        if (octet == 'u')
            return true;
        return name ? take_octets(c, &values[name - names], 1, why) : refuse(c, why, "there is no such escape");
    }
    int value = hex_value(octet);
    if (value < 0)
        return refuse(c, why, "an escape is not of four digits");
    c->code = c->code << 4 | (uint32_t)value;
    c->escape = c->escape == 2 ? 0 : c->escape - 1;
    return c->escape != 0 || end_code(c, why);
}

static bool close_text(struct json_cut *c, struct fault *why)
{
    bool is_taken = c->place == JSON_CUT_TAKEN;
    if (is_taken && !text_utf8_end(&c->utf8))
        return refuse(c, why, "the text is not UTF-8");
    c->place = JSON_CUT_BETWEEN;
    return !is_taken || c->host->end(c->ctx) || stop(c);
}

/* Octets of a text that mean themselves, as many as there are. */
static size_t plain_size(struct bytes in)
{
    size_t size = 0;
    while (size < in.size && in.data[size] >= ' ' && in.data[size] != '"' && in.data[size] != '\\')
        size++;
    return size;
}

static bool take_plain(struct json_cut *c, struct bytes run, struct fault *why)
{
    if (c->place == JSON_CUT_TAKEN && !text_utf8_feed(&c->utf8, run))
        return refuse(c, why, "the text is not UTF-8");
    return take_octets(c, (const char *)run.data, run.size, why);
}

/* A text that passes is the parser's matter, but where it ends is ours. */
static bool in_passed(struct json_cut *c, uint8_t octet)
{
    if (c->escape)
        c->escape = 0;
    else if (octet == '\\')
        c->escape = 1;
    else if (octet == '"')
        c->place = JSON_CUT_BETWEEN;
    return true;
}

static bool in_text(struct json_cut *c, uint8_t octet, struct fault *why)
{
    if (c->place == JSON_CUT_PASSED)
        return in_passed(c, octet);
    if (c->escape)
        return in_escape(c, octet, why);
    if (octet == '\\') {
        c->escape = 1;
        return text_utf8_end(&c->utf8) || refuse(c, why, "the text is not UTF-8");
    }
    if (c->high)
        return refuse(c, why, "half a surrogate pair stands alone");
    return octet == '"' ? close_text(c, why) : refuse(c, why, "a control character stands in a text");
}

/* Between texts: those that change nothing. */
static size_t idle_size(struct bytes in)
{
    size_t size = 0;
    while (size < in.size && (!in.data[size] || !strchr("{}[],\"", in.data[size])))
        size++;
    return size;
}

/* Uses some of `in`, one octet at least. What is not taken out passes as it is, quotes of a taken text too. */
static size_t step(struct json_cut *c, struct bytes in, struct fault *why)
{
    bool was_taken = c->place == JSON_CUT_TAKEN, is_good = true;
    size_t size = 0;
    if (c->place == JSON_CUT_BETWEEN) {
        size = idle_size(in);
        is_good = size > 0 || between(c, in.data[0], why);
    } else {
        size = c->escape || c->high ? 0 : plain_size(in);
        is_good = size > 0 ? take_plain(c, bytes_slice(in, 0, size), why) : in_text(c, in.data[0], why);
    }
    size += size == 0;
    if (is_good && (!was_taken || c->place == JSON_CUT_BETWEEN))
        pass(c, bytes_slice(in, 0, size));
    return size;
}

bool json_cut_feed(struct json_cut *c, struct bytes in, struct fault *why)
{
    while (in.size > 0 && !c->is_stopped) {
        size_t used = step(c, in, why);
        c->offset += used;
        in = bytes_slice(in, used, in.size);
    }
    return !c->is_stopped;
}

bool json_cut_end(struct json_cut *c, struct fault *why)
{
    if (!c->is_stopped && c->place != JSON_CUT_BETWEEN)
        return refuse(c, why, "it ends within a text");
    return !c->is_stopped;
}
