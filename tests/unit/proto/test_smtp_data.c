#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "octets.h"
#include "proto/smtp/data.h"

struct outcome {
    struct buf body;
    struct smtp_data data;
    bool is_ended;
    size_t used; /* of the input, up to and with the end */
};

static void swallow(struct outcome *o, struct bytes in, size_t step, bool is_dotted)
{
    buf_init(&o->body, 1 << 20);
    smtp_data_init(&o->data, is_dotted);
    o->is_ended = false;
    o->used = 0;
    while (o->used < in.size && !o->is_ended) {
        struct bytes run, piece = bytes_slice(in, o->used, step ? o->used + step : in.size);
        size_t used = smtp_data_next(&o->data, piece, &run, &o->is_ended);
        assert_true(used > 0 && used <= piece.size);
        assert_true(buf_add_bytes(&o->body, run));
        o->used += used;
    }
}

static const struct {
    struct bytes in;
    struct bytes body;
    enum smtp_data_flaw flaw;
    unsigned line;
} ends[] = {
    { OCTETS(".\r\n"), OCTETS(""), SMTP_DATA_CLEAN, 0 },
    { OCTETS("a\r\n.\r\n"), OCTETS("a\r\n"), SMTP_DATA_CLEAN, 0 },
    { OCTETS("..\r\n...\r\n.a\r\n.\r\n"), OCTETS(".\r\n..\r\na\r\n"), SMTP_DATA_CLEAN, 0 },
    { OCTETS("a.\r\nb..c\r\n.\r\n"), OCTETS("a.\r\nb..c\r\n"), SMTP_DATA_CLEAN, 0 },
    { OCTETS("\r\n\r\n.\r\n"), OCTETS("\r\n\r\n"), SMTP_DATA_CLEAN, 0 },
    { OCTETS("a\nb\r\n.\r\n"), OCTETS("a\nb\r\n"), SMTP_DATA_BARE_LF, 1 },
    { OCTETS("a\r\nb\rc\r\n.\r\n"), OCTETS("a\r\nb\rc\r\n"), SMTP_DATA_BARE_CR, 2 },
    { OCTETS("a\r\r\n.\r\n"), OCTETS("a\r\r\n"), SMTP_DATA_BARE_CR, 1 },
    { OCTETS("a\r\n\r\nb\0c\r\n.\r\n"), OCTETS("a\r\n\r\nb\0c\r\n"), SMTP_DATA_NUL, 3 },
};

static void test_true_ends(void **state)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        for (size_t step = 0; step <= ends[i].in.size; step++) {
            struct outcome o;
            swallow(&o, ends[i].in, step, true);
            assert_true(o.is_ended);
            assert_int_equal(o.used, ends[i].in.size);
            assert_int_equal(o.data.flaw, ends[i].flaw);
            if (ends[i].line)
                assert_int_equal(o.data.flaw_line, ends[i].line);
            assert_true(bytes_equal(buf_bytes(&o.body), ends[i].body));
            buf_fini(&o.body);
        }
    }
}

/* What somebody, somewhere, takes for the end of a message. None is; each is a flaw; the real end is still found. */
static const struct bytes false_ends[] = {
    OCTETS("\n.\n"),       OCTETS("\n.\r\n"),     OCTETS("\r.\r"),       OCTETS("\r.\r\n"),     OCTETS("\r\n.\n"),
    OCTETS("\r\n.\r"),     OCTETS("\r\n.\r\r\n"), OCTETS("\r\r\n.\n"),   OCTETS("\n\n.\r\n"),   OCTETS("\n\r.\r\n"),
    OCTETS("\r\n\0.\r\n"), OCTETS("\r\n.\0\r\n"), OCTETS("\r\0\n.\r\n"), OCTETS("\r\n.\r\0\n"), OCTETS("\n\r\n.\r"),
    OCTETS("\r.\n"),       OCTETS("\n.\r"),       OCTETS("\r\n.\n\r\n"), OCTETS("\0\n.\r\n"),   OCTETS("\r\n.\r \n"),
};

static void test_false_ends(void **state)
{
    for (size_t i = 0; i < sizeof false_ends / sizeof false_ends[0]; i++) {
        struct buf in;
        buf_init(&in, 4096);
        buf_add_str(&in, "Subject: x\r\n\r\nfirst");
        buf_add_bytes(&in, false_ends[i]);
        buf_add_str(&in, "MAIL FROM:<smuggled@example.org>\r\nsecond\r\n.\r\n");
        for (size_t step = 0; step <= in.size; step++) {
            struct outcome o;
            swallow(&o, buf_bytes(&in), step, true);
            assert_true(o.is_ended);
            assert_int_equal(o.used, in.size);
            assert_int_not_equal(o.data.flaw, SMTP_DATA_CLEAN);
            buf_fini(&o.body);
        }
        buf_fini(&in);
    }
}

static void test_chunks_are_taken_as_they_are(void **state)
{
    struct outcome o;
    swallow(&o, BYTES_LIT(".\r\n..a\r\n.\r\nend"), 1, false);
    assert_false(o.is_ended);
    assert_true(bytes_equal(buf_bytes(&o.body), BYTES_LIT(".\r\n..a\r\n.\r\nend")));
    smtp_data_finish(&o.data);
    assert_int_equal(o.data.flaw, SMTP_DATA_CLEAN);
    buf_fini(&o.body);
    swallow(&o, BYTES_LIT("a\r"), 0, false);
    assert_int_equal(o.data.flaw, SMTP_DATA_CLEAN);
    smtp_data_finish(&o.data);
    assert_int_equal(o.data.flaw, SMTP_DATA_BARE_CR);
    buf_fini(&o.body);
}

static void test_8bit_is_noticed_wherever_it_stands(void **state)
{
    for (size_t at = 0; at < 40; at++) {
        uint8_t line[43];
        memset(line, 'a', sizeof line);
        memcpy(line + 40, "\r\n.", 3);
        struct outcome o;
        swallow(&o, (struct bytes){ line, sizeof line }, 0, true);
        assert_false(o.data.has_8bit);
        buf_fini(&o.body);
        line[at] = 0xfc;
        swallow(&o, (struct bytes){ line, sizeof line }, 0, true);
        assert_true(o.data.has_8bit);
        buf_fini(&o.body);
    }
}

static struct bytes naive_stuffing(struct bytes body, struct buf *out)
{
    bool is_line_start = true;
    for (size_t i = 0; i < body.size; i++) {
        if (is_line_start && body.data[i] == '.')
            buf_add_byte(out, '.');
        buf_add_byte(out, body.data[i]);
        is_line_start = body.data[i] == '\n';
    }
    buf_add_str(out, ".\r\n");
    return buf_bytes(out);
}

/* Against the plainest stuffing there is: random lines, cut at random places, come out as they went in. */
static void test_random_messages_come_through(void **state)
{
    static const char letters[] = ".a.\xff ";
    srand(7);
    for (int round = 0; round < 500; round++) {
        struct buf body, wire;
        buf_init(&body, 1 << 20);
        buf_init(&wire, 1 << 20);
        for (int lines = rand() % 20; lines > 0; lines--) {
            for (int size = rand() % (round % 50 == 0 ? 3000 : 12); size > 0; size--)
                buf_add_byte(&body, (uint8_t)letters[rand() % 5]);
            buf_add_str(&body, "\r\n");
        }
        struct outcome o;
        swallow(&o, naive_stuffing(buf_bytes(&body), &wire), (size_t)(rand() % 9), true);
        assert_true(o.is_ended && o.data.flaw == SMTP_DATA_CLEAN);
        assert_true(bytes_equal(buf_bytes(&o.body), buf_bytes(&body)));
        buf_fini(&o.body);
        buf_fini(&body);
        buf_fini(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_ends),
        cmocka_unit_test(test_false_ends),
        cmocka_unit_test(test_chunks_are_taken_as_they_are),
        cmocka_unit_test(test_8bit_is_noticed_wherever_it_stands),
        cmocka_unit_test(test_random_messages_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
