/* base/text.h - small questions about text, asked in one place. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"

bool text_equal(const char *a, const char *b);        /* NULL equals only NULL */
bool text_equal_nocase(const char *a, const char *b); /* ASCII */
/* NULL or "" */
static inline bool text_is_empty(const char *text)
{
    return !text || !*text;
}
bool text_to_u64(const char *text, uint64_t max, uint64_t *out); /* decimal digits only, whole string */
bool text_is_utf8(struct bytes data);                            /* well-formed, shortest form, no surrogates */
bool text_is_ascii(struct bytes data);
/* The same of a text that comes piece by piece: each piece, then whether it ended whole. All zero is the beginning. */
struct text_utf8 {
    uint8_t held[4];
    size_t size;
};
bool text_utf8_feed(struct text_utf8 *u, struct bytes piece);
bool text_utf8_end(const struct text_utf8 *u);
bool text_is_line(const char *text); /* UTF-8 without any control character */
/* As the content of an element, or of an attribute in quotes. */
const char *text_html(struct arena *arena, const char *text);
/* Largest size <= max that does not cut a UTF-8 sequence. */
size_t text_cut(struct bytes data, size_t max);
/* Size of the well-formed UTF-8 sequence at the front (1..4), 0 if there is none. */
size_t text_sequence(struct bytes data);
/* Copies with control characters as \xNN and malformed UTF-8 as '?', cut so that it fits into the `size` bytes of `out`
 * with its NUL; for logs and messages. */
void text_sanitize(struct bytes data, char *out, size_t size);
/* "15s", "10m", "2h", "5d" -> seconds; a bare number is seconds. */
bool text_to_duration(const char *text, uint64_t *seconds);
void text_from_duration(uint64_t seconds, char *out, size_t size);
/* "10", "35M", "1G" -> bytes (powers of 1024). */
bool text_to_size(const char *text, uint64_t *bytes);

/* RFC 4648. Encoders return false past out_size (which must count the NUL); decoders refuse anything but the alphabet
 * (padding optional for url) and add no NUL. */
size_t base64_size(size_t size); /* encoded length without NUL */
bool base64_encode(struct bytes in, char *out, size_t out_size);
bool base64_decode(struct bytes in, uint8_t *out, size_t out_size, size_t *size);
/* Base64 that comes piece by piece: blanks and line ends in it are passed over. All zero is the beginning. */
struct base64_reader {
    uint32_t bits;
    unsigned digits, padding; /* of the group that is not over */
    bool is_over;
};
#define BASE64_READ_SIZE(size) ((size) / 4 * 3 + 3)
/* `out` holds BASE64_READ_SIZE(in.size). False: what is no digit, or anything after the padding. */
bool base64_read(struct base64_reader *r, struct bytes in, uint8_t *out, size_t *size);
bool base64_read_end(const struct base64_reader *r);                /* no group is cut off */
bool base64url_encode(struct bytes in, char *out, size_t out_size); /* no padding */
bool base64url_decode(struct bytes in, uint8_t *out, size_t out_size, size_t *size);
bool hex_encode(struct bytes in, char *out, size_t out_size); /* lower case */
bool hex_decode(const char *in, uint8_t *out, size_t out_size, size_t *size);

#endif
