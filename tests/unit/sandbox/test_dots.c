/* sandbox/exchange_dots: the end of DATA, however the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/exchange_dots.h"

struct dots_case {
    struct bytes in;
    struct bytes out;
    size_t used; /* SIZE_MAX: the end is not in it */
    bool has_bare;
};

/* clang-format off */
#define BYTES(s) { (const uint8_t *)(s), sizeof(s) - 1 }
#define CASE(in, out, used, bare) { BYTES(in), BYTES(out), used, bare }
/* clang-format on */

static const struct dots_case cases[] = {
    CASE(".\r\n", "", 3, false),
    CASE("a\r\n.\r\n", "a\r\n", 6, false),
    CASE("a\r\n.\r\nQUIT\r\n", "a\r\n", 6, false),
    CASE("..\r\n.\r\n", ".\r\n", 7, false),
    CASE(".a\r\n.\r\n", "a\r\n", 7, false),
    CASE("a.\r\n.\r\n", "a.\r\n", 7, false),
    CASE("\r\n\r\n.\r\n", "\r\n\r\n", 7, false),
    CASE("a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", 10, true),
    CASE("a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", 11, true),
    CASE("a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", 11, true),
    CASE("a\r.\r\n.\r\n", "a\r.\r\n", 8, true),
    CASE("a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", 11, true),
    CASE("a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", 10, true),
    CASE("a\r\r\n.\r\n", "a\r\r\n", 7, true),
    CASE("\n.\r\nx\r\n.\r\n", "\n.\r\nx\r\n", 10, true),
    CASE("a\0b\r\n.\r\n", "a\0b\r\n", 8, false),
    CASE("never ends\r\n.", "never ends\r\n", SIZE_MAX, false),
    CASE("never ends\r\n.\r", "never ends\r\n", SIZE_MAX, false),
};

static bool collect(void *ctx, struct bytes data)
{
    return buf_add_bytes(ctx, data);
}

static void check(const struct dots_case *c, size_t cut)
{
    struct dots d = { .state = DOTS_LINE };
    struct buf out;
    buf_init(&out, 4096);
    size_t used = dots_feed(&d, bytes_slice(c->in, 0, cut), collect, &out);
    if (!d.is_over)
        used += dots_feed(&d, bytes_slice(c->in, cut, c->in.size), collect, &out);
    assert_int_equal(d.is_over, c->used != SIZE_MAX);
    assert_int_equal(used, c->used != SIZE_MAX ? c->used : c->in.size);
    assert_int_equal(out.size, c->out.size);
    assert_memory_equal(buf_str(&out), c->out.data, c->out.size);
    assert_int_equal(d.has_bare, c->has_bare);
    buf_fini(&out);
}

static void test_cut_anywhere(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t cut = 0; cut <= cases[i].in.size; cut++)
            check(&cases[i], cut);
    }
}

static void test_byte_by_byte(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dots d = { .state = DOTS_LINE };
        struct buf out;
        buf_init(&out, 4096);
        for (size_t at = 0; at < cases[i].in.size && !d.is_over; at++)
            assert_int_equal(dots_feed(&d, bytes_slice(cases[i].in, at, at + 1), collect, &out), 1);
        assert_int_equal(out.size, cases[i].out.size);
        assert_memory_equal(buf_str(&out), cases[i].out.data, cases[i].out.size);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_byte_by_byte) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
