/* The composer: the bytes it makes, read back by GMime's parser, and the envelope beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <gmime/gmime.h>

#include "base/text.h"
#include "compose/compose.h"

static const struct compose base = { .from = "Shop <shop@example.org>",
                                     .reply_to = "",
                                     .subject = "Hello",
                                     .calendar_method = "",
                                     .hostname = "mx.example.org",
                                     .now_ms = 1795251600000 };

struct made {
    struct arena *arena;
    char *text;
    size_t size;
    struct compose_envelope envelope;
    GMimeMessage *message;
};

static bool keep(void *ctx, struct bytes out)
{
    return buf_add_bytes(ctx, out);
}

static struct compose_octets octets(const void *data, size_t size)
{
    return (struct compose_octets){ .data = data, .fd = -1, .size = size };
}

static struct made make(const struct compose *c)
{
    struct made m = { .arena = arena_new() };
    struct fault why = { 0 };
    struct compose_member where;
    struct buf out;
    buf_init(&out, 64u << 20);
    if (!compose_envelope(c, m.arena, &m.envelope, &where, &why) || !compose_write(c, keep, &out, &where, &why))
        fail_msg("%s", why.text);
    m.size = out.size;
    m.text = arena_strndup(m.arena, out.data, out.size);
    buf_fini(&out);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(m.text, m.size);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    m.message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return m;
}

static void unmake(struct made *m)
{
    g_object_unref(m->message);
    arena_free(m->arena);
}

static struct compose_texts one(const char **item)
{
    return (struct compose_texts){ item, 1 };
}

/* A part's content, decoded. */
static GByteArray *content_of(GMimeObject *part)
{
    GMimeStream *memory = g_mime_stream_mem_new();
    g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(part)), memory);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(memory), FALSE);
    GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
    g_object_unref(memory);
    return bytes;
}

static void test_plain_text(void **state)
{
    const char *to = "alice@example.org", *text = "Gr\xc3\xbc\xc3\x9f\x65\n.\nFrom here\n";
    struct compose c = base;
    c.subject = "Gr\xc3\xbc\xc3\x9f\x65";
    c.to = one(&to);
    c.has_text = true;
    c.text = octets(text, strlen(text));
    struct made m = make(&c);
    assert_string_equal(g_mime_message_get_subject(m.message), "Gr\xc3\xbc\xc3\x9f\x65");
    assert_true(text_is_ascii((struct bytes){ (uint8_t *)m.text, m.size }));
    assert_non_null(strstr(m.text, "Date: Sat, 21 Nov 2026 "));
    assert_non_null(strstr(m.text, "From: Shop <shop@example.org>\r\n"));
    assert_non_null(strstr(g_mime_message_get_message_id(m.message), "@mx.example.org"));
    for (size_t i = 0; i < m.size; i++)
        assert_true(m.text[i] != '\n' || (i && m.text[i - 1] == '\r')); /* every line ends in CRLF */
    GByteArray *body = content_of(g_mime_message_get_mime_part(m.message));
    struct bytes is = { body->data, body->len };
    assert_true(bytes_find(is, bytes_of("Gr\xc3\xbc\xc3\x9f\x65")) == 0);
    g_byte_array_unref(body);
    assert_string_equal(m.envelope.sender, "shop@example.org");
    assert_int_equal(m.envelope.recipients.count, 1);
    unmake(&m);
}

static void test_envelope_and_bcc(void **state)
{
    const char *to[] = { "Alice <alice@example.org>, \"Doe, J\" <j@example.org>", "bob@example.org" };
    const char *cc = "ALICE@example.org", *bcc = "hidden@example.org";
    struct compose c = base;
    c.to = (struct compose_texts){ to, 2 };
    c.cc = one(&cc);
    c.bcc = one(&bcc);
    struct made m = make(&c);
    assert_int_equal(m.envelope.recipients.count, 4); /* alice once */
    assert_string_equal(m.envelope.recipients.items[1], "j@example.org");
    assert_string_equal(m.envelope.recipients.items[3], "hidden@example.org");
    assert_null(strstr(m.text, "hidden@"));
    assert_false(m.envelope.is_smtputf8);
    unmake(&m);
}

static bool is_multipart(GMimeObject *part, const char *subtype, int count)
{
    return g_mime_content_type_is_type(g_mime_object_get_content_type(part), "multipart", subtype) &&
           g_mime_multipart_get_count(GMIME_MULTIPART(part)) == count;
}

static bool is_type(GMimeObject *part, const char *type, const char *subtype)
{
    return g_mime_content_type_is_type(g_mime_object_get_content_type(part), type, subtype);
}

static GMimeObject *part_at(GMimeObject *all, int i)
{
    return g_mime_multipart_get_part(GMIME_MULTIPART(all), i);
}

static void holds(GMimeObject *part, const void *data, size_t size)
{
    GByteArray *body = content_of(part);
    assert_int_equal(body->len, size);
    assert_memory_equal(body->data, data, size);
    g_byte_array_unref(body);
}

/* Two files in one: each is read from its own place. */
static void test_alternatives_and_attachments(void **state)
{
    uint8_t data[20000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    int fd = memfd_create("parts", MFD_CLOEXEC);
    assert_int_equal(write(fd, data, sizeof data), (ssize_t)sizeof data);
    const char *to = "alice@example.org";
    const struct compose_part parts[] = {
        { .name = "/home/me/r\xc3\xa9sum\xc3\xa9.pdf",
          .type = "",
          .content_id = "",
          .octets = { .fd = fd, .size = 7000 } },
        { .name = "C:\\data\\raw",
          .type = "application/x-raw; v=1",
          .content_id = "",
          .octets = { .fd = fd, .at = 7000, .size = 13000 } },
        { .name = "empty.txt", .type = "", .content_id = "" },
    };
    struct compose c = base;
    c.to = one(&to);
    c.parts = parts;
    c.parts_count = 3;
    c.has_text = c.has_html = true;
    c.text = octets("text\r\nmore\r\n", 12);
    c.html = octets("<p>text</p>\n", 12);
    struct made m = make(&c);
    GMimeObject *mixed = g_mime_message_get_mime_part(m.message);
    assert_true(is_multipart(mixed, "mixed", 4));
    assert_true(is_multipart(part_at(mixed, 0), "alternative", 2));
    holds(part_at(part_at(mixed, 0), 0), "text\r\nmore\r\n", 12);
    assert_true(is_type(part_at(mixed, 1), "application", "pdf"));
    assert_string_equal(g_mime_part_get_filename(GMIME_PART(part_at(mixed, 1))), "r\xc3\xa9sum\xc3\xa9.pdf");
    assert_string_equal(g_mime_part_get_filename(GMIME_PART(part_at(mixed, 2))), "raw");
    assert_true(is_type(part_at(mixed, 2), "application", "x-raw"));
    holds(part_at(mixed, 1), data, 7000);
    holds(part_at(mixed, 2), data + 7000, 13000);
    holds(part_at(mixed, 3), "", 0);
    assert_true(text_is_ascii((struct bytes){ (uint8_t *)m.text, m.size }));
    close(fd);
    unmake(&m);
}

static void test_inline_image_and_invitation(void **state)
{
    static const char ics[] = "BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nEND:VCALENDAR\r\n";
    const char *to = "alice@example.org";
    const struct compose_part parts[] = {
        { .name = "logo.png", .type = "", .content_id = "<logo@shop>", .is_inline = true, .octets = octets("PNG", 3) },
        { .name = "terms.pdf", .type = "", .content_id = "", .octets = octets("PDF", 3) },
    };
    struct compose c = base;
    c.to = one(&to);
    c.parts = parts;
    c.parts_count = 2;
    c.has_text = c.has_html = c.has_calendar = true;
    c.text = octets("x", 1);
    c.html = octets("<img src=\"cid:logo@shop\">", 26);
    c.calendar = octets(ics, sizeof ics - 1);
    c.calendar_method = "CANCEL";
    struct made m = make(&c);
    GMimeObject *mixed = g_mime_message_get_mime_part(m.message);
    assert_true(is_multipart(mixed, "mixed", 2));
    GMimeObject *alternative = part_at(mixed, 0);
    assert_true(is_multipart(alternative, "alternative", 3));
    GMimeObject *related = part_at(alternative, 1), *invitation = part_at(alternative, 2);
    assert_true(is_multipart(related, "related", 2));
    assert_string_equal(g_mime_object_get_content_type_parameter(related, "type"), "text/html");
    assert_string_equal(g_mime_object_get_content_id(part_at(related, 1)), "logo@shop");
    assert_string_equal(g_mime_object_get_disposition(part_at(related, 1)), "inline");
    assert_true(is_type(invitation, "text", "calendar"));
    assert_string_equal(g_mime_object_get_content_type_parameter(invitation, "method"), "CANCEL");
    holds(invitation, ics, sizeof ics - 1);
    assert_string_equal(g_mime_object_get_disposition(part_at(mixed, 1)), "attachment");
    unmake(&m);
}

/* Without HTML nothing shows the image: it stands with the attachments. */
static void test_inline_without_html(void **state)
{
    const char *to = "alice@example.org";
    const struct compose_part part = {
        .name = "", .type = "image/png", .content_id = "logo", .is_inline = true, .octets = octets("PNG", 3)
    };
    struct compose c = base;
    c.to = one(&to);
    c.parts = &part;
    c.parts_count = 1;
    struct made m = make(&c);
    GMimeObject *mixed = g_mime_message_get_mime_part(m.message);
    assert_true(is_multipart(mixed, "mixed", 2));
    assert_null(g_mime_part_get_filename(GMIME_PART(part_at(mixed, 1))));
    unmake(&m);
}

static bool keep_little(void *ctx, struct bytes out)
{
    size_t *room = ctx;
    if (out.size > *room)
        return false;
    *room -= out.size;
    return true;
}

/* A sink that is full ends it, with the sink's own words. */
static void test_full_sink(void **state)
{
    const char *to = "alice@example.org";
    uint8_t *data = mem_alloc(1u << 20);
    const struct compose_part part = { .name = "a", .type = "", .content_id = "", .octets = octets(data, 1u << 20) };
    struct compose c = base;
    struct compose_member where;
    struct fault why = { .kind = FAULT_LOCAL, .text = "full" };
    size_t room = 100000;
    c.to = one(&to);
    c.parts = &part;
    c.parts_count = 1;
    assert_false(compose_write(&c, keep_little, &room, &where, &why));
    assert_string_equal(why.text, "full");
    free(data);
}

static void test_extra_headers(void **state)
{
    const char *to = "alice@example.org";
    const struct compose_field fields[] = { { "X-Order", "17" }, { "X-Note", "Gr\xc3\xbc\xc3\x9f\x65" } };
    struct compose c = base;
    c.to = one(&to);
    c.headers = fields;
    c.headers_count = 2;
    c.reply_to = "answers@example.org";
    struct made m = make(&c);
    assert_non_null(strstr(m.text, "\r\nX-Order: 17\r\n"));
    assert_non_null(strstr(m.text, "\r\nX-Note: =?"));
    assert_non_null(strstr(m.text, "\r\nReply-To: answers@example.org\r\n"));
    assert_int_equal(m.envelope.recipients.count, 1);
    unmake(&m);
}

static void refused(const struct compose *c, enum compose_what what, size_t index, const char *text)
{
    struct arena *arena = arena_new();
    struct compose_envelope e;
    struct compose_member where;
    struct fault why = { 0 };
    struct buf out;
    buf_init(&out, 1u << 20);
    if (compose_envelope(c, arena, &e, &where, &why) && compose_write(c, keep, &out, &where, &why))
        fail_msg("taken; want: %s", text);
    if (!strstr(why.text, text))
        fail_msg("said: %s\n  want: %s", why.text, text);
    assert_int_equal(why.kind, FAULT_REJECT);
    assert_int_equal(where.what, what);
    assert_int_equal(where.index, index);
    assert_int_equal(out.size, 0);
    buf_fini(&out);
    arena_free(arena);
}

static void test_wrong_addresses(void **state)
{
    const char *good = "alice@example.org", *to[] = { good, "alice" }, *split = "a@b\r\nBcc: c@d";
    const char *latin1 = "Andr\xe9 <a@b>";
    struct compose c = base;
    refused(&c, COMPOSE_TO, 0, "nobody is to receive it");
    c.to = (struct compose_texts){ to, 2 };
    refused(&c, COMPOSE_TO, 1, "\"alice\" is no address");
    c.to = one(&split);
    refused(&c, COMPOSE_TO, 0, "without line ends");
    c.to = one(&latin1);
    refused(&c, COMPOSE_TO, 0, "in UTF-8");
    c.to = one(&good);
    c.bcc = one(&split);
    refused(&c, COMPOSE_BCC, 0, "without line ends");
    c.bcc = (struct compose_texts){ 0 };
    c.reply_to = split;
    refused(&c, COMPOSE_REPLY_TO, 0, "without line ends");
    c.reply_to = "";
    c.from = "Shop\n <shop@example.org>";
    refused(&c, COMPOSE_FROM, 0, "without line ends");
    c.from = "";
    refused(&c, COMPOSE_FROM, 0, "there is no sender");
}

static void test_wrong_fields(void **state)
{
    const char *to = "alice@example.org";
    struct compose_field fields[] = { { "X-Good", "1" }, { "From", "x@y" } };
    struct compose c = base;
    c.to = one(&to);
    c.headers = fields;
    c.headers_count = 2;
    refused(&c, COMPOSE_HEADER, 1, "From can't be set");
    fields[1].name = "content-TYPE";
    refused(&c, COMPOSE_HEADER, 1, "can't be set");
    fields[1].name = "X A";
    refused(&c, COMPOSE_HEADER, 1, "no name");
    fields[1].name = "X-A\r\nBcc";
    refused(&c, COMPOSE_HEADER, 1, "no name");
    fields[1] = (struct compose_field){ "X-A", "b\r\nBcc: c@d" };
    refused(&c, COMPOSE_HEADER, 1, "X-A must be on one line");
    c.headers_count = 0;
    c.subject = "a\nBcc: c@d";
    refused(&c, COMPOSE_SUBJECT, 0, "line end");
    c.subject = "\xff";
    refused(&c, COMPOSE_SUBJECT, 0, "UTF-8");
}

static void test_wrong_parts(void **state)
{
    const char *to = "alice@example.org";
    struct compose_part part = { .name = "a\r\nb", .type = "", .content_id = "" };
    struct compose c = base;
    c.to = one(&to);
    c.has_text = true;
    c.text = octets("\xff", 1);
    refused(&c, COMPOSE_TEXT, 0, "not UTF-8");
    c.has_text = false;
    c.has_calendar = true;
    c.calendar = octets("", 0);
    c.calendar_method = "REQUEST\r\nX: y";
    refused(&c, COMPOSE_CALENDAR, 0, "a word");
    c.has_calendar = false;
    c.parts = &part;
    c.parts_count = 1;
    refused(&c, COMPOSE_PART_NAME, 0, "without line ends");
    part.name = "a";
    part.type = "image";
    refused(&c, COMPOSE_PART_TYPE, 0, "image/png");
    part.type = "image/png\r\nBcc: a@b";
    refused(&c, COMPOSE_PART_TYPE, 0, "image/png");
    part.type = "message/rfc822";
    refused(&c, COMPOSE_PART_TYPE, 0, "application/octet-stream");
    part.type = "image/png; a=b";
    part.content_id = "a>\r\nBcc: <b";
    refused(&c, COMPOSE_PART_CONTENT_ID, 0, "content id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text),
        cmocka_unit_test(test_envelope_and_bcc),
        cmocka_unit_test(test_alternatives_and_attachments),
        cmocka_unit_test(test_inline_image_and_invitation),
        cmocka_unit_test(test_inline_without_html),
        cmocka_unit_test(test_full_sink),
        cmocka_unit_test(test_extra_headers),
        cmocka_unit_test(test_wrong_addresses),
        cmocka_unit_test(test_wrong_fields),
        cmocka_unit_test(test_wrong_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
