#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "octets.h"
#include "proto/mime/header.h"

static const struct mime_header *scan(struct arena *arena, struct bytes in, size_t step)
{
    struct mime_scan *s = mime_scan_new(arena);
    for (size_t at = 0; at < in.size; at += step ? step : in.size)
        if (!mime_scan_feed(s, bytes_slice(in, at, step ? at + step : in.size)))
            break;
    return mime_scan_end(s);
}

/* All of a header in one line, so that a case is a string. */
static void describe(const struct mime_header *h, char *out, size_t size)
{
    int used = snprintf(out, size, "from=");
    for (size_t i = 0; i < h->from.count; i++)
        used += snprintf(out + used, size - (size_t)used, "%s,", h->from.items[i].address);
    snprintf(out + used, size - (size_t)used,
             "/%u%s sender=%s/%u id=%s subject=%s auto=%s date=%d 8bit=%d received=%u size=%d%s%s", h->from_fields,
             h->is_from_readable ? "" : "?", h->sender, h->sender_fields, h->message_id, h->subject, h->auto_submitted,
             h->has_date, h->is_8bit, h->received, (int)h->size, h->is_stray ? " stray" : "",
             h->is_over ? " over" : "");
}

static const struct {
    struct bytes in;
    const char *seen;
} cases[] = {
    { OCTETS("From: Joe <joe@x>\r\nSubject: a\r\n b\r\nMessage-ID: <1@x>\r\nDate: now\r\nReceived: a\r\nReceived: "
             "b\r\n\r\nSubject: body\r\n"),
      "from=joe@x,/1 sender=/0 id=<1@x> subject=a b auto= date=1 8bit=0 received=2 size=91" },
    { OCTETS("fRoM:joe@x\nSENDER : ann@y\nauto-submitted:\tauto-replied\n\n"),
      "from=joe@x,/1 sender=ann@y/1 id= subject= auto=auto-replied date=0 8bit=0 received=0 size=55" },
    { OCTETS("From: a@x\r\nFrom: b@x, c@x\r\n\r\n"),
      "from=a@x,b@x,c@x,/2 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=27" },
    { OCTETS("From: a@x\r\nFrom: oh dear\r\n\r\n"),
      "from=a@x,/2? sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=26" },
    { OCTETS("From:\r\n a@x\r\n\t(c)\r\n\r\n"),
      "from=a@x,/1 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=19" },
    { OCTETS("\r\nFrom: a@x\r\n"), "from=/0 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=0" },
    { OCTETS("Hello\r\nFrom: a@x\r\n"),
      "from=a@x,/1 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=0 stray" },
    { OCTETS(" Hello: you\r\n"), "from=/0 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=0 stray" },
    { OCTETS("Subject: s\r\nno field\r\nFrom: a@x\r\n"),
      "from=a@x,/1 sender=/0 id= subject=s auto= date=0 8bit=0 received=0 size=12 stray" },
    { OCTETS("From joe@x Mon Jan 1 00:00:00 2026\r\nFrom: a@x\r\n\r\n"),
      "from=a@x,/1 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=47" },
    { OCTETS("From: a@x\r\nodd\r\n more\r\nSubject: s\r\nFrom: b@x\r\n\r\nFrom: c@x\r\n"),
      "from=a@x,b@x,/2 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=11 stray" },
    { OCTETS("Subject: s\r\nFrom joe@x Mon\r\n"),
      "from=/0 sender=/0 id= subject=s auto= date=0 8bit=0 received=0 size=12 stray" },
    { OCTETS("From: a@x"), "from=a@x,/1 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=9" },
    { OCTETS("From: a@x\r\nSub"), "from=a@x,/1 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=11 stray" },
    { OCTETS("Subject: j\xc3\xb6\x01\r\n\r\n"),
      "from=/0 sender=/0 id= subject=j\xc3\xb6? auto= date=0 8bit=1 received=0 size=15" },
    { OCTETS("Sender: a@x, b@x\r\nSender: c@x\r\n\r\n"),
      "from=/0 sender=/2 id= subject= auto= date=0 8bit=0 received=0 size=31" },
    { OCTETS(": odd\r\nFrom: a@x\r\n"),
      "from=a@x,/1 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=0 stray" },
    { OCTETS("\rFrom: a@x\r\n"), "from=/0 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=0 stray" },
    { OCTETS(""), "from=/0 sender=/0 id= subject= auto= date=0 8bit=0 received=0 size=0" },
};

static void test_headers_in_pieces_of_every_size(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 0; step <= cases[i].in.size; step++) {
            struct arena *arena = arena_new();
            char seen[1024];
            describe(scan(arena, cases[i].in, step), seen, sizeof seen);
            assert_string_equal(seen, cases[i].seen);
            arena_free(arena);
        }
    }
}

static void test_loops_are_counted(void **state)
{
    struct buf text;
    struct arena *arena = arena_new();
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 60; i++)
        buf_add_str(&text, "Received: from a by b\r\n");
    assert_true(scan(arena, buf_bytes(&text), 7)->received > MIME_RECEIVED_LIMIT);
    buf_fini(&text);
    arena_free(arena);
}

static void test_ceilings(void **state)
{
    struct buf text;
    struct arena *arena = arena_new();
    buf_init(&text, 1 << 20);
    buf_add_str(&text, "From: ");
    while (text.size < MIME_FIELD_LIMIT + 100)
        buf_add_str(&text, "n ");
    buf_add_str(&text, "<a@x>\r\nSubject: after\r\n");
    const struct mime_header *h = scan(arena, buf_bytes(&text), 100);
    assert_false(h->is_from_readable || h->is_over);
    assert_string_equal(h->subject, "after");
    while (text.size < MIME_HEADER_LIMIT + 1)
        buf_add_str(&text, "X-Filler: abcdefgh\r\n");
    h = scan(arena, buf_bytes(&text), 1000);
    assert_true(h->is_over);
    assert_true(arena_size(arena) < 4 * MIME_FIELD_LIMIT * 4);
    buf_fini(&text);
    arena_free(arena);
}

static void test_long_subjects_are_cut_at_a_character(void **state)
{
    struct buf text;
    struct arena *arena = arena_new();
    buf_init(&text, 1 << 20);
    buf_add_str(&text, "Subject: ");
    for (int i = 0; i < 1000; i++)
        buf_add_str(&text, "\xe2\x82\xac");
    const struct mime_header *h = scan(arena, buf_bytes(&text), 0);
    assert_int_equal(strlen(h->subject), MIME_TEXT_LIMIT / 3 * 3);
    buf_fini(&text);
    arena_free(arena);
}

static void test_subjects_are_decoded_and_cut(void **state)
{
    static const struct {
        const char *in, *out;
    } subjects[] = {
        { "Subject: Order 17\r\n\r\n", "Order 17" },
        { "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an\r\n =?iso-8859-1?q?_=E9?=\r\n\r\n",
          "Gr\xc3\xbc\xc3\x9f\x65 an  \xc3\xa9" },
        { "Subject: caf\xc3\xa9\r\n\r\n", "caf\xc3\xa9" },
        { "Subject: =?utf-8?q?a=0D=0ABcc:_x?=\r\n\r\n", "a??Bcc: x" },
        { "To: a@b\r\n\r\n", "" },
    };
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct arena *arena = arena_new();
        assert_string_equal(mime_subject(scan(arena, bytes_of(subjects[i].in), 0), arena), subjects[i].out);
        arena_free(arena);
    }
    struct arena *arena = arena_new();
    struct mime_header h = { .subject = arena_printf(arena, "%0300d", 0) };
    assert_int_equal(strlen(mime_subject(&h, arena)), MIME_SUBJECT_CHARACTERS);
    char umlauts[601];
    for (size_t i = 0; i < 300; i++)
        memcpy(umlauts + 2 * i, "\xc3\xbc", 3);
    h.subject = umlauts;
    assert_int_equal(strlen(mime_subject(&h, arena)), 2 * MIME_SUBJECT_CHARACTERS);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_in_pieces_of_every_size),
        cmocka_unit_test(test_loops_are_counted),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_subjects_are_decoded_and_cut),
        cmocka_unit_test(test_long_subjects_are_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
