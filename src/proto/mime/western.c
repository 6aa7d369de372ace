#include "proto/mime/western.h"

#include "base/text.h"

/* Where Windows-1252 differs: 0x80 to 0x9f; what is not given there stays the control character it is. */
static const uint16_t differs[32] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
};

bool western_is_name(const char *charset)
{
    return text_equal_nocase(charset, "iso-8859-1") || text_equal_nocase(charset, "latin1") ||
           text_equal_nocase(charset, "windows-1252");
}

size_t western_to_utf8(struct bytes in, uint8_t *out)
{
    size_t size = 0;
    for (size_t i = 0; i < in.size; i++) {
        unsigned c = in.data[i] >= 0x80 && in.data[i] < 0xa0 ? differs[in.data[i] - 0x80] : in.data[i];
        if (c < 0x80) {
            out[size++] = (uint8_t)c;
            continue;
        }
        if (c < 0x800) {
            out[size++] = (uint8_t)(0xc0 | c >> 6);
        } else {
            out[size++] = (uint8_t)(0xe0 | c >> 12);
            out[size++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        }
        out[size++] = (uint8_t)(0x80 | (c & 0x3f));
    }
    return size;
}
