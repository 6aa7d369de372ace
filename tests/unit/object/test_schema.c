/* The schemas say what the reader takes and what the writer writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "object/fields.h"

static void check_examples(const struct field *fields)
{
    for (const struct field *f = fields; f->key; f++) {
        if (f->group)
            check_examples(f->group);
        if (f->rule && (!f->rule->is_valid(f->rule->example) || strlen(f->rule->example) > f->rule->max))
            fail_msg("%s: \"%s\" is no good example", f->key, f->rule->example);
    }
}

static void test_examples_are_valid(void **state)
{
    for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
        check_examples(object_tables[kind].fields);
}

static void check_covers(const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *member;
    assert_int_equal(json_object_size(properties), json_object_size(value));
    assert_int_equal(json_array_size(json_object_get(schema, "required")), json_object_size(value));
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        assert_non_null(json_object_get(properties, name));
        if (json_is_object(member))
            check_covers(json_object_get(properties, name), member);
    }
}

static void test_every_field_that_is_written_is_in_the_schema(void **state)
{
    static const char *const smallest[OBJECT_KINDS] = {
        [OBJECT_PROVIDER] = "{\"name\":\"a\",\"smtp\":{\"host\":\"h\",\"sasl\":\"plain\"}}",
        [OBJECT_REGISTRATION] = "{\"name\":\"a\",\"provider\":\"b\",\"client_id\":\"c\"}",
        [OBJECT_MAILBOX] = "{\"address\":\"a@b.example\",\"registration\":\"r\"}",
        [OBJECT_APP] = "{\"name\":\"a\",\"mailboxes\":[\"a@b.example\"]}",
        [OBJECT_ENDPOINT] = "{\"name\":\"a\",\"mailbox\":\"a@b.example\"}",
        [OBJECT_OPERATOR] = "{\"name\":\"a\"}",
        [OBJECT_KEY] = "{\"name\":\"a\",\"scopes\":[\"read\"]}",
    };
    for (unsigned k = 0; k < OBJECT_KINDS; k++) {
        enum object_kind kind = (enum object_kind)k;
        struct arena *arena = arena_new();
        struct fault why = { 0 };
        json_t *json = json_loads(smallest[k], 0, NULL), *schema = object_schema(kind, OBJECT_SCHEMA_SHOWN);
        void *object = object_from_json(kind, json, arena, &why);
        if (!object)
            fail_msg("%s", why.text);
        json_t *shown = object_to_json(kind, object);
        check_covers(schema, shown);
        json_decref(shown);
        json_decref(schema);
        json_decref(json);
        arena_free(arena);
    }
}

static void test_what_must_be_given_beside_the_key_is_required_and_the_rest_may_be_null(void **state)
{
    json_t *whole = object_schema(OBJECT_KEY, OBJECT_SCHEMA_PUT),
           *changes = object_schema(OBJECT_KEY, OBJECT_SCHEMA_CHANGES);
    const json_t *properties = json_object_get(whole, "properties"), *required = json_object_get(whole, "required");
    assert_int_equal(json_array_size(required), 1);
    assert_string_equal(json_string_value(json_array_get(required, 0)), "scopes");
    assert_int_equal(json_array_size(json_object_get(changes, "required")), 0);
    assert_true(json_is_false(json_object_get(whole, "additionalProperties")));
    assert_true(json_is_string(json_object_get(json_object_get(properties, "name"), "type")));
    assert_true(json_is_array(json_object_get(json_object_get(properties, "expires"), "type")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(properties, "scopes"), "minItems")), 1);
    json_decref(whole);
    json_decref(changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_are_valid),
        cmocka_unit_test(test_every_field_that_is_written_is_in_the_schema),
        cmocka_unit_test(test_what_must_be_given_beside_the_key_is_required_and_the_rest_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
