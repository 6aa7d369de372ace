/* `postern send`: the bytes it makes, read back by GMime's parser, and the envelope beside them. */
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
                                     .hostname = "mx.example.org",
                                     .now_ms = 1795251600000 };

struct made {
    struct arena *arena;
    char *text;
    size_t size;
    struct compose_envelope envelope;
    GMimeMessage *message;
};

static struct made make(const struct compose *c)
{
    struct made m = { .arena = arena_new() };
    struct fault why = { 0 };
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (!compose_write(c, fd, m.arena, &m.envelope, &why))
        fail_msg("%s", why.text);
    m.size = (size_t)lseek(fd, 0, SEEK_END);
    m.text = arena_alloc(m.arena, m.size + 1);
    assert_int_equal(pread(fd, m.text, m.size, 0), (ssize_t)m.size);
    close(fd);
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
    c.text = text;
    c.text_size = strlen(text);
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

static void test_alternatives_and_attachment(void **state)
{
    char path[] = "/tmp/postern-compose-XXXXXX.pdf";
    int fd = mkstemps(path, 4);
    uint8_t data[20000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(write(fd, data, sizeof data), (ssize_t)sizeof data);
    close(fd);
    const char *to = "alice@example.org", *file = path;
    struct compose c = base;
    c.to = one(&to);
    c.attachments = one(&file);
    c.text = "text\n";
    c.text_size = 5;
    c.html = "<p>text</p>\n";
    c.html_size = 12;
    struct made m = make(&c);
    GMimeMultipart *mixed = GMIME_MULTIPART(g_mime_message_get_mime_part(m.message));
    assert_int_equal(g_mime_multipart_get_count(mixed), 2);
    GMimeMultipart *both = GMIME_MULTIPART(g_mime_multipart_get_part(mixed, 0));
    assert_true(
        g_mime_content_type_is_type(g_mime_object_get_content_type(GMIME_OBJECT(both)), "multipart", "alternative"));
    GMimeObject *attached = g_mime_multipart_get_part(mixed, 1);
    assert_true(g_mime_content_type_is_type(g_mime_object_get_content_type(attached), "application", "pdf"));
    assert_string_equal(g_mime_part_get_filename(GMIME_PART(attached)), strrchr(path, '/') + 1);
    GByteArray *body = content_of(attached);
    assert_int_equal(body->len, sizeof data);
    assert_memory_equal(body->data, data, sizeof data);
    g_byte_array_unref(body);
    unlink(path);
    unmake(&m);
}

static void test_extra_headers(void **state)
{
    const char *to = "alice@example.org", *header = "X-Order: 17";
    struct compose c = base;
    c.to = one(&to);
    c.headers = one(&header);
    c.reply_to = "answers@example.org";
    struct made m = make(&c);
    assert_non_null(strstr(m.text, "\r\nX-Order: 17\r\n"));
    assert_non_null(strstr(m.text, "\r\nReply-To: answers@example.org\r\n"));
    assert_int_equal(m.envelope.recipients.count, 1);
    unmake(&m);
}

static void refused(const struct compose *c, const char *text)
{
    struct arena *arena = arena_new();
    struct compose_envelope e;
    struct fault why = { 0 };
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (compose_write(c, fd, arena, &e, &why))
        fail_msg("taken; want: %s", text);
    if (!strstr(why.text, text))
        fail_msg("said: %s\n  want: %s", why.text, text);
    close(fd);
    arena_free(arena);
}

static void test_refusals(void **state)
{
    const char *to = "alice@example.org", *nobody = "alice", *missing = "/nonexistent/file", *folder = "/tmp";
    const char *own = "From: x@y", *split = "X-A: b\r\nBcc: c@d", *nameless = ": x", *text = "\xff";
    struct compose c = base;
    refused(&c, "nobody is to receive it");
    c.to = one(&nobody);
    refused(&c, "--to: \"alice\" is no address");
    c.to = one(&to);
    c.from = "";
    refused(&c, "--from");
    c.from = "shop@example.org";
    c.headers = one(&own);
    refused(&c, "can't set From");
    c.headers = one(&split);
    refused(&c, "on one line");
    c.headers = one(&nameless);
    refused(&c, "--header needs");
    c.headers = (struct compose_texts){ 0 };
    c.attachments = one(&missing);
    refused(&c, "/nonexistent/file can't be attached");
    c.attachments = one(&folder);
    refused(&c, "/tmp can't be attached");
    c.attachments = (struct compose_texts){ 0 };
    c.text = text;
    c.text_size = 1;
    refused(&c, "not UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text),
        cmocka_unit_test(test_envelope_and_bcc),
        cmocka_unit_test(test_alternatives_and_attachment),
        cmocka_unit_test(test_extra_headers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
