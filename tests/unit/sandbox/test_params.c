/* sandbox/params: urlencoded text to fields and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/params.h"

struct params_case {
    const char *text;
    size_t count;
    const char *name, *value; /* of the first field */
    bool is_malformed;
};

static const struct params_case cases[] = {
    { "", 0, NULL, NULL, false },
    { "a=b", 1, "a", "b", false },
    { "a=b&c=d", 2, "a", "b", false },
    { "a", 1, "a", "", false },
    { "=b", 1, "", "b", false },
    { "a=b=c", 1, "a", "b=c", false },
    { "&&a=1&", 1, "a", "1", false },
    { "a=one+two%20three", 1, "a", "one two three", false },
    { "a=%2B%3d%26", 1, "a", "+=&", false },
    { "%61=x", 1, "a", "x", false },
    { "a=%C3%BC", 1, "a", "\xc3\xbc", false },
    { "a=%", 1, "a", "%", true },
    { "a=%4", 1, "a", "%4", true },
    { "a=%zz", 1, "a", "%zz", true },
    { "a=%00b", 1, "a", "b", true },
};

static void test_parse(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena *arena = arena_new();
        struct web_params p;
        web_params_parse(bytes_of(cases[i].text), arena, &p);
        assert_int_equal(p.count, cases[i].count);
        assert_int_equal(p.is_malformed, cases[i].is_malformed);
        if (p.count > 0) {
            assert_string_equal(p.items[0].name, cases[i].name);
            assert_string_equal(p.items[0].value, cases[i].value);
        }
        arena_free(arena);
    }
}

static void test_look_up(void **state)
{
    struct arena *arena = arena_new();
    struct web_params p;
    web_params_parse(BYTES_LIT("a=1&b=2&a=3"), arena, &p);
    assert_string_equal(web_params_get(&p, "a"), "1");
    assert_null(web_params_get(&p, "c"));
    assert_string_equal(web_params_text(&p, "c"), "");
    assert_int_equal(web_params_times(&p, "a"), 2);
    arena_free(arena);
}

static void test_too_many_fields(void **state)
{
    struct arena *arena = arena_new();
    struct web_params p;
    char text[2 * (WEB_PARAMS_MAX + 1) + 1] = "";
    for (size_t i = 0; i <= WEB_PARAMS_MAX; i++)
        strcat(text, "a&");
    web_params_parse(bytes_of(text), arena, &p);
    assert_int_equal(p.count, WEB_PARAMS_MAX);
    assert_true(p.is_malformed);
    arena_free(arena);
}

static void test_there_and_back(void **state)
{
    struct arena *arena = arena_new();
    char every[256];
    for (unsigned i = 1; i < 256; i++)
        every[i - 1] = (char)i;
    every[255] = 0;
    struct buf text;
    buf_init(&text, 4096);
    assert_true(web_params_add(&text, every, every));
    assert_null(strpbrk(buf_str(&text), " +&\r\n\""));
    struct web_params p;
    web_params_parse(buf_bytes(&text), arena, &p);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.items[0].name, every);
    assert_string_equal(p.items[0].value, every);
    assert_false(p.is_malformed);
    buf_fini(&text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_look_up),
        cmocka_unit_test(test_too_many_fields),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
