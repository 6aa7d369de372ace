#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "octets.h"
#include "proto/mime/address.h"

/* "address;address" or NULL: refused. `phrase` is the first one's. */
static const struct {
    struct bytes in;
    const char *addresses, *phrase, *comment;
} cases[] = {
    { OCTETS("joe@example.org"), "joe@example.org;", "", "" },
    { OCTETS(" Joe <joe@example.org>\r\n"), "joe@example.org;", "Joe", "" },
    { OCTETS("\"Joe, the \\\"One\\\"\" <joe@x>"), "joe@x;", "\"Joe, the \\\"One\\\"\"", "" },
    { OCTETS("John Q. Public <j@x>, <k@y> , l@z"), "j@x;k@y;l@z;", "John Q. Public", "" },
    { OCTETS("=?utf-8?Q?J=C3=B6rg?=\r\n =?utf-8?Q?_M?= <j@x>"), "j@x;",
      "=?utf-8?Q?J=C3=B6rg?=\r\n =?utf-8?Q?_M?=", "" },
    { OCTETS("J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc\x63her.example>"), "j\xc3\xb6rg@b\xc3\xbc\x63her.example;",
      "J\xc3\xb6rg", "" },
    { OCTETS("joe@x (Joe (the first) \\) Doe)"), "joe@x;", "", "(Joe (the first) \\) Doe)" },
    { OCTETS("(a)joe(b)@(c)x(d).(e)org"), "joe@x.org;", "", "(e)" },
    { OCTETS("joe . doe @ x . org"), "joe.doe@x.org;", "", "" },
    { OCTETS("\"joe\"@x"), "joe@x;", "", "" },
    { OCTETS("\"joe doe\"@x"), "\"joe doe\"@x;", "", "" },
    { OCTETS("\"a\\\"b\\\\c\"@x"), "\"a\\\"b\\\\c\"@x;", "", "" },
    { OCTETS("\"joe\".doe@x"), "joe.doe@x;", "", "" },
    { OCTETS("\"\"@x"), "\"\"@x;", "", "" },
    { OCTETS("joe@[127.0.0.1]"), "joe@[127.0.0.1];", "", "" },
    { OCTETS("<@a.b,@c:joe@x>"), "joe@x;", "", "" },
    { OCTETS("Team: Joe <joe@x>, ann@y;"), "joe@x;ann@y;", "Joe", "" },
    { OCTETS("undisclosed-recipients:;"), "", "", "" },
    { OCTETS("A:a@x;, b@y, B: c@z;"), "a@x;b@y;c@z;", "", "" },
    { OCTETS("joe@x <joe@x>"), "joe@x;", "joe@x", "" },
    { OCTETS("[EXT] Joe <joe@x>"), "joe@x;", "[EXT] Joe", "" },
    { OCTETS("joe"), "joe;", "", "" },
    { OCTETS(", joe@x,,"), "joe@x;", "", "" },
    { OCTETS("< joe@x >"), "joe@x;", "", "" },
    { OCTETS(""), "", "", "" },
    { OCTETS(" \r\n"), "", "", "" },
    { OCTETS("a..b@x"), "a..b@x;", "", "" },
    /* Refused. */
    { OCTETS("Joe Doe"), NULL, NULL, NULL },
    { OCTETS("joe@x ann@y"), NULL, NULL, NULL },
    { OCTETS("joe@x@y"), NULL, NULL, NULL },
    { OCTETS("@x"), NULL, NULL, NULL },
    { OCTETS("joe@"), NULL, NULL, NULL },
    { OCTETS("<>"), NULL, NULL, NULL },
    { OCTETS("Joe <joe@x"), NULL, NULL, NULL },
    { OCTETS("Joe <joe@x> Doe"), NULL, NULL, NULL },
    { OCTETS("<joe@x> <ann@y>"), NULL, NULL, NULL },
    { OCTETS("joe@x>"), NULL, NULL, NULL },
    { OCTETS("\"joe@x"), NULL, NULL, NULL },
    { OCTETS("(joe@x"), NULL, NULL, NULL },
    { OCTETS("joe@x (open"), NULL, NULL, NULL },
    { OCTETS("joe@[127"), NULL, NULL, NULL },
    { OCTETS("joe@x;"), NULL, NULL, NULL },
    { OCTETS("A: B: joe@x;;"), NULL, NULL, NULL },
    { OCTETS("<@a joe@x>"), NULL, NULL, NULL },
    { OCTETS("joe\0@x"), NULL, NULL, NULL },
    { OCTETS("joe@x\x1b[0m"), NULL, NULL, NULL },
    { OCTETS("\xff@x"), NULL, NULL, NULL },
    { OCTETS("joe@\"x\""), NULL, NULL, NULL },
};

static void test_lists(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct mime_addresses list;
        struct fault why = { 0 };
        bool is_good = mime_addresses_parse(cases[i].in, arena, &list, &why);
        if (is_good != (cases[i].addresses != NULL))
            print_message("  case %zu: %.*s\n", i, (int)cases[i].in.size, (const char *)cases[i].in.data);
        assert_int_equal(is_good, cases[i].addresses != NULL);
        if (!is_good) {
            assert_int_equal(why.kind, FAULT_REJECT);
            assert_true(why.text[0]);
        } else {
            struct buf seen;
            buf_init(&seen, 4096);
            for (size_t k = 0; k < list.count; k++)
                buf_addf(&seen, "%s;", list.items[k].address);
            assert_string_equal(buf_str(&seen), cases[i].addresses);
            buf_fini(&seen);
        }
        if (is_good && list.count > 0) {
            assert_true(bytes_equal(list.items[0].phrase, bytes_of(cases[i].phrase)));
            assert_true(bytes_equal(list.items[0].comment, bytes_of(cases[i].comment)));
        }
        arena_free(arena);
    }
}

static void assert_refused(struct buf *text)
{
    struct arena *arena = arena_new();
    struct mime_addresses list;
    struct fault why;
    assert_false(mime_addresses_parse(buf_bytes(text), arena, &list, &why));
    arena_free(arena);
    buf_fini(text);
}

static void test_ceilings(void **state)
{
    struct buf many, local, domain, deep;
    buf_init(&many, 1 << 20);
    for (int i = 0; i <= MIME_ADDRESSES_LIMIT; i++)
        buf_add_str(&many, "a@x,");
    assert_refused(&many);
    buf_init(&local, 1 << 20);
    for (int i = 0; i < MIME_ADDRESS_SIZE; i++)
        buf_add_byte(&local, 'a');
    buf_add_str(&local, "@x");
    assert_refused(&local);
    buf_init(&domain, 1 << 20);
    buf_add_str(&domain, "a@");
    for (int i = 0; i < MIME_ADDRESS_SIZE; i++)
        buf_add_byte(&domain, 'a');
    assert_refused(&domain);
    buf_init(&deep, 1 << 20);
    for (int i = 0; i < 500000; i++)
        buf_add_byte(&deep, '(');
    assert_refused(&deep);
}

static void test_a_long_name_is_no_address_and_no_trouble(void **state)
{
    struct arena *arena = arena_new();
    struct mime_addresses list;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 2 * MIME_ADDRESS_SIZE; i++)
        buf_add_byte(&text, 'n');
    buf_add_str(&text, " <a@x>");
    assert_true(mime_addresses_parse(buf_bytes(&text), arena, &list, NULL));
    assert_string_equal(list.items[0].address, "a@x");
    assert_int_equal(list.items[0].phrase.size, 2 * MIME_ADDRESS_SIZE);
    buf_fini(&text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_a_long_name_is_no_address_and_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
