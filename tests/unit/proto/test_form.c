/* Forms as browsers, curl, Java, Python and .NET write them, whole and in single octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "proto/mime/form.h"
#include "proto/mime/western.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PART(head, body) "--x\r\n" head "\r\n\r\n" body "\r\n"
#define FIELD "Content-Disposition: form-data; name=\"a\""

/* What was heard, as text: "name|file|type|encoding[octets]" for each part. */
struct ear {
    struct buf text;
    const char *refuse; /* name of the part whose octets are refused */
    bool is_deaf;
};

static bool begin(void *ctx, const struct form_part *p)
{
    struct ear *e = ctx;
    e->is_deaf = e->refuse && strcmp(e->refuse, p->name) == 0;
    return buf_addf(&e->text, "%s|%s|%s|%s[", p->name, p->file, p->type, p->encoding);
}

static bool piece(void *ctx, struct bytes octets)
{
    struct ear *e = ctx;
    assert_true(octets.size > 0);
    return !e->is_deaf && buf_add_bytes(&e->text, octets);
}

static bool end(void *ctx)
{
    return buf_add_str(&((struct ear *)ctx)->text, "]");
}

static bool read_octets(struct ear *e, const char *type, struct bytes in, size_t step, struct fault *why)
{
    static const struct form_host host = { begin, piece, end };
    struct arena *arena = arena_new();
    *why = (struct fault){ 0 };
    buf_init(&e->text, 1u << 20);
    struct form *f = form_new(arena, type, &host, e, why);
    bool ok = f != NULL;
    for (size_t at = 0; ok && at < in.size; at += step)
        ok = form_feed(f, bytes_slice(in, at, at + step), why);
    ok = ok && form_end(f, why);
    form_free(f);
    arena_free(arena);
    return ok;
}

static bool read_form(struct ear *e, const char *type, const char *form, size_t step, struct fault *why)
{
    return read_octets(e, type, bytes_of(form), step, why);
}

static void hears(const char *type, const char *form, const char *wanted)
{
    for (size_t step = 1; step < strlen(form) + 2; step += step < 4 ? 1 : strlen(form)) {
        struct ear e = { .refuse = NULL };
        struct fault why;
        if (!read_form(&e, type, form, step, &why))
            fail_msg("%s: %s", type, why.text);
        assert_string_equal(buf_str(&e.text), wanted);
        buf_fini(&e.text);
    }
}

static void boundaries_of_any_kind_are_taken(void **state)
{
    static const char *const types[] = {
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\"x\"",
        "Multipart/Form-Data;BOUNDARY=x",
        "multipart/form-data; boundary=x; charset=utf-8",
        "multipart/form-data;charset=\"a;boundary=y\" ; boundary=\"x\";",
        "multipart/form-data; charset; boundary = x",
    };
    char longest[300], form[1000];
    for (size_t i = 0; i < COUNT(types); i++)
        hears(types[i], PART(FIELD, "b") "--x--", "a|||[b]");
    hears("multipart/form-data; boundary=\"'()+_,-./:=? x\"",
          "--'()+_,-./:=? x\r\n" FIELD "\r\n\r\nb\r\n--'()+_,-./:=? x--", "a|||[b]");
    snprintf(longest, sizeof longest, "multipart/form-data; boundary=%.*s", FORM_BOUNDARY_MOST,
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    snprintf(form, sizeof form, "--%s\r\n" FIELD "\r\n\r\nb\r\n--%s--", strchr(longest, '=') + 1,
             strchr(longest, '=') + 1);
    hears(longest, form, "a|||[b]");
}

static void what_stands_around_the_parts_is_passed_over(void **state)
{
    const char *type = "multipart/form-data; boundary=x";
    hears(type, "\r\n" PART(FIELD, "b") "--x--\r\n", "a|||[b]");
    hears(type, "A preamble\r\n--xy\r\n-- x\r\n" PART(FIELD, "b") "--x--epilogue\r\n--x\r\n", "a|||[b]");
    hears(type, "--x \t \r\n" FIELD "\r\n\r\nb\r\n--x-- ", "a|||[b]");
    hears(type, "--x--", "");
}

static void only_a_whole_boundary_ends_a_part(void **state)
{
    const char *type = "multipart/form-data; boundary=x";
    static const char *const bodies[] = {
        "\r\n",    "\r\n\r\n", "\r",         "\n",        "\r\r\n",     "\r\n-",       "\r\n--",
        "\r\n--y", "\r\n--xy", "\r\n--x-",   "\r\n--x-y", "\r\n--x \r", "\r\n--x\r",   "\r\n--x \t-",
        "--xx",    "-",        "\r\n--x \n", "\n--x\n",   "x\r\n--",    "\r\n--x\r\r", "\r\n--x a\r\n--x\tb",
    };
    char form[400], wanted[400];
    for (size_t i = 0; i < COUNT(bodies); i++) {
        snprintf(form, sizeof form, PART(FIELD, "%s") PART(FIELD, "2") "--x--", bodies[i]);
        snprintf(wanted, sizeof wanted, "a|||[%s]a|||[2]", bodies[i]);
        hears(type, form, wanted);
    }
    hears(type, "--x\r\n" FIELD "\r\n\r\n\r\n--x\r\n" FIELD "\r\n\r\n--x--", "a|||[]a|||[]");
}

static void a_boundary_with_a_nul_behind_it_is_the_parts_own(void **state)
{
    static const char form[] = PART(FIELD, "1\r\n--x\0\r\n2\r\n--x \0") "--x--";
    static const char wanted[] = "a|||[1\r\n--x\0\r\n2\r\n--x \0]";
    for (size_t step = 1; step < sizeof form; step += sizeof form - 2) {
        struct ear e = { .refuse = NULL };
        struct fault why;
        assert_true(read_octets(&e, "multipart/form-data; boundary=x",
                                (struct bytes){ (const uint8_t *)form, sizeof form - 1 }, step, &why));
        assert_int_equal(e.text.size, sizeof wanted - 1);
        assert_memory_equal(e.text.data, wanted, sizeof wanted - 1);
        buf_fini(&e.text);
    }
}

static void heads_are_read_as_they_are_written(void **state)
{
    static const struct {
        const char *head, *wanted;
    } cases[] = {
        { "content-disposition:form-data;name=a", "a|||[b]" },
        { "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: "
          "form-data; name=\"a\"",
          "a||text/plain; charset=UTF-8|8bit[b]" },
        { "Content-Disposition: form-data;\r\n filename=\"f.pdf\";\r\n\tname=\"a\"\r\nX-Other: c", "a|f.pdf||[b]" },
        { FIELD "; filename=\"C:\\folder\\zwei ü.txt\"", "a|C:\\folder\\zwei ü.txt||[b]" },
        { FIELD "; filename=\"C:\\\\folder\\\\a\\\"b.txt\"", "a|C:\\folder\\a\"b.txt||[b]" },
        { FIELD "; filename=\"a%22b%20c;d.txt\"", "a|a\"b%20c;d.txt||[b]" },
        { FIELD "; filename*=UTF-8''zwei%20%C3%BC.txt", "a|zwei ü.txt||[b]" },
        { FIELD "; filename=\"=?utf-8?B?w7w=?=\"; filename*=utf-8'de'%C3%BC", "a|ü||[b]" },
        { FIELD "; filename=plain; filename*=iso-8859-1''%FC", "a|plain||[b]" },
        { FIELD "; filename=plain; filename*=UTF-8''%FC", "a|plain||[b]" },
        { FIELD "; filename=plain; filename*=UTF-8''%zz", "a|plain||[b]" },
        { FIELD "; filename=plain; filename*=UTF-8''a%00b", "a|plain||[b]" },
        { FIELD "; filename=\"\"", "a|||[b]" },
        { FIELD "; filename=\"not closed", "a|not closed||[b]" },
        { "Content-Disposition-X: y\r\n" FIELD, "a|||[b]" },
    };
    char form[600];
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(form, sizeof form, PART("%s", "b") "--x--", cases[i].head);
        hears("multipart/form-data; boundary=x", form, cases[i].wanted);
    }
}

static void what_is_no_form_is_refused(void **state)
{
    static const struct {
        const char *type, *form, *says;
    } cases[] = {
        { "multipart/form-data", "", "names no boundary" },
        { "multipart/form-data; boundary=", "", "names no boundary" },
        { "multipart/form-data; boundary=\"x \"", "", "names no boundary" },
        { "multipart/form-data; boundary=ü", "", "names no boundary" },
        { "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", "",
          "1 to 70 characters" },
        { "multipart/form-data; boundary=x", "", "stands nowhere" },
        { "multipart/form-data; boundary=x", "a=b", "stands nowhere" },
        { "multipart/form-data; boundary=x", "--x", "stands nowhere" },
        { "multipart/form-data; boundary=x", "--x\r\n" FIELD, "broken off" },
        { "multipart/form-data; boundary=x", PART(FIELD, "b"), "broken off" },
        { "multipart/form-data; boundary=x", PART(FIELD, "b") "--x-", "broken off" },
        { "multipart/form-data; boundary=x", PART("X: y", "b") "--x--", "no name" },
        { "multipart/form-data; boundary=x", "--x\r\n\r\nb\r\n--x--", "no name" },
        { "multipart/form-data; boundary=x", PART("Content-Disposition: form-data; name=\"\"", "b") "--x--",
          "no name" },
        { "multipart/form-data; boundary=x", PART("Content-Disposition: attachment; name=\"a\"", "b") "--x--",
          "no name" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 1; step < 1000; step += 998) {
            struct ear e = { .refuse = NULL };
            struct fault why;
            assert_false(read_form(&e, cases[i].type, cases[i].form, step, &why));
            assert_string_equal(why.id, "api.form");
            if (!strstr(why.text, cases[i].says))
                fail_msg("case %zu says: %s", i, why.text);
            buf_fini(&e.text);
        }
    }
}

static void a_head_has_an_end_and_a_host_that_refuses_is_heard(void **state)
{
    struct ear e = { .refuse = "a" };
    struct fault why;
    struct buf form;
    buf_init(&form, 1u << 20);
    buf_add_str(&form, "--x\r\n" FIELD "\r\nX-Long: ");
    while (form.size < FORM_HEAD_MOST + 100)
        buf_add_byte(&form, 'y');
    assert_false(read_form(&e, "multipart/form-data; boundary=x", buf_str(&form), 100, &why));
    assert_non_null(strstr(why.text, "head is larger"));
    buf_fini(&e.text);
    assert_false(read_form(&e, "multipart/form-data; boundary=x", PART(FIELD, "b") "--x--", 7, &why));
    assert_int_equal(why.kind, FAULT_NONE); /* the host's own matter */
    buf_fini(&e.text);
    buf_fini(&form);
}

static void western_text_becomes_utf8(void **state)
{
    uint8_t all[256], out[3 * sizeof all];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    struct bytes utf8 = { out, western_to_utf8((struct bytes){ all, sizeof all }, out) };
    assert_true(text_is_utf8(utf8));
    assert_int_equal(utf8.size, 128 + 17 * 3 + (128 - 17) * 2);
    utf8.size = western_to_utf8(BYTES_LIT("a\x80\x81\x9f\xa0\xfc\xff"), out);
    assert_true(bytes_equal(utf8, BYTES_LIT("a\u20ac\xc2\x81\u0178\u00a0\u00fc\u00ff")));
    assert_true(western_is_name("ISO-8859-1") && western_is_name("Windows-1252") && !western_is_name("iso-8859-15"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundaries_of_any_kind_are_taken),
        cmocka_unit_test(what_stands_around_the_parts_is_passed_over),
        cmocka_unit_test(only_a_whole_boundary_ends_a_part),
        cmocka_unit_test(a_boundary_with_a_nul_behind_it_is_the_parts_own),
        cmocka_unit_test(heads_are_read_as_they_are_written),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(western_text_becomes_utf8),
        cmocka_unit_test(a_head_has_an_end_and_a_host_that_refuses_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
