/* Long texts are taken out of a document wherever its pieces are cut, and nobody is fooled about their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/json/cut.h"

struct heard {
    struct buf taken, rest; /* taken: "POINTER=text\n" each */
    const char *wanted;     /* a pointer ends with it */
    size_t room;
};

static bool begin(void *ctx, const char *pointer)
{
    struct heard *h = ctx;
    size_t size = strlen(pointer), wanted = strlen(h->wanted);
    if (size < wanted || strcmp(pointer + size - wanted, h->wanted) != 0)
        return false;
    return buf_addf(&h->taken, "%s=", pointer);
}

static bool piece(void *ctx, struct bytes text)
{
    struct heard *h = ctx;
    if (text.size > h->room)
        return false;
    h->room -= text.size;
    return buf_add_bytes(&h->taken, text);
}

static bool end(void *ctx)
{
    return buf_add_byte(&((struct heard *)ctx)->taken, '\n');
}

static bool rest(void *ctx, struct bytes json)
{
    return buf_add_bytes(&((struct heard *)ctx)->rest, json);
}

static const struct json_cut_host host = { begin, piece, end, rest };

static bool cut(struct heard *h, struct bytes in, size_t step, struct fault *why)
{
    struct json_cut c;
    buf_init(&h->taken, 1u << 20);
    buf_init(&h->rest, 1u << 20);
    h->wanted = h->wanted ? h->wanted : "/content";
    h->room = h->room ? h->room : SIZE_MAX;
    json_cut_init(&c, &host, h);
    for (size_t at = 0; at < in.size; at += step) {
        if (!json_cut_feed(&c, bytes_slice(in, at, at + step), why))
            return false;
    }
    return json_cut_end(&c, why);
}

static void fini(struct heard *h)
{
    buf_fini(&h->taken);
    buf_fini(&h->rest);
}

static void gives(const char *json, const char *taken, const char *left)
{
    for (size_t step = 1; step <= strlen(json); step++) {
        struct heard h = { 0 };
        struct fault why = { 0 };
        if (!cut(&h, bytes_of(json), step, &why))
            fail_msg("%s, in pieces of %zu: %s", json, step, why.text);
        assert_string_equal(buf_str(&h.taken), taken);
        assert_string_equal(buf_str(&h.rest), left);
        fini(&h);
    }
}

static void test_texts_are_taken(void **state)
{
    gives("{\"content\": \"abc\", \"b\": 1}", "/content=abc\n", "{\"content\": \"\", \"b\": 1}");
    gives("{\"a\":[{\"content\":\"x\"},{\"n\":[1,2],\"content\":\"y\"}]}", "/a/0/content=x\n/a/1/content=y\n",
          "{\"a\":[{\"content\":\"\"},{\"n\":[1,2],\"content\":\"\"}]}");
    gives("{\"a\":{\"content\":\"\"},\"content\":\"z\"}", "/a/content=\n/content=z\n",
          "{\"a\":{\"content\":\"\"},\"content\":\"\"}");
    gives("[[\"content\"], {\"content\": null}]", "", "[[\"content\"], {\"content\": null}]");
    gives("\"content\"", "", "\"content\"");
    gives("", "", "");
}

/* Brackets, quotes and names inside texts are no structure. */
static void test_structure_in_texts_is_none(void **state)
{
    gives("{\"a\":\"\\\"},{\",\"content\":\"{[\\\"\"}", "/content={[\"\n", "{\"a\":\"\\\"},{\",\"content\":\"\"}");
    gives("{\"a\\\"b\":{\"content\":\"1\"}}", "/a\"b/content=1\n", "{\"a\\\"b\":{\"content\":\"\"}}");
    gives("{\"a/b~c\":{\"content\":\"1\"}}", "/a~1b~0c/content=1\n", "{\"a/b~c\":{\"content\":\"\"}}");
    gives("{\"a/content\":\"1\"}", "", "{\"a/content\":\"1\"}");
}

static void test_escapes(void **state)
{
    gives("{\"content\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "/content=\"\\/\b\f\n\r\t\n", "{\"content\":\"\"}");
    gives("{\"content\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}", "/content=A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n",
          "{\"content\":\"\"}");
    gives("{\"content\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\"}", "/content=caf\xc3\xa9 \xf0\x9f\x98\x80\n",
          "{\"content\":\"\"}");
    /* Another spelling of the name is the same name. */
    gives("{\"\\u0063ontent\":\"x\"}", "/content=x\n", "{\"\\u0063ontent\":\"\"}");
}

static void refuses(const char *json, const char *text)
{
    for (size_t step = 1; step <= strlen(json); step++) {
        struct heard h = { 0 };
        struct fault why = { 0 };
        if (cut(&h, bytes_of(json), step, &why))
            fail_msg("taken: %s", json);
        if (!strstr(why.text, text))
            fail_msg("%s\n  said: %s\n  want: %s", json, why.text, text);
        assert_string_equal(why.id, "api.json");
        fini(&h);
    }
}

static void test_refusals(void **state)
{
    refuses("{\"content\":\"a\nb\"}", "at octet 14 a control character");
    refuses("{\"content\":\"\\x\"}", "no such escape");
    refuses("{\"content\":\"\\u12g4\"}", "four digits");
    refuses("{\"content\":\"\\u0000\"}", "NUL");
    refuses("{\"content\":\"\\ud83d\"}", "surrogate");
    refuses("{\"content\":\"\\ud83dx\"}", "surrogate");
    refuses("{\"content\":\"\\ud83d\\n\"}", "surrogate");
    refuses("{\"content\":\"\\ud83d\\ud83d\"}", "surrogate");
    refuses("{\"content\":\"\\ude00\"}", "surrogate");
    refuses("{\"content\":\"\xff\"}", "not UTF-8");
    refuses("{\"content\":\"\xc3\"}", "not UTF-8");
    refuses("{\"content\":\"\xc3\\u00e9\"}", "not UTF-8");
    refuses("{\"content\":\"abc", "ends within a text");
    refuses("{\"conte", "ends within a text");
    refuses("[[[[[[[[[[[[[[[[[", "nested too deep");
}

static void test_a_long_name_is_refused(void **state)
{
    char json[2000];
    memset(json, 'a', sizeof json);
    memcpy(json, "{\"", 2);
    json[sizeof json - 1] = 0;
    struct heard h = { 0 };
    struct fault why = { 0 };
    assert_false(cut(&h, bytes_of(json), 100, &why));
    assert_non_null(strstr(why.text, "too long"));
    fini(&h);
}

static void test_a_full_host_ends_it(void **state)
{
    struct heard h = { .room = 10 };
    struct fault why = { .kind = FAULT_LOCAL, .text = "full" };
    assert_false(cut(&h, BYTES_LIT("{\"content\":\"0123456789abcdef\"}"), 4, &why));
    assert_string_equal(why.text, "full");
    fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_taken),
        cmocka_unit_test(test_structure_in_texts_is_none),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_long_name_is_refused),
        cmocka_unit_test(test_a_full_host_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
