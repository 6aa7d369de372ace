/* The API's document and the table of routes are of one mind: nothing is there that is not described, and nothing is described that is
 * not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin_private.h"
#include "admin/openapi.h"
#include "proto/json/schema.h"

static void test_every_route_is_described(void **state)
{
    struct openapi *o = openapi_new();
    for (size_t i = 0; i < route_count(); i++)
        if (!o->operations[i])
            fail_msg("%s %s is not in openapi.yaml", route_at(i)->method, route_at(i)->path);
    openapi_free(o);
}

/* An operation that found its route has got the right it needs. */
static void test_every_operation_has_its_route(void **state)
{
    static const char *const methods[] = { "get", "put", "post", "patch", "delete" };
    struct openapi *o = openapi_new();
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(o->document, "paths"), path, item)
    {
        for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
            const json_t *operation = json_object_get(item, methods[i]);
            if (operation && !json_object_get(operation, "x-postern-right"))
                fail_msg("there is no route for %s %s", methods[i], path);
        }
    }
    openapi_free(o);
}

static void check(const json_t *document, const json_t *json)
{
    const char *name;
    json_t *member;
    size_t i;
    if (json_is_string(json_object_get(json, "$ref")) && !json_schema_resolve(document, json))
        fail_msg("%s leads nowhere", json_string_value(json_object_get(json, "$ref")));
    if (json_is_object(json)) {
        json_object_foreach((json_t *)(uintptr_t)json, name, member)
        {
            if (strstr(name, "{kind") || strstr(name, "{Kind") || strncmp(name, "x-refused", 9) == 0 ||
                strcmp(name, "x-body") == 0)
                fail_msg("%s stayed in the document", name);
            check(document, member);
        }
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, member) check(document, member);
    } else if (json_is_string(json) &&
               (strstr(json_string_value(json), "{kind") || strstr(json_string_value(json), "{Kind"))) {
        fail_msg("\"%s\" stayed in the document", json_string_value(json));
    }
}

static void test_references_lead_somewhere_and_nothing_is_left_to_fill_in(void **state)
{
    struct openapi *o = openapi_new();
    check(o->document, o->document);
    openapi_free(o);
}

static void test_the_rights_are_the_table_s(void **state)
{
    struct openapi *o = openapi_new();
    for (size_t i = 0; i < route_count(); i++) {
        const json_t *rights = json_object_get(o->operations[i], "x-postern-right");
        const json_t *security = json_object_get(o->operations[i], "security");
        assert_true(json_is_array(rights));
        assert_int_equal(json_array_size(rights) == 0, route_at(i)->rights == RIGHT_NONE);
        assert_int_equal(json_array_size(security) == 0, route_at(i)->rights == RIGHT_NONE);
    }
    openapi_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_every_operation_has_its_route),
        cmocka_unit_test(test_references_lead_somewhere_and_nothing_is_left_to_fill_in),
        cmocka_unit_test(test_the_rights_are_the_table_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
