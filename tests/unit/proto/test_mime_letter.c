#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "octets.h"
#include "proto/mime/letter.h"

static void put_list(struct buf *out, const char *name, const struct letter_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        buf_addf(out, "%s=%s|%s ", name, list->items[i].name, list->items[i].address);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
    if (*text)
        buf_addf(out, "%s=%s ", name, text);
}

/* What a letter says in one line, so that a case is a string. */
static void describe(const struct letter *l, struct buf *out)
{
    put_list(out, "from", &l->from);
    put_list(out, "to", &l->to);
    put_text(out, "subject", l->subject);
    put_text(out, "id", l->message_id);
    put_text(out, "re", l->in_reply_to);
    for (size_t i = 0; i < l->references_count; i++)
        put_text(out, "ref", l->references[i]);
    put_text(out, "date", l->date);
    put_text(out, "text", l->text);
    put_text(out, "html", l->html);
    for (size_t i = 0; i < l->parts_count; i++)
        buf_addf(out, "part=%s|%s|%s|%s|%llu ", l->parts[i].type, l->parts[i].name, l->parts[i].content_id,
                 l->parts[i].disposition, (unsigned long long)l->parts[i].size);
    for (size_t i = 0; i < l->reports_count; i++)
        buf_addf(out, "report=%s|%s|%s|%s|%s ", l->reports[i].recipient, l->reports[i].action, l->reports[i].status,
                 l->reports[i].diagnostic, l->reports[i].remote);
    put_text(out, "reported", l->reported_id);
    buf_addf(out, "%s%s%s", l->is_reply ? "reply " : "", l->is_bounce ? "bounce " : "",
             l->is_automatic ? "automatic " : "");
    put_text(out, "trouble", l->trouble);
}

static const struct {
    struct bytes in;
    const char *seen;
} cases[] = {
    /* Headers. */
    { OCTETS("From: =?utf-8?Q?J=C3=B6rg?= <joe@x>\r\nTo: \"Doe, Ann\" <ann@y>, bob@z (Bob)\r\nSubject: "
             "=?iso-8859-1?B?SvZyZw==?=\r\n =?utf-8?Q?_=E2=82=AC?=\r\nMessage-ID: <1@x>\r\nDate: Sat, 28 Nov 2026 "
             "22:00:00 +0100\r\n\r\nHello\r\nyou\r\n"),
      "from=J\xc3\xb6rg|joe@x to=Doe, Ann|ann@y to=Bob|bob@z subject=J\xc3\xb6rg \xe2\x82\xac id=<1@x> "
      "date=2026-11-28T21:00:00Z text=Hello\nyou\n " },
    { OCTETS("In-Reply-To: <1@x>\nReferences: <0@x>\n <1@x>\nSubject: Re: it\n\nyes\n"),
      "subject=Re: it re=<1@x> ref=<0@x> ref=<1@x> text=yes\n reply " },
    { OCTETS("In-Reply-To: Your message of Friday\r\nSubject: Re: x\r\n\r\n"), "subject=Re: x " },
    { OCTETS("Subject: RE: x\r\nThread-Index: AdQ=\r\n\r\n"), "subject=RE: x reply " },
    { OCTETS("Subject: j\xf6rg\r\n\r\nj\xf6rg \x80"), "subject=j\xc3\xb6rg text=j\xc3\xb6rg \xe2\x82\xac " },
    { OCTETS("Subject: a\0b\x01\xc2\x85g\r\nFrom: a@x\r\n\r\na\0b\x07\x1b[0m\rc\r\n"),
      "from=|a@x subject=a?b??g text=ab[0m\nc\n " },
    { OCTETS("From: Joe Doe, Ltd. <joe@x>, \"unended <a@b>\r\nTo: Friends: a@x, b@y;, undisclosed:;\r\n\r\n"),
      "from=Joe Doe| from=Ltd.|joe@x from=\"unended|a@b to=|a@x to=|b@y " },
    { OCTETS(""), "" },
    { OCTETS("\r\n"), "" },
    { OCTETS("no header at all\r\n"), "text=no header at all\n " },
    { OCTETS("From joe@x Sat Nov 28\r\nSubject: mbox\r\n\r\nx"), "subject=mbox text=x " },
    { OCTETS("Message-ID: 1@x\r\nDate: garbage\r\n\r\n"), "id=<1@x> " },
    { OCTETS("Subject: =?nowhere?Q?a=FF?= =?utf-8?Q?broken\r\n\r\n"), NULL },
    /* Machines. */
    { OCTETS("Auto-Submitted: no\r\n\r\n"), "" },
    { OCTETS("Auto-Submitted: auto-replied (away)\r\nIn-Reply-To: <1@x>\r\n\r\n"), "re=<1@x> reply automatic " },
    { OCTETS("Precedence: Bulk\r\n\r\n"), "automatic " },
    { OCTETS("X-Auto-Response-Suppress: All\r\n\r\n"), "automatic " },
    { OCTETS("Return-Path: <>\r\n\r\n"), "automatic " },
    { OCTETS("Return-Path: <joe@x>\r\n\r\n"), "" },
    /* Bodies. */
    { OCTETS("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\nj=C3=B6=\r\nrg=FF=0D=0A"),
      "text=j\xc3\xb6rg\xef\xbf\xbd\n " },
    { OCTETS(
          "Content-Type: text/html; charset=nowhere-at-all\r\nContent-Transfer-Encoding: BASE64\r\n\r\nPGI+eDwvYj4="),
      "html=<b>x</b> " },
    { OCTETS("Content-Type: text/plain; charset=\"utf-16le\"\r\nContent-Transfer-Encoding: "
             "base64\r\n\r\naABpAA=="),
      "text=hi " },
    { OCTETS("Content-Type: text/plain; name=a.txt\r\n\r\nattached"), "part=text/plain|a.txt|||8 " },
    { OCTETS("Content-Type: application/pdf\r\nContent-Disposition: attachment; "
             "filename*0*=utf-8''%E2%82%AC; filename*1=\".pdf\"\r\n\r\nPDF"),
      "part=application/pdf|\xe2\x82\xac.pdf||attachment|3 " },
    { OCTETS("Content-Type: application/x; name=\"=?utf-8?Q?=C3=B6?=.x\"\r\n\r\nPDF"),
      "part=application/x|\xc3\xb6.x|||3 " },
    { OCTETS("Content-Disposition: attachment; filename=\"../../etc\\\\passwd\"\r\n\r\nx"),
      "part=text/plain|passwd||attachment|1 " },
    { OCTETS("Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\nthe text\r\n--b\r\n"
             "Content-Type: text/plain; name=n.txt\r\n\r\nnote\r\n--b\r\nContent-Type: "
             "text/html\r\n\r\n<p>\r\n--b--\r\nepi"),
      "text=the text part=text/plain|n.txt|||4 part=text/html||||3 " },
    { OCTETS("Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=ma\n\n"
             "--ma\n\nplain\n--ma\nContent-Type: multipart/related; boundary=\"r r\"\n\n--r r\nContent-Type: "
             "text/html\n\n<img>\n--r r\nContent-Type: image/png\nContent-ID: <i@x>\nContent-Disposition: "
             "inline\nContent-Transfer-Encoding: base64\n\nAAEC\n--r r--\n--ma--\n--m\nContent-Type: "
             "application/zip\n\nz\n--m--\n"),
      "text=plain html=<img> part=image/png||<i@x>|inline|3 part=application/zip||||1 " },
    { OCTETS("Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"),
      "text=--b\n\nx\n--b--\n trouble=a multipart without its boundary: taken for plain text " },
    { OCTETS("Content-Type: multipart/mixed; boundary=z\r\n\r\nno such line"),
      "text=no such line trouble=a multipart without its boundary: taken for plain text " },
    { OCTETS("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--bb\r\ntwo\r\n--b"),
      "text=one\n--bb\ntwo trouble=a multipart does not end " },
    { OCTETS("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
             "boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--b\r\nContent-Type: image/gif\r\n\r\nGIF\r\n--b--\r\n"),
      "text=inner part=image/gif||||3 trouble=a multipart does not end " },
    { OCTETS("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: one\r\n\r\nx\r\n--b--\r\n"),
      "part=message/rfc822||||17 " },
    { OCTETS("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b--\r\n"), "" },
    /* Reports. */
    { OCTETS(
          "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\nIn-Reply-To: "
          "<other@x>\r\n\r\n--b\r\n\r\nSorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: "
          "dns;a.example\r\n\r\nFinal-Recipient: rfc822; joe@x\r\nAction: Failed\r\nStatus: 5.1.1 "
          "(unknown)\r\nRemote-MTA: dns;mx.x\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n no such "
          "user\r\n\r\nOriginal-Recipient: rfc822;<ann@y>\r\nFinal-Recipient: rfc822;ann@z\r\nAction: "
          "delayed\r\nStatus: 4.4.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: a\r\nMessage-ID: "
          "<1@ours>\r\n--b--\r\n"),
      "re=<other@x> text=Sorry part=message/delivery-status||||277 part=text/rfc822-headers||||32 "
      "report=joe@x|Failed|5.1.1|550 5.1.1 no such user|mx.x report=ann@y|delayed|4.4.1|| reported=<1@ours> bounce "
      "automatic " },
    /* Exchange Online: an alternative inside, the whole message returned, and its id as In-Reply-To. */
    { OCTETS("From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example>\r\nSubject: "
             "Undeliverable: hi\r\nIn-Reply-To: <2@ours>\r\nX-MS-Exchange-Message-Is-Ndr:\r\nAuto-Submitted: "
             "auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"o\"\r\n\r\n"
             "--o\r\nContent-Type: multipart/alternative; differences=Content-Type;\r\n\tboundary=\"i\"\r\n\r\n--i\r\n"
             "Content-Type: text/plain; charset=\"us-ascii\"\r\n\r\nYour message couldn't be delivered.\r\n--i\r\n"
             "Content-Type: text/html; charset=\"us-ascii\"\r\n\r\n<html>\r\n--i--\r\n\r\n--o\r\nContent-Type: "
             "message/delivery-status\r\n\r\nReporting-MTA: dns;X.PROD.OUTLOOK.COM\r\nReceived-From-MTA: "
             "dns;Y.PROD.OUTLOOK.COM\r\nArrival-Date: Sat, 28 Nov 2026 20:00:00 +0000\r\n\r\nOriginal-Recipient: "
             "rfc822;no@corp.example\r\nFinal-Recipient: rfc822;no@corp.example\r\nAction: failed\r\nStatus: "
             "5.1.10\r\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not "
             "found\r\n\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <2@ours>\r\n\r\nhi\r\n--o--\r\n"),
      "from=Microsoft Outlook|MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@corp.example subject=Undeliverable: hi "
      "re=<2@ours> text=Your message couldn't be delivered. html=<html> part=message/delivery-status||||336 "
      "part=message/rfc822||||26 report=no@corp.example|failed|5.1.10|550 5.1.10 RESOLVER.ADR.RecipientNotFound; "
      "Recipient not found| reported=<2@ours> bounce automatic " },
    { OCTETS("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\nIn-Reply-To: "
             "<3@ours>\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\n\r\nodd line\r\nFinal-Recipient: "
             "rfc822;joe@x\r\nAction: failed\r\n--b--\r\n"),
      "re=<3@ours> part=message/delivery-status||||59 report=joe@x|failed||| reported=<3@ours> bounce automatic " },
    { OCTETS("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: "
             "message/delivery-status\r\n\r\nReporting-MTA: dns;a\r\n\r\nFinal-Recipient: rfc822;joe@x\r\nAction: "
             "relayed\r\nStatus: 2.0.0\r\n--b--\r\n"),
      "part=message/delivery-status||||85 report=joe@x|relayed|2.0.0|| automatic " },
};

static void test_letters(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct buf seen;
        buf_init(&seen, 1 << 20);
        describe(letter_parse(cases[i].in, true, arena), &seen);
        assert_true(text_is_utf8(buf_bytes(&seen)));
        if (cases[i].seen)
            assert_string_equal(buf_str(&seen), cases[i].seen);
        buf_fini(&seen);
        arena_free(arena);
    }
}

static const struct letter *parse(struct buf *text, bool whole, struct arena *arena)
{
    return letter_parse(buf_bytes(text), whole, arena);
}

static void test_a_header_alone_tells_a_report(void **state)
{
    struct arena *arena = arena_new();
    const struct letter *l = letter_parse(
        BYTES_LIT("Subject: x\r\nContent-Type: Multipart/Report;\r\n report-type=Delivery-Status\r\n\r\n"), false,
        arena);
    assert_true(l->is_bounce && l->is_automatic && !l->is_reply);
    assert_int_equal(l->fields_count, 2);
    assert_string_equal(l->fields[1].value, "Multipart/Report; report-type=Delivery-Status");
    arena_free(arena);
}

static void test_ten_thousand_parts(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    buf_init(&text, 8 << 20);
    buf_add_str(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int i = 0; i < 10000; i++)
        buf_addf(&text, "--b\r\nContent-Type: image/png\r\n\r\n%d\r\n", i);
    const struct letter *l = parse(&text, true, arena);
    assert_in_range(l->parts_count, LETTER_PARTS - 1, LETTER_PARTS);
    assert_non_null(strstr(l->trouble, "too many parts"));
    assert_true(arena_size(arena) < 4 << 20);
    buf_fini(&text);
    arena_free(arena);
}

static void test_nested_beyond_the_ceiling(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    buf_init(&text, 8 << 20);
    for (int i = 0; i < 2000; i++)
        buf_addf(&text, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
    const struct letter *l = parse(&text, true, arena);
    assert_non_null(strstr(l->trouble, "nested too deeply"));
    buf_fini(&text);
    arena_free(arena);
}

static void test_large_texts_are_cut_at_a_character(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    buf_init(&text, 16 << 20);
    buf_add_str(&text, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
    while (text.size < 9 << 20)
        buf_add_str(&text, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\r\n");
    const struct letter *l = parse(&text, true, arena);
    assert_true(l->is_text_cut && strlen(l->text) <= LETTER_TEXT_LIMIT && strlen(l->text) > LETTER_TEXT_LIMIT - 8);
    assert_true(text_is_utf8(bytes_of(l->text)));
    buf_fini(&text);
    arena_free(arena);
}

static void test_a_huge_header(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    buf_init(&text, 16 << 20);
    buf_add_str(&text, "Subject: first\r\nTo: ");
    for (int i = 0; i < 20000; i++)
        buf_addf(&text, "Someone <a%d@example.org>,\r\n ", i);
    buf_add_str(&text, "b@x\r\n\r\nthe body\r\n");
    const struct letter *l = parse(&text, true, arena);
    assert_string_equal(l->subject, "first");
    assert_string_equal(l->text, "the body\n");
    assert_non_null(strstr(l->trouble, "header"));
    assert_true(l->to.count <= LETTER_ADDRESSES);
    assert_true(arena_size(arena) < 8 << 20);
    buf_fini(&text);
    arena_free(arena);
}

static void test_many_references_keep_the_nearest(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_add_str(&text, "References:");
    for (int i = 0; i < 300; i++)
        buf_addf(&text, " <%d@x>\r\n", i);
    const struct letter *l = parse(&text, false, arena);
    assert_int_equal(l->references_count, LETTER_REFERENCES);
    assert_string_equal(l->references[LETTER_REFERENCES - 1], "<299@x>");
    buf_fini(&text);
    arena_free(arena);
}

static void test_attachments_come_out_whole(void **state)
{
    struct arena *arena = arena_new();
    struct buf text, out;
    buf_init(&text, 8 << 20);
    buf_init(&out, 1 << 20);
    buf_add_str(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/"
                       "octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    for (int i = 0; i < 5000; i++)
        buf_add_str(&text, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\r\n");
    buf_add_str(&text, "--b--\r\n");
    const struct letter *l = parse(&text, true, arena);
    assert_int_equal(l->parts_count, 1);
    assert_int_equal(l->parts[0].size, 5000 * 48);
    assert_true(letter_part_decode(&l->parts[0], &out));
    assert_int_equal(out.size, 5000 * 48);
    assert_memory_equal(out.data + 48 * 4999, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv", 48);
    assert_string_equal(l->parts[0].sha256, "d5838f200ba0edca13a3fee1f384cf0b08eeec537e32d4b2c238db8fd51fa5af");
    buf_clear(&out);
    out.limit = 1000;
    assert_false(letter_part_decode(&l->parts[0], &out));
    buf_fini(&out);
    buf_fini(&text);
    arena_free(arena);
}

static void test_fingerprints(void **state)
{
    char a[65], b[65];
    letter_fingerprint(BYTES_LIT("Message-ID: <1@x>\r\nSubject: a\r\n b\r\nReceived: one\r\n\r\nbody"), a);
    letter_fingerprint(BYTES_LIT("Received: two\nSubject:  a b\nMESSAGE-ID: <1@x>\n\nother"), b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 64);
    letter_fingerprint(BYTES_LIT("Message-ID: <1@x>\r\nSubject: a\r\n c\r\n\r\n"), b);
    assert_string_not_equal(a, b);
    /* A value can't pass for two, nor move to its neighbour. */
    letter_fingerprint(BYTES_LIT("Message-ID: <1@x>\r\nFrom: a b\r\n\r\n"), b);
    assert_string_not_equal(a, b);
    letter_fingerprint(BYTES_LIT("Subject: a\r\nX: 1\r\n\r\n"), a);
    letter_fingerprint(BYTES_LIT("Subject: a\r\nX: 2\r\n\r\n"), b);
    assert_string_not_equal(a, b);
}

static void test_a_header_is_read_in_no_time(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    struct timespec from, to;
    buf_init(&text, 64 << 20);
    for (int i = 0; i < 40; i++)
        buf_addf(&text, "Received: from a%d.example.org by b%d.example.org with ESMTPS; Sat, 28 Nov 2026\r\n", i, i);
    buf_add_str(&text, "Subject: large\r\n\r\n");
    while (text.size < 50 << 20)
        buf_add_str(&text, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\r\n");
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 100; i++) {
        arena_reset(arena);
        assert_string_equal(parse(&text, false, arena)->subject, "large");
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    print_message("header: %.0f us\n", ms * 10);
    assert_true(ms < 5000); /* were the body looked at, it would be minutes under the sanitizers */
    buf_fini(&text);
    arena_free(arena);
}

/* As much of it as there is, and always the same as in one go. */
static void digests_come_in_steps(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;
    size_t steps = 1;

    buf_init(&text, 4 << 20);
    buf_add_str(&text, "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n");
    while (text.size < 1 << 20)
        buf_add_str(&text, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\r\n");
    buf_add_str(&text, "--b\r\nContent-Type: c/d\r\n\r\n\r\n--b\r\nContent-Type: e/f\r\n\r\nplain\r\n--b--\r\n");
    const struct letter *whole = letter_parse(buf_bytes(&text), true, arena);
    const struct letter *l = letter_parse_undigested(buf_bytes(&text), arena);
    struct letter_digest *d = letter_digest_new(l, arena);
    assert_int_equal(l->parts_count, 3);
    assert_string_equal(l->parts[0].sha256, "");
    while (!letter_digest_step(d, 64 << 10))
        steps++;
    assert_in_range(steps, 15, 20);
    for (size_t n = 0; n < 3; n++) {
        assert_string_equal(l->parts[n].sha256, whole->parts[n].sha256);
        assert_int_equal(l->parts[n].size, whole->parts[n].size);
    }
    assert_int_equal(l->parts[1].size, 0);
    assert_int_equal(l->parts[2].size, 5);
    letter_digest_free(d);
    buf_fini(&text);
    arena_free(arena);
}

/* Each level would be searched to the end for what never comes. */
static void levels_that_do_not_end_are_not_searched_for_ever(void **state)
{
    struct arena *arena = arena_new();
    struct buf text;

    buf_init(&text, 4 << 20);
    buf_add_str(&text, "Subject: x\r\n");
    for (int n = 0; n < 15; n++)
        buf_addf(&text, "Content-Type: multipart/mixed; boundary=b%02d\r\n\r\n--b%02d\r\n", n, n);
    while (text.size < 2 << 20)
        buf_add_str(&text, "--b0-- is none of them\r\n");
    const struct letter *l = letter_parse(buf_bytes(&text), true, arena);
    assert_non_null(strstr(l->trouble, "nested too deeply"));
    buf_fini(&text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_come_in_steps),
        cmocka_unit_test(levels_that_do_not_end_are_not_searched_for_ever),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_a_header_alone_tells_a_report),
        cmocka_unit_test(test_ten_thousand_parts),
        cmocka_unit_test(test_nested_beyond_the_ceiling),
        cmocka_unit_test(test_large_texts_are_cut_at_a_character),
        cmocka_unit_test(test_a_huge_header),
        cmocka_unit_test(test_many_references_keep_the_nearest),
        cmocka_unit_test(test_attachments_come_out_whole),
        cmocka_unit_test(test_fingerprints),
        cmocka_unit_test(test_a_header_is_read_in_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
