/* sandbox/imapd_parse and imapd_utf7: the words of IMAP commands, sets of numbers, dates, and folder names on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/imapd_parse.h"
#include "sandbox/mailboxes.h"

struct set_case {
    const char *text;
    uint32_t largest;
    const char *ranges; /* resolved; NULL: refused */
};

static const struct
    set_case
        sets
            [] = {
                { "1", 9, "1:1" },         { "1:3", 9, "1:3" },
                { "3:1", 9, "1:3" },       { "*", 9, "9:9" },
                { "2:*", 9, "2:9" },       { "*:2", 9, "2:9" },
                { "12:*", 9, "9:12" }, /* RFC 3501: the order does not matter, so 9 is always in it */
                { "1,2,3", 9, "1:3" },     { "5,1:2,4", 9, "1:2 4:5" },
                { "1:10,2:3", 9, "1:10" }, { "4294967295", 9, "9:9" },
                { "0", 9, NULL },          { "1:", 9, NULL },
                { "1,", 9, NULL },         { ":1", 9, NULL },
                { "", 9, NULL },           { "4294967296", 9, NULL },
                { "a", 9, NULL },
            };

static void test_sets(void **state)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct imapd_in in = { .rest = bytes_of(sets[i].text), .arena = arena };
        struct imapd_set set;
        char text[128] = "";
        bool is_good = imapd_take_set(&in, &set) && imapd_is_end(&in);
        if (is_good != (sets[i].ranges != NULL))
            fail_msg("%s", sets[i].text);
        if (!is_good)
            continue;
        imapd_set_resolve(&set, sets[i].largest);
        for (size_t r = 0; r < set.count; r++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u:%u", r > 0 ? " " : "", set.ranges[r].from,
                     set.ranges[r].to);
        assert_string_equal(text, sets[i].ranges);
        for (uint32_t n = 1; n < 20; n++) {
            bool is_in = false;
            for (size_t r = 0; r < set.count; r++)
                is_in |= n >= set.ranges[r].from && n <= set.ranges[r].to;
            assert_int_equal(imapd_set_has(&set, n), is_in);
        }
    }
    arena_free(arena);
}

struct string_case {
    const char *text, *value, *rest; /* value NULL: refused */
};

static const struct string_case strings[] = {
    { "INBOX x", "INBOX", " x" },
    { "a]b", "a]b", "" },
    { "\"Sent Items\" x", "Sent Items", " x" },
    { "\"a\\\"b\\\\c\"", "a\"b\\c", "" },
    { "\"\"", "", "" },
    { "{5}\r\na \"{\r x", "a \"{\r", " x" },
    { "{0+}\r\n x", "", " x" },
    { "\"a\\nb\"", NULL, "" },
    { "\"no end", NULL, "" },
    { "\"a\r\nb\"", NULL, "" },
    { "{9}\r\nshort", NULL, "" },
    { "{x}\r\n", NULL, "" },
    { "(a)", NULL, "" },
    { "%", NULL, "" },
    { "", NULL, "" },
};

static void test_strings(void **state)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct imapd_in in = { .rest = bytes_of(strings[i].text), .arena = arena };
        struct bytes value;
        bool is_good = imapd_take_astring(&in, &value);
        if (is_good != (strings[i].value != NULL))
            fail_msg("%s", strings[i].text);
        if (is_good &&
            (!bytes_equal(value, bytes_of(strings[i].value)) || !bytes_equal(in.rest, bytes_of(strings[i].rest))))
            fail_msg("%s", strings[i].text);
    }
    arena_free(arena);
}

struct literal_case {
    const char *line;
    bool is_literal, is_sync;
    uint64_t size;
};

static const struct literal_case literals[] = {
    { "A LOGIN {5}", true, true, 5 },
    { "A LOGIN {5+}", true, false, 5 },
    { "A APPEND x {4294967296}", true, true, 4294967296 },
    { "A X {99999999999999999999999}", true, true, UINT64_MAX },
    { "A X {}", false, false, 0 },
    { "A X {+}", false, false, 0 },
    { "A X {5} ", false, false, 0 },
    { "A X 5}", false, false, 0 },
    { "}", false, false, 0 },
};

static void test_literals(void **state)
{
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        struct imapd_literal l;
        if (imapd_literal_at_end(bytes_of(literals[i].line), &l) != literals[i].is_literal)
            fail_msg("%s", literals[i].line);
        if (!literals[i].is_literal)
            continue;
        assert_int_equal(l.size, literals[i].size);
        assert_int_equal(l.is_sync, literals[i].is_sync);
        assert_int_equal(literals[i].line[l.at], '{');
    }
}

struct date_case {
    const char *text;
    int64_t wall_s; /* -1: refused */
};

static const struct date_case dates[] = {
    { "\"01-Feb-2026 10:00:00 +0000\"", 1769940000 },
    { "\" 1-Feb-2026 10:00:00 +0100\"", 1769936400 },
    { "\"01-feb-2026 10:00:00 -0530\"", 1769959800 },
    { "\"32-Feb-2026 10:00:00 +0000\"", -1 },
    { "\"01-Foo-2026 10:00:00 +0000\"", -1 },
    { "\"01-Feb-2026 25:00:00 +0000\"", -1 },
    { "\"01-Feb-2026 10:00:00\"", -1 },
    { "01-Feb-2026 10:00:00 +0000", -1 },
};

static void test_dates(void **state)
{
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        struct imapd_in in = { .rest = bytes_of(dates[i].text) };
        int64_t wall_ms = 0;
        bool is_good = imapd_take_date_time(&in, &wall_ms);
        if (is_good != (dates[i].wall_s >= 0) || (is_good && wall_ms != dates[i].wall_s * 1000))
            fail_msg("%s", dates[i].text);
    }
    char text[32];
    imapd_date_time_text(1769940000000, text);
    assert_string_equal(text, "01-Feb-2026 10:00:00 +0000");
    int64_t day;
    struct imapd_in in = { .rest = BYTES_LIT("1-Jan-1970") };
    assert_true(imapd_take_date(&in, &day) && day == 0);
}

static void test_flags(void **state)
{
    unsigned flags = 0;
    bool lost = false;
    struct imapd_in in = { .rest = BYTES_LIT("(\\seen $MDNSent Label) x") };
    assert_true(imapd_take_flags(&in, &flags, &lost));
    assert_int_equal(flags, MAIL_SEEN | MAIL_MDN_SENT);
    assert_true(lost);
    in.rest = BYTES_LIT("()");
    assert_true(imapd_take_flags(&in, &flags, &lost) && imapd_is_end(&in));
    in.rest = BYTES_LIT("(\\Seen");
    assert_false(imapd_take_flags(&in, &flags, &lost));
}

struct name_case {
    const char *utf8, *wire;
};

static const struct name_case names[] = {
    { "INBOX", "INBOX" },
    { "Entw\xc3\xbcrfe", "Entw&APw-rfe" },
    { "A&B", "A&-B" },
    { "\xe5\x8f\xb0\xe5\x8c\x97", "&U,BTFw-" },
    { "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
    { "x\xf0\x9f\x93\xa7y", "x&2D3c5w-y" },
    { "\xc3\xa4 \xc3\xb6", "&AOQ- &APY-" },
    { "", "" },
};

static const char *const bad_wires[] = {
    "&", "a&APw", "&AP\x01-", "\xc3\xbc", "&2D0-", "&3Oc-", "a\x7f", "&APx-", "&A-"
};

static void test_names(void **state)
{
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        buf_clear(&out);
        assert_true(imapd_utf7_encode(bytes_of(names[i].utf8), &out));
        assert_true(bytes_equal(buf_bytes(&out), bytes_of(names[i].wire)));
        buf_clear(&out);
        assert_true(imapd_utf7_decode(bytes_of(names[i].wire), &out));
        assert_true(bytes_equal(buf_bytes(&out), bytes_of(names[i].utf8)));
    }
    for (size_t i = 0; i < sizeof bad_wires / sizeof *bad_wires; i++) {
        buf_clear(&out);
        if (imapd_utf7_decode(bytes_of(bad_wires[i]), &out))
            fail_msg("%s", bad_wires[i]);
    }
    assert_false(imapd_utf7_encode(BYTES_LIT("\xff"), &out));
    buf_fini(&out);
    buf_init(&out, 4);
    assert_false(imapd_utf7_decode(BYTES_LIT("abcdef"), &out));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),  cmocka_unit_test(test_strings), cmocka_unit_test(test_literals),
        cmocka_unit_test(test_dates), cmocka_unit_test(test_flags),   cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
