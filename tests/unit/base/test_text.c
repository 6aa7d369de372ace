/* Text: UTF-8, cutting, sanitising, numbers with units, encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void texts_are_equal_or_not(void **state)
{
    assert_true(text_equal("a", "a"));
    assert_false(text_equal("a", "A"));
    assert_true(text_equal_nocase("a", "A"));
    assert_true(text_equal(NULL, NULL));
    assert_false(text_equal(NULL, ""));
    assert_false(text_equal_nocase("", NULL));
    assert_true(text_is_empty(NULL));
    assert_true(text_is_empty(""));
    assert_false(text_is_empty(" "));
}

static void utf8_is_checked_strictly(void **state)
{
    const struct {
        struct bytes data;
        bool is_utf8;
    } cases[] = {
        { BYTES_LIT(""), true },
        { BYTES_LIT("plain"), true },
        { BYTES_LIT("\xC3\xA9"), true },
        { BYTES_LIT("\xE2\x82\xAC"), true },
        { BYTES_LIT("\xF0\x9F\x98\x80"), true },
        { BYTES_LIT("\xF4\x8F\xBF\xBF"), true },
        { BYTES_LIT("\xC3"), false },
        { BYTES_LIT("\xC0\x80"), false },         /* overlong */
        { BYTES_LIT("\xE0\x80\x80"), false },     /* overlong */
        { BYTES_LIT("\xED\xA0\x80"), false },     /* surrogate */
        { BYTES_LIT("\xF4\x90\x80\x80"), false }, /* past U+10FFFF */
        { BYTES_LIT("\xF8\x88\x80\x80\x80"), false },
        { BYTES_LIT("\x80"), false },
        { BYTES_LIT("\xE2\x82"), false },
        { BYTES_LIT("\xE2\x28\xA1"), false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (text_is_utf8(cases[i].data) != cases[i].is_utf8)
            fail_msg("case %zu", i);
    assert_true(text_is_ascii(BYTES_LIT("plain")));
    assert_false(text_is_ascii(BYTES_LIT("\xC3\xA9")));
    assert_true(text_is_line(""));
    assert_true(text_is_line("caf\xC3\xA9 ~"));
    assert_false(text_is_line("two\nlines"));
    assert_false(text_is_line("\x7f"));
    assert_false(text_is_line("\xC3"));
}

static void a_cut_spares_whole_characters(void **state)
{
    struct bytes euros = BYTES_LIT("\xE2\x82\xAC\xE2\x82\xAC");
    static const size_t kept[] = { 0, 0, 0, 3, 3, 3, 6, 6 };
    for (size_t max = 0; max < 8; max++)
        assert_int_equal(text_cut(euros, max), kept[max]);
    assert_int_equal(text_cut(BYTES_LIT("\x80\x80\x80\x80\x80\x80\x80\x80"), 6), 6);
}

static void strangers_text_is_made_harmless(void **state)
{
    char out[64], narrow[6];
    text_sanitize(BYTES_LIT("a\r\nb\x1b[1m\x7f\xff\xC3\xA9\xC2\x9b"), out, sizeof out);
    assert_string_equal(out, "a\\x0d\\x0ab\\x1b[1m\\x7f?\xC3\xA9\\x9b");
    text_sanitize(BYTES_LIT("abc\n"), narrow, sizeof narrow);
    assert_string_equal(narrow, "abc");
    text_sanitize(BYTES_LIT("abcd\xC3\xA9"), narrow, sizeof narrow);
    assert_string_equal(narrow, "abcd");
}

enum { REFUSED = 77777 };

static void numbers_with_units_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t seconds, bytes;
    } cases[] = {
        { "15", 15, 15 },
        { "15s", 15, REFUSED },
        { "10m", 600, REFUSED },
        { "2h", 7200, REFUSED },
        { "5d", 432000, REFUSED },
        { "35M", REFUSED, 35u << 20 },
        { "1G", REFUSED, 1u << 30 },
        { "10K", REFUSED, 10240 },
        { "", REFUSED, REFUSED },
        { "h", REFUSED, REFUSED },
        { "1hh", REFUSED, REFUSED },
        { "-1", REFUSED, REFUSED },
        { "1 h", REFUSED, REFUSED },
        { "99999999999999999999", REFUSED, REFUSED },
        { "18446744073709551615d", REFUSED, REFUSED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t seconds = REFUSED, bytes = REFUSED;
        text_to_duration(cases[i].text, &seconds);
        text_to_size(cases[i].text, &bytes);
        if (seconds != cases[i].seconds || bytes != cases[i].bytes)
            fail_msg("\"%s\"", cases[i].text);
    }
    char text[32];
    text_from_duration(432000, text, sizeof text);
    assert_string_equal(text, "5d");
    text_from_duration(90, text, sizeof text);
    assert_string_equal(text, "90s");
    text_from_duration(0, text, sizeof text);
    assert_string_equal(text, "0s");

    uint64_t value = 1;
    assert_true(text_to_u64("18446744073709551615", UINT64_MAX, &value) && value == UINT64_MAX);
    assert_false(text_to_u64("18446744073709551616", UINT64_MAX, &value));
    assert_false(text_to_u64("101", 100, &value));
    assert_false(text_to_u64("+1", 100, &value));
    assert_false(text_to_u64(" 1", 100, &value));
    assert_false(text_to_u64("", 100, &value));
    assert_false(text_to_u64(NULL, 100, &value));
}

static void base64_is_written_and_read(void **state)
{
    /* RFC 4648 section 10. */
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char text[16];
        uint8_t data[16];
        size_t size;
        struct bytes plain = bytes_of(vectors[i][0]), encoded = bytes_of(vectors[i][1]);
        assert_int_equal(base64_size(plain.size), encoded.size);
        assert_true(base64_encode(plain, text, encoded.size + 1));
        assert_string_equal(text, vectors[i][1]);
        assert_false(base64_encode(plain, text, encoded.size));
        assert_true(base64_decode(encoded, data, plain.size, &size));
        assert_true(bytes_equal((struct bytes){ data, size }, plain));
        assert_true(plain.size == 0 || !base64_decode(encoded, data, plain.size - 1, &size));
        assert_true(base64url_encode(plain, text, sizeof text));
        assert_null(strchr(text, '='));
        assert_true(base64url_decode(bytes_of(text), data, sizeof data, &size));
        assert_int_equal(size, plain.size);
        assert_true(base64url_decode(encoded, data, sizeof data, &size));
    }
    char text[8];
    assert_true(base64url_encode(BYTES_LIT("\xfb\xff"), text, sizeof text));
    assert_string_equal(text, "-_8");
}

static void base64_refuses_what_is_not(void **state)
{
    static const char *const bad[] = { "Z",    "Zg",     "Zg=",      "Z===", "Zh==", "Zm9=",
                                       "Zm 9", "Zm9v\n", "Zg==Zg==", "Zm-v", "====" };
    uint8_t data[16];
    size_t size;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64_decode(bytes_of(bad[i]), data, sizeof data, &size))
            fail_msg("accepted \"%s\"", bad[i]);
    assert_false(base64url_decode(BYTES_LIT("Zm+v"), data, sizeof data, &size));
    assert_false(base64url_decode(BYTES_LIT("Zg="), data, sizeof data, &size));
}

/* In pieces of every size. */
static void base64_is_read_in_pieces(void **state)
{
    static const char text[] = "UG9z\r\ndGVy biBp\tcyBhIGdh\nd\nGU=\n";
    for (size_t step = 1; step < sizeof text; step++) {
        struct base64_reader r = { 0 };
        uint8_t out[64];
        size_t filled = 0, size;
        for (size_t at = 0; at < sizeof text - 1; at += step) {
            assert_true(base64_read(&r, bytes_slice(bytes_of(text), at, at + step), out + filled, &size));
            assert_true(size <= BASE64_READ_SIZE(step));
            filled += size;
        }
        assert_true(base64_read_end(&r));
        assert_int_equal(filled, 17);
        assert_memory_equal(out, "Postern is a gate", 17);
    }
}

static void base64_in_pieces_refuses_what_is_not(void **state)
{
    static const char *const bad[] = { "Z",        "Zg",   "Zg=",  "Z===",  "Zh==",  "Zm9=", "Zm9v-",
                                       "Zg==Zg==", "Zm-v", "====", "Zg==x", "Zm9v=", "=",    "Zg=A" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base64_reader r = { 0 };
        uint8_t out[64];
        size_t size;
        if (base64_read(&r, bytes_of(bad[i]), out, &size) && base64_read_end(&r))
            fail_msg("accepted \"%s\"", bad[i]);
    }
}

static void utf8_is_checked_in_pieces(void **state)
{
    static const struct {
        const char *text;
        bool is_utf8;
    } cases[] = {
        { "", true },
        { "plain", true },
        { "caf\xC3\xA9 \xE2\x82\xAC\xF0\x9F\x98\x80", true },
        { "\xC3", false },
        { "\xC3"
          "ABCD",
          false },
        { "a\x80", false },
        { "\xED\xA0\x80", false },
        { "\xE2\x82", false },
        { "\xE2\x28\xA1", false },
        { "\xF4\x90\x80\x80", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_utf8 whole = { 0 }, single = { 0 };
        struct bytes text = bytes_of(cases[i].text);
        bool is_good = true;
        for (size_t at = 0; at < text.size; at++)
            is_good = is_good && text_utf8_feed(&single, bytes_slice(text, at, at + 1));
        assert_int_equal(is_good && text_utf8_end(&single), cases[i].is_utf8);
        assert_int_equal(text_utf8_feed(&whole, text) && text_utf8_end(&whole), cases[i].is_utf8);
    }
}

static void text_is_no_markup(void **state)
{
    struct arena *a = arena_new();
    assert_string_equal(text_html(a, "<a href=\"x\">R&D ü</a>"), "&lt;a href=&quot;x&quot;&gt;R&amp;D ü&lt;/a&gt;");
    assert_string_equal(text_html(a, ""), "");
    arena_free(a);
}

static void hex_is_written_and_read(void **state)
{
    char text[8];
    uint8_t data[4];
    size_t size;
    assert_true(hex_encode(BYTES_LIT("\x00\xab\xff"), text, 7));
    assert_string_equal(text, "00abff");
    assert_false(hex_encode(BYTES_LIT("\x00\xab\xff"), text, 6));
    assert_true(hex_decode("00ABff", data, sizeof data, &size) && size == 3 && data[1] == 0xab);
    assert_false(hex_decode("0", data, sizeof data, &size));
    assert_false(hex_decode("0g", data, sizeof data, &size));
    assert_false(hex_decode("0011223344", data, sizeof data, &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_equal_or_not),        cmocka_unit_test(utf8_is_checked_strictly),
        cmocka_unit_test(a_cut_spares_whole_characters), cmocka_unit_test(strangers_text_is_made_harmless),
        cmocka_unit_test(numbers_with_units_are_read),   cmocka_unit_test(base64_is_written_and_read),
        cmocka_unit_test(base64_refuses_what_is_not),    cmocka_unit_test(hex_is_written_and_read),
        cmocka_unit_test(base64_is_read_in_pieces),      cmocka_unit_test(base64_in_pieces_refuses_what_is_not),
        cmocka_unit_test(utf8_is_checked_in_pieces),     cmocka_unit_test(text_is_no_markup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
