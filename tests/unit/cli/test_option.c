/* The one option parser: what it takes, what it refuses, and what an option becomes in JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/object_args.h"

static const struct option_row rows[] = {
    { "user", 0, OPTION_TEXT, "NAME", "Who.", SHAPE_TEXT, "user" },
    { "alias", 0, OPTION_LIST, "ADDRESS...", "Others.", SHAPE_LIST, "aliases" },
    { "smtp", 0, OPTION_TEXT, "HOST:PORT", "Server.", SHAPE_HOST_PORT, "smtp.host" },
    { "tls", 0, OPTION_TEXT, "HOW", "Protection.", SHAPE_TEXT, "smtp.tls" },
    { "connections", 0, OPTION_TEXT, "N", "Number.", SHAPE_NUMBER, "limits.connections" },
    { "only-from", 0, OPTION_FLAG, NULL, "Flag.", SHAPE_FLAG, "only_from" },
    { "no-password", 0, OPTION_FLAG, NULL, "Off.", SHAPE_OFF, "has_password" },
    { "to", 0, OPTION_TEXTS, "ADDRESS", "Kept whole.", SHAPE_NONE, NULL },
    OPTION_END,
};
static const struct option_row common[] = {
    { "config", 'c', OPTION_TEXT, "FILE", "File.", SHAPE_NONE, NULL },
    { "follow", 'f', OPTION_FLAG, NULL, "Follow.", SHAPE_NONE, NULL },
    OPTION_END,
};
static const struct option_row *const tables[] = { rows, common, NULL };

/* Words separated by blanks. */
static bool parse(const char *line, size_t operands_most, struct arena *arena, struct options *out, struct fault *why)
{
    char *argv[16];
    int argc = 0;
    char *rest = NULL;
    for (char *word = strtok_r(arena_strdup(arena, line), " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return options_parse(argc, argv, tables, operands_most, arena, out, why);
}

static const struct {
    const char *line;
    size_t operands_most;
    const char *json, *operands;
} taken[] = {
    { "a@b --user u", 1, "{\"user\":\"u\"}", "a@b" },
    { "--user=u a@b", 1, "{\"user\":\"u\"}", "a@b" },
    { "a@b --user u --user v", 1, "{\"user\":\"v\"}", "a@b" },
    { "a@b --alias x@y,z@y --alias q@y", 1, "{\"aliases\":[\"x@y\",\"z@y\",\"q@y\"]}", "a@b" },
    { "a@b --alias x@y z@y --user u", 1, "{\"aliases\":[\"x@y\",\"z@y\"],\"user\":\"u\"}", "a@b" },
    { "--alias x@y a@b z@y", 1, "{\"aliases\":[\"x@y\",\"z@y\"]}", "a@b" },
    { "a@b --alias=", 1, "{\"aliases\":[]}", "a@b" },
    { "a@b --user=", 1, "{\"user\":\"\"}", "a@b" },
    { "a@b --smtp mx.example:2587 --tls none", 1, "{\"smtp\":{\"host\":\"mx.example\",\"port\":2587,\"tls\":\"none\"}}",
      "a@b" },
    { "a@b --smtp mx.example", 1, "{\"smtp\":{\"host\":\"mx.example\"}}", "a@b" },
    { "a@b --smtp [::1]:25", 1, "{\"smtp\":{\"host\":\"::1\",\"port\":25}}", "a@b" },
    { "a@b --smtp ::1", 1, "{\"smtp\":{\"host\":\"::1\"}}", "a@b" },
    { "a@b --connections 4", 1, "{\"limits\":{\"connections\":4}}", "a@b" },
    { "a@b --only-from", 1, "{\"only_from\":true}", "a@b" },
    { "a@b --no-only-from", 1, "{\"only_from\":false}", "a@b" },
    { "a@b --no-password", 1, "{\"has_password\":false}", "a@b" },
    { "-c f -- -x --user", 9, "{}", "-x --user" },
    { "- -cf", 9, "{}", "-" },
    { "one two three", 9, "{}", "one two three" },
};

static void test_taken(void **state)
{
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        struct arena *arena = arena_new();
        struct options o;
        struct fault why = { 0 };
        if (!parse(taken[i].line, taken[i].operands_most, arena, &o, &why))
            fail_msg("%s: %s", taken[i].line, why.text);
        const char *operands = "";
        for (size_t k = 0; k < o.operands_count; k++)
            operands = arena_printf(arena, "%s%s%s", operands, k ? " " : "", o.operands[k]);
        assert_string_equal(operands, taken[i].operands);
        json_t *is = object_args_json(&o, &why), *want = json_loads(taken[i].json, 0, NULL);
        if (!json_equal(is, want)) {
            char *text = json_dumps(is, JSON_COMPACT);
            fail_msg("%s\n  is %s, not %s", taken[i].line, text, taken[i].json);
        }
        json_decref(is);
        json_decref(want);
        arena_free(arena);
    }
}

static const struct {
    const char *line, *text;
} refused[] = {
    { "--usr u", "there is no option --usr; did you mean --user?" },
    { "--usr=u", "there is no option --usr; did you mean --user?" },
    { "--frobnicate", "there is no option --frobnicate" },
    { "--user", "--user needs a value: NAME" },
    { "--only-from=yes", "--only-from takes no value" },
    { "--no-user", "there is no option --no-user" },
    { "-x", "there is no option -x" },
    { "-fc", "there is no option -fc" },
    { "--smtp h:port", "--smtp: \"port\" is no port" },
    { "--smtp h:0", "is no port" },
    { "--smtp [::1", "the ] is missing" },
    { "--connections many", "--connections needs a number, not \"many\"" },
    { "--user \xff", "--user is not text in UTF-8" },
};

static void test_refused(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct arena *arena = arena_new();
        struct options o;
        struct fault why = { 0 };
        json_t *json = parse(refused[i].line, 1, arena, &o, &why) ? object_args_json(&o, &why) : NULL;
        if (json || !strstr(why.text, refused[i].text))
            fail_msg("%s\n  said: %s\n  want: %s", refused[i].line, why.text, refused[i].text);
        arena_free(arena);
    }
}

static void test_asking_for_values(void **state)
{
    struct arena *arena = arena_new();
    struct options o;
    struct fault why = { 0 };
    assert_true(parse("--to a,b --to c -c f -f", 0, arena, &o, &why));
    assert_string_equal(option_at(&o, "to", 0), "a,b"); /* a name may hold a comma */
    assert_string_equal(option_at(&o, "to", 1), "c");
    assert_null(option_at(&o, "to", 2));
    assert_string_equal(option_text(&o, "config", "-"), "f");
    assert_string_equal(option_text(&o, "user", "-"), "-");
    assert_true(option_flag(&o, "follow"));
    assert_false(option_flag(&o, "only-from"));
    assert_true(option_given(&o, "to"));
    assert_false(option_given(&o, "user"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_asking_for_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
