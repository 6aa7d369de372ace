/* sandbox/imapd_mime, imapd_structure, imapd_items and imapd_text: a message as FETCH and SEARCH see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/imapd_items.h"
#include "sandbox/imapd_mime.h"
#include "sandbox/imapd_text.h"

static const char mixed[] = "From: A <a@x.example>\r\n"
                            "Subject: outer\r\n"
                            "Content-Type: multipart/mixed; boundary=\"b 1\"\r\n"
                            "\r\n"
                            "preamble\r\n"
                            "--b 1\r\n"
                            "\r\n"
                            "plain\r\n"
                            "text\r\n"
                            "--b 1\r\n"
                            "Content-Type: message/rfc822\r\n"
                            "\r\n"
                            "Subject: inner\r\n"
                            "Content-Type: multipart/alternative; boundary=in\r\n"
                            "\r\n"
                            "--in\r\n"
                            "Content-Type: text/html (a comment); charset=\"utf-8\"\r\n"
                            "Content-Transfer-Encoding: base64\r\n"
                            "Content-ID: <c@1>\r\n"
                            "Content-Disposition: attachment; filename=\"x y.html\"\r\n"
                            "\r\n"
                            "aGVsbG8=\r\n"
                            "--in--\r\n"
                            "--b 1--\r\n"
                            "epilogue\r\n";

struct section_case {
    const char *want, *octets; /* NULL: NIL */
};

static const struct section_case sections[] = {
    { "BODY[1]", "plain\r\ntext" },
    { "BODY[1.MIME]", "\r\n" },
    { "BODY[2.HEADER]", "Subject: inner\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n" },
    { "BODY[2.HEADER.FIELDS (SUBJECT)]", "Subject: inner\r\n\r\n" },
    { "BODY[2.HEADER.FIELDS.NOT (SUBJECT)]", "Content-Type: multipart/alternative; boundary=in\r\n\r\n" },
    { "BODY[2.1]", "aGVsbG8=" },
    { "BODY[2.1]<2.3>", "Vsb" },
    { "BODY[2.1]<7.30>", "=" },
    { "BODY[2.1]<70.30>", "" },
    { "BODY[HEADER.FIELDS (from x-none)]", "From: A <a@x.example>\r\n\r\n" },
    { "BODY[3]", NULL },
    { "BODY[1.1]", NULL },
    { "BODY[1.HEADER]", NULL },
    { "BODY[0]", NULL },
    { "RFC822.HEADER",
      "From: A <a@x.example>\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=\"b 1\"\r\n\r\n" },
};

static struct imapd_want *wants_of(struct arena *arena, const char *text)
{
    struct imapd_in in = { .rest = bytes_of(text), .arena = arena };
    return imapd_take_wants(&in);
}

static void test_sections(void **state)
{
    struct arena *arena = arena_new();
    const struct imapd_part *root = imapd_mime_parse(arena, BYTES_LIT(mixed));
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        struct imapd_want *w = wants_of(arena, sections[i].want);
        struct bytes octets;
        assert_non_null(w);
        bool is_there = imapd_section_bytes(w, root, BYTES_LIT(mixed), arena, &octets);
        if (is_there != (sections[i].octets != NULL) ||
            (is_there && !bytes_equal(octets, bytes_of(sections[i].octets))))
            fail_msg("%s: %.*s", sections[i].want, is_there ? (int)octets.size : 3,
                     is_there ? (const char *)octets.data : "NIL");
    }
    arena_free(arena);
}

static const char *const bad_wants[] = {
    "",
    "FOO",
    "(FLAGS",
    "FLAGS UID",
    "(ALL)",
    "BODY[",
    "BODY[1",
    "BODY[1.]",
    "BODY[HEADER.X]",
    "BODY[MIME]",
    "BODY.PEEK",
    "BODY[]<1>",
    "BODY[]<1.0>",
    "BODY[HEADER.FIELDS]",
    "BODY[HEADER.FIELDS ()]",
    "(FLAGS  UID)",
    "BODY[1TEXT]",
    "BODY[]<a.b>",
};

static void test_wants(void **state)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof bad_wants / sizeof *bad_wants; i++) {
        if (wants_of(arena, bad_wants[i]) != NULL)
            fail_msg("%s", bad_wants[i]);
    }
    struct imapd_want *w = wants_of(arena, "(BODY.PEEK[1.2.HEADER.FIELDS (A \"B C\")]<5.6> rfc822)");
    assert_true(w->peeks && w->numbers_count == 2 && w->fields_count == 2 && w->from == 5 && w->size == 6);
    assert_true(bytes_equal(w->label, BYTES_LIT("BODY[1.2.HEADER.FIELDS (A \"B C\")]<5>")));
    assert_false(w->next->peeks);
    w = wants_of(arena, "fast");
    assert_int_equal(w->kind, ITEM_FLAGS);
    assert_null(w->next->next->next);
    arena_free(arena);
}

static const char structure[] = "((\"TEXT\" \"PLAIN\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 11 2 NIL NIL NIL NIL)"
                                "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 254 "
                                "(NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) "
                                "((\"text\" \"html\" (\"charset\" \"utf-8\") \"<c@1>\" NIL \"base64\" 8 1 NIL "
                                "(\"attachment\" (\"filename\" \"x y.html\")) NIL "
                                "NIL) \"alternative\" (\"boundary\" \"in\") NIL NIL NIL) 11 NIL NIL NIL NIL)"
                                " \"mixed\" (\"boundary\" \"b 1\") NIL NIL NIL)";

static void test_structure(void **state)
{
    struct arena *arena = arena_new();
    struct buf out;
    buf_init(&out, 10000);
    imapd_add_structure(&out, imapd_mime_parse(arena, BYTES_LIT(mixed)), true);
    assert_string_equal(buf_str(&out), structure);
    buf_fini(&out);
    arena_free(arena);
}

struct envelope_case {
    const char *from, *list;
};

static const struct envelope_case addresses[] = {
    { "a@b.c", "((NIL NIL \"a\" \"b.c\"))" },
    { "A B <a@b.c>", "((\"A B\" NIL \"a\" \"b.c\"))" },
    { "\"B, A\" <a@b.c>, d@e", "((\"B, A\" NIL \"a\" \"b.c\")(NIL NIL \"d\" \"e\"))" },
    { "a@b.c (Ann (x))", "((\"Ann (x)\" NIL \"a\" \"b.c\"))" },
    { "team: a@b, c@d;", "((NIL NIL \"team\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL))" },
    { "none:;", "((NIL NIL \"none\" NIL)(NIL NIL NIL NIL))" },
    { "<@r1,@r2:a@b>", "((NIL \"@r1,@r2\" \"a\" \"b\"))" },
    { "\"a b\"@c", "((NIL NIL \"a b\" \"c\"))" },
    { "local", "((NIL NIL \"local\" \"\"))" },
    { "=?utf-8?q?=C3=84?= <a@b>", "((\"=?utf-8?q?=C3=84?=\" NIL \"a\" \"b\"))" },
    { "", "NIL" },
    { ",,", "NIL" },
    { "<>", "((NIL NIL \"\" \"\"))" },
};

static void test_addresses(void **state)
{
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char header[300], expected[600];
        struct buf out;
        buf_init(&out, 10000);
        snprintf(header, sizeof header, "Cc: %s\r\nSubject: =?x?= \"q\"\r\n\r\n", addresses[i].from);
        snprintf(expected, sizeof expected, "(NIL \"=?x?= \\\"q\\\"\" NIL NIL NIL NIL %s NIL NIL NIL)",
                 addresses[i].list);
        imapd_add_envelope(&out, bytes_of(header));
        assert_string_equal(buf_str(&out), expected);
        buf_fini(&out);
    }
}

static void test_hostile_structure(void **state)
{
    struct arena *arena = arena_new();
    struct buf message, out;
    buf_init(&message, 4000000);
    buf_init(&out, 64 * 1024 * 1024);
    for (unsigned i = 0; i < 2000; i++) /* deeper than anybody looks */
        buf_addf(&message, "Content-Type: multipart/x; boundary=%u\r\n\r\n--%u\r\n", i, i);
    const struct imapd_part *root = imapd_mime_parse(arena, buf_bytes(&message));
    imapd_add_structure(&out, root, true);
    buf_clear(&message);
    buf_add_str(&message, "From: ");
    for (unsigned i = 0; i < 30000; i++)
        buf_add_str(&message, "a:(");
    imapd_add_envelope(&out, buf_bytes(&message));
    buf_clear(&message);
    buf_add_str(&message, "Content-Type: multipart/x; boundary=b\r\n\r\n");
    for (unsigned i = 0; i < 100000; i++)
        buf_add_str(&message, "--b\r\n\r\n");
    imapd_add_structure(&out, imapd_mime_parse(arena, buf_bytes(&message)), true);
    buf_fini(&message);
    buf_fini(&out);
    arena_free(arena);
}

struct word_case {
    const char *value, *clear;
};

static const struct word_case words[] = {
    { "=?utf-8?q?H=C3=A9l_lo?=", "H\xc3\xa9l lo" },
    { "=?UTF-8?B?w6k=?= =?iso-8859-1?Q?=E9?= x", "\xc3\xa9\xc3\xa9 x" },
    { "a =?utf-8?q?b?= c", "a b c" },
    { "=?utf-8?x?b?=", "=?utf-8?x?b?=" },
    { "=?utf-8?q?no end", "=?utf-8?q?no end" },
    { "one\r\n two", "one two" },
};

static void test_words(void **state)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_true(bytes_equal(imapd_words(arena, bytes_of(words[i].value)), bytes_of(words[i].clear)));
    assert_true(bytes_equal(imapd_fold(arena, BYTES_LIT("ABC\xc3\x84\xce\x91\xd0\x90")),
                            BYTES_LIT("abc\xc3\xa4\xce\xb1\xd0\xb0")));
    int64_t day;
    assert_true(imapd_header_day(BYTES_LIT("Thu, 1 Jan 1970 00:00:00 +0000"), &day) && day == 0);
    assert_true(imapd_header_day(BYTES_LIT("02 Jan 70 00:00 GMT"), &day) && day == 1);
    assert_false(imapd_header_day(BYTES_LIT("yesterday"), &day));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),  cmocka_unit_test(test_wants), cmocka_unit_test(test_structure),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_words), cmocka_unit_test(test_hostile_structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
