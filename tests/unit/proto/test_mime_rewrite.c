#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "proto/mime/header.h"
#include "proto/mime/rewrite.h"

static bool keep(void *ctx, struct bytes out)
{
    assert_true(out.size > 0);
    return buf_add_bytes(ctx, out);
}

static bool rewrite(const struct mime_rewrite_plan *plan, struct bytes in, size_t step, struct buf *out,
                    struct fault *why)
{
    struct arena *arena = arena_new();
    struct mime_rewrite *r = mime_rewrite_new(arena, plan, keep, out);
    bool is_good = true;
    for (size_t at = 0; at < in.size && is_good; at += step ? step : in.size)
        is_good = mime_rewrite_feed(r, bytes_slice(in, at, step ? at + step : in.size), why);
    is_good = is_good && mime_rewrite_end(r, why);
    arena_free(arena);
    return is_good;
}

static void add_crlf(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_byte(out, '\r');
        buf_add_byte(out, (uint8_t)*text);
    }
}

static const struct mime_rewrite_plan forced = { .from = "box@corp.example" };
static const struct mime_rewrite_plan complete = { .from = "box@corp.example",
                                                   .date = "NOW",
                                                   .message_id = "<1@corp>" };
static const struct mime_rewrite_plan additions = { .date = "NOW", .message_id = "<1@corp>" };

/* A newline stands for CRLF. */
static const struct {
    const struct mime_rewrite_plan *plan;
    const char *in, *out;
} cases[] = {
    { &forced, "To: a@x\nFrom: Joe <joe@x>\nSubject: s\n\nFrom: body\n",
      "To: a@x\nFrom: Joe <box@corp.example>\nSubject: s\nReply-To: Joe <joe@x>\n\nFrom: body\n" },
    { &forced, "From: joe@x\n\nbody", "From: <box@corp.example>\nReply-To: joe@x\n\nbody" },
    { &forced, "FROM : joe@x (Joe)\n\n", "From: <box@corp.example> (Joe)\nReply-To: joe@x (Joe)\n\n" },
    { &forced, "From: \"Doe, Joe\"\n <joe@x>\n\n",
      "From: \"Doe, Joe\" <box@corp.example>\nReply-To: \"Doe, Joe\"\n <joe@x>\n\n" },
    { &forced, "From: =?utf-8?Q?J=C3=B6?=\n =?utf-8?Q?rg?= <joe@x>\n\n",
      "From: =?utf-8?Q?J=C3=B6?=\n =?utf-8?Q?rg?= <box@corp.example>\nReply-To: =?utf-8?Q?J=C3=B6?=\n =?utf-8?Q?rg?= "
      "<joe@x>\n\n" },
    { &forced, "From: J\xf6rg <joe@x>\n\n", "From: J\xf6rg <box@corp.example>\nReply-To: J\xf6rg <joe@x>\n\n" },
    /* A name that looks like an address. */
    { &forced, "From: joe@x <joe@x>\n\n", "From: \"joe@x\" <box@corp.example>\nReply-To: joe@x <joe@x>\n\n" },
    { &forced, "From: \"joe@x\" <joe@x>\n\n", "From: \"joe@x\" <box@corp.example>\nReply-To: \"joe@x\" <joe@x>\n\n" },
    { &forced, "From: \"joe\" @x <joe@x>\n\n", "From: <box@corp.example>\nReply-To: \"joe\" @x <joe@x>\n\n" },
    /* Reply-To is kept, before or after. */
    { &forced, "Reply-To: r@x\nFrom: joe@x\n\n", "Reply-To: r@x\nFrom: <box@corp.example>\n\n" },
    { &forced, "From: joe@x\nreply-to: r@x\n\n", "From: <box@corp.example>\nreply-to: r@x\n\n" },
    /* Already right: untouched, however it is written. */
    { &forced, "from:\t BOX@corp.example (me)\n\n", "from:\t BOX@corp.example (me)\n\n" },
    { &forced, "From: B <box@corp.example>\nSender: box@corp.example\n\n",
      "From: B <box@corp.example>\nSender: box@corp.example\n\n" },
    /* Sender goes if it names another. */
    { &forced, "Sender: ann@x\nFrom: joe@x\n\n", "From: <box@corp.example>\nReply-To: joe@x\n\n" },
    { &forced, "From: box@corp.example\nSender: Ann\n <ann@x>\nTo: a@x\n\n", "From: box@corp.example\nTo: a@x\n\n" },
    { &forced, "Sender: ?<\nFrom: joe@x\n\n", "From: <box@corp.example>\nReply-To: joe@x\n\n" },
    /* Several addresses, several fields, none that can be read. */
    { &forced, "From: Joe <joe@x>, ann@x\n\n", "From: Joe <box@corp.example>\nReply-To: Joe <joe@x>, ann@x\n\n" },
    { &forced, "From: joe@x\nTo: a@x\nFrom: ann@x\n\n", "From: <box@corp.example>\nTo: a@x\nReply-To: joe@x\n\n" },
    { &forced, "From: box@corp.example\nFrom: ann@x\n\n", "From: box@corp.example\n\n" },
    { &forced, "From: scanner\n\n", "From: <box@corp.example>\n\n" },
    { &forced, "From: the scanner\n\n", "From: <box@corp.example>\n\n" },
    { &forced, "From:\n\n", "From: <box@corp.example>\n\n" },
    { &forced, "From: Team: joe@x;\n\n", "From: <box@corp.example>\nReply-To: Team: joe@x;\n\n" },
    /* From is missing; the header is missing; the body is. */
    { &forced, "To: a@x\n\nbody\n", "To: a@x\nFrom: box@corp.example\n\nbody\n" },
    { &forced, "\nbody\n", "From: box@corp.example\n\nbody\n" },
    { &forced, "body\nmore\n", "From: box@corp.example\n\nbody\nmore\n" },
    { &forced, "", "From: box@corp.example\n" },
    { &forced, "To: a@x\n", "To: a@x\nFrom: box@corp.example\n" },
    { &forced, "To: a@x", "To: a@x\nFrom: box@corp.example\n" },
    { &forced, "From: joe@x", "From: <box@corp.example>\nReply-To: joe@x\n" },
    { &forced, "To: a@x\nbroken line\nFrom: evil@x\n\nbody\n",
      "To: a@x\nFrom: box@corp.example\n\nbroken line\nFrom: evil@x\n\nbody\n" },
    { &forced, "From: box@corp.example\nbroken\n", "From: box@corp.example\n\nbroken\n" },
    { &forced, "From joe Mon Jan 1\nFrom: joe@x\n\n", "From: <box@corp.example>\nReply-To: joe@x\n\n" },
    { &forced, "Bcc: hidden@x\nFrom: joe@x\n\n", "Bcc: hidden@x\nFrom: <box@corp.example>\nReply-To: joe@x\n\n" },
    /* Date and Message-ID. */
    { &complete, "From: joe@x\n\nb",
      "From: <box@corp.example>\nReply-To: joe@x\nDate: NOW\nMessage-ID: <1@corp>\n\nb" },
    { &complete, "date: then\nFrom: joe@x\nMessage-Id: <2@x>\n\nb",
      "date: then\nFrom: <box@corp.example>\nMessage-Id: <2@x>\nReply-To: joe@x\n\nb" },
    { &additions, "From: joe@x\nSender: ann@x\n\nb",
      "From: joe@x\nSender: ann@x\nDate: NOW\nMessage-ID: <1@corp>\n\nb" },
    { &additions, "Date: d\nMessage-ID: m\nodd line\n", "Date: d\nMessage-ID: m\nodd line\n" },
    { &additions, "From joe Mon\nDate: d\nodd line\n", "From joe Mon\nDate: d\nMessage-ID: <1@corp>\n\nodd line\n" },
};

static void test_messages_in_pieces_of_every_size(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf in, expected;
        buf_init(&in, 1 << 20);
        buf_init(&expected, 1 << 20);
        add_crlf(&in, cases[i].in);
        add_crlf(&expected, cases[i].out);
        for (size_t step = 0; step <= in.size; step++) {
            struct buf out;
            buf_init(&out, 1 << 20);
            assert_true(rewrite(cases[i].plan, buf_bytes(&in), step, &out, NULL));
            assert_string_equal(buf_str(&out), buf_str(&expected));
            buf_fini(&out);
        }
        buf_fini(&in);
        buf_fini(&expected);
    }
}

static void test_nothing_asked_nothing_changed(void **state)
{
    static const struct mime_rewrite_plan nothing = { .from = "" };
    srand(11);
    for (int round = 0; round < 300; round++) {
        static const char letters[] = "From: a@x\r\n\n \t:\rSender";
        struct buf in, out;
        buf_init(&in, 4096);
        buf_init(&out, 4096);
        for (int size = rand() % 200; size > 0; size--)
            buf_add_byte(&in, (uint8_t)letters[(size_t)rand() % (sizeof letters - 1)]);
        assert_true(rewrite(&nothing, buf_bytes(&in), (size_t)(rand() % 5), &out, NULL));
        assert_true(bytes_equal(buf_bytes(&in), buf_bytes(&out)));
        buf_fini(&in);
        buf_fini(&out);
    }
}

static void test_binary_bodies_go_through(void **state)
{
    struct buf in, out;
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_add_str(&in, "From: box@corp.example\r\n\r\n");
    for (int i = 0; i < 100000; i++)
        buf_add_byte(&in, (uint8_t)(i * 7 + i / 256));
    assert_true(rewrite(&forced, buf_bytes(&in), 997, &out, NULL));
    assert_true(bytes_equal(buf_bytes(&in), buf_bytes(&out)));
    buf_fini(&in);
    buf_fini(&out);
}

static void test_a_from_over_the_limit_is_replaced(void **state)
{
    struct buf in, out;
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    buf_add_str(&in, "From: ");
    while (in.size < 2 * MIME_FIELD_LIMIT)
        buf_add_str(&in, "a@x, ");
    buf_add_str(&in, "\r\nTo: b@x\r\n\r\n");
    assert_true(rewrite(&forced, buf_bytes(&in), 1000, &out, NULL));
    assert_string_equal(buf_str(&out), "From: <box@corp.example>\r\nTo: b@x\r\n\r\n");
    buf_fini(&in);
    buf_fini(&out);
}

static void test_an_endless_header_is_refused(void **state)
{
    struct buf in, out;
    struct fault why = { 0 };
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    while (in.size <= MIME_HEADER_LIMIT)
        buf_add_str(&in, "X-Filler: 0123456789\r\n");
    assert_false(rewrite(&forced, buf_bytes(&in), 4096, &out, &why));
    assert_int_equal(why.kind, FAULT_REJECT);
    assert_true(out.size <= MIME_HEADER_LIMIT + 100);
    buf_fini(&in);
    buf_fini(&out);
}

static void test_a_host_that_is_full_stops_it(void **state)
{
    struct buf out;
    struct fault why = { 0 };
    buf_init(&out, 10);
    assert_false(rewrite(&forced, BYTES_LIT("To: somebody@x\r\n\r\nbody"), 3, &out, &why));
    assert_int_equal(why.kind, FAULT_NONE);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_in_pieces_of_every_size),
        cmocka_unit_test(test_nothing_asked_nothing_changed),
        cmocka_unit_test(test_binary_bodies_go_through),
        cmocka_unit_test(test_a_from_over_the_limit_is_replaced),
        cmocka_unit_test(test_an_endless_header_is_refused),
        cmocka_unit_test(test_a_host_that_is_full_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
