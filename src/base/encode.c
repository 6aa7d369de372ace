/* base/encode.c - base64, base64url and hex (RFC 4648), declared in base/text.h. */
#include <string.h>

#include "base/text.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_size(size_t size)
{
    return size / 3 * 4 + (size % 3 ? 4 : 0);
}

static void encode_group(const uint8_t *in, size_t size, const char *alphabet, char *out)
{
    uint32_t bits = (uint32_t)in[0] << 16 | (size > 1 ? (uint32_t)in[1] << 8 : 0) | (size > 2 ? in[2] : 0);
    for (size_t i = 0; i <= size; i++)
        out[i] = alphabet[bits >> (18 - 6 * i) & 63];
}

/* The text's size without NUL. */
static size_t encode(struct bytes in, const char *alphabet, char *out)
{
    char *at = out;
    for (size_t i = 0; i < in.size; i += 3) {
        size_t size = in.size - i < 3 ? in.size - i : 3;
        encode_group(in.data + i, size, alphabet, at);
        at += size + 1;
    }
    return (size_t)(at - out);
}

bool base64_encode(struct bytes in, char *out, size_t out_size)
{
    if (in.size > SIZE_MAX / 2 || base64_size(in.size) >= out_size)
        return false;
    size_t size = encode(in, standard, out);
    while (size % 4 != 0)
        out[size++] = '=';
    out[size] = 0;
    return true;
}

bool base64url_encode(struct bytes in, char *out, size_t out_size)
{
    size_t unpadded = in.size / 3 * 4 + (in.size % 3 ? in.size % 3 + 1 : 0);
    if (in.size > SIZE_MAX / 2 || unpadded >= out_size)
        return false;
    out[encode(in, for_url, out)] = 0;
    return true;
}

static int base64_value(uint8_t c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (uint8_t)alphabet[62])
        return 62;
    return c == (uint8_t)alphabet[63] ? 63 : -1;
}

/* `in` without padding. Bits that the encoding leaves unused must be zero, so that one value has one spelling. */
static bool decode(struct bytes in, const char *alphabet, uint8_t *out, size_t out_size, size_t *size)
{
    if (in.size % 4 == 1 || in.size / 4 * 3 + in.size % 4 * 3 / 4 > out_size)
        return false;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t filled = 0;
    for (size_t i = 0; i < in.size; i++) {
        int value = base64_value(in.data[i], alphabet);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[filled++] = (uint8_t)(bits >> held);
        }
    }
    *size = filled;
    return (bits & ((1u << held) - 1)) == 0;
}

static struct bytes without_padding(struct bytes in)
{
    for (int i = 0; i < 2 && in.size > 0 && in.data[in.size - 1] == '='; i++)
        in.size--;
    return in;
}

bool base64_decode(struct bytes in, uint8_t *out, size_t out_size, size_t *size)
{
    return in.size % 4 == 0 && decode(without_padding(in), standard, out, out_size, size);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Four digits are three octets; the padding takes octets away, and their bits must be zero, so that one value has one spelling. */
static bool end_group(struct base64_reader *r, uint8_t *out, size_t *size)
{
    static const uint32_t unused[] = { 0, 0xff, 0xffff };
    if (r->bits & unused[r->padding])
        return false;
    for (unsigned i = 0; i < 3 - r->padding; i++)
        out[(*size)++] = (uint8_t)(r->bits >> (16 - 8 * i));
    *r = (struct base64_reader){ .is_over = r->padding > 0 };
    return true;
}

bool base64_read(struct base64_reader *r, struct bytes in, uint8_t *out, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (is_blank(c))
            continue;
        bool is_padding = c == '=' && r->digits >= 2;
        int value = is_padding ? 0 : base64_value(c, standard);
        if (value < 0 || r->is_over || (r->padding && !is_padding))
            return false;
        r->bits = r->bits << 6 | (uint32_t)value;
        r->digits++;
        r->padding += is_padding;
        if (r->digits == 4 && !end_group(r, out, size))
            return false;
    }
    return true;
}

bool base64_read_end(const struct base64_reader *r)
{
    return r->digits == 0;
}

bool base64url_decode(struct bytes in, uint8_t *out, size_t out_size, size_t *size)
{
    struct bytes bare = without_padding(in);
    return (bare.size == in.size || in.size % 4 == 0) && decode(bare, for_url, out, out_size, size);
}

bool hex_encode(struct bytes in, char *out, size_t out_size)
{
    static const char digits[] = "0123456789abcdef";
    if (in.size > SIZE_MAX / 2 - 1 || in.size * 2 >= out_size)
        return false;
    for (size_t i = 0; i < in.size; i++) {
        out[i * 2] = digits[in.data[i] >> 4];
        out[i * 2 + 1] = digits[in.data[i] & 15];
    }
    out[in.size * 2] = 0;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(const char *in, uint8_t *out, size_t out_size, size_t *size)
{
    size_t digits = strlen(in);
    if (digits % 2 != 0 || digits / 2 > out_size)
        return false;
    for (size_t i = 0; i < digits / 2; i++) {
        int high = hex_value(in[i * 2]), low = hex_value(in[i * 2 + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    *size = digits / 2;
    return true;
}
