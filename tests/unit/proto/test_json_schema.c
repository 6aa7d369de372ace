/* What does not fit is named by its place, and by what would fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/json/schema.h"

static const char document_text[] =
    "{'schemas':{'Name':{'type':'string','minLength':1,'maxLength':3},'Again':{'$ref':'#/schemas/Name'},"
    "'Texts':{'anyOf':[{'type':'string'},{'type':'array','items':{'type':'string'},'maxItems':2}]},"
    "'Thing':{'type':'object','required':['name'],'additionalProperties':false,'properties':{"
    "'name':{'$ref':'#/schemas/Again'},'count':{'type':'integer','minimum':0,'maximum':9},"
    "'least':{'type':'integer','minimum':1},'how':{'type':['string','null'],'enum':['this','that',null]},"
    "'texts':{'$ref':'#/schemas/Texts'},'always':{'const':true},'any':true,'number':{'type':'number'},"
    "'list':{'type':'array','minItems':1,'items':{'$ref':'#/schemas/Thing'}},"
    "'free':{'type':'object','additionalProperties':{'type':'boolean'}}}}}}";

static json_t *json_of(const char *text)
{
    char copy[4096];
    size_t size = strlen(text);
    assert_true(size < sizeof copy);
    for (size_t i = 0; i <= size; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

static const struct {
    const char *value;
    const char *pointer; /* NULL: it fits */
    const char *text;
} cases[] = {
    { "{'name':'abc','count':9,'least':100,'how':'that','texts':'one','always':true,'any':[1],'number':1.5}", NULL,
      NULL },
    { "{'name':'\xc3\xa4\xc3\xb6\xc3\xbc','how':null,'texts':['a','b'],'free':{'x':true},'number':2}", NULL, NULL },
    { "{'name':'a','list':[{'name':'b'},{'name':'c','list':[{'name':'d'}]}]}", NULL, NULL },
    { "[]", "", "it must be an object" },
    { "{}", "/name", "it is missing" },
    { "{'name':''}", "/name", "it must not be empty" },
    { "{'name':'abcd'}", "/name", "it may have 3 characters at most" },
    { "{'name':5}", "/name", "it must be a text" },
    { "{'name':null}", "/name", "it must be a text" },
    { "{'name':'a','count':10}", "/count", "it must be a whole number from 0 to 9" },
    { "{'name':'a','count':-1}", "/count", "it must be a whole number from 0 to 9" },
    { "{'name':'a','count':1.0}", "/count", "it must be a whole number" },
    { "{'name':'a','least':0}", "/least", "it must be a whole number from 1 on" },
    { "{'name':'a','how':'other'}", "/how", "it must be one of: this, that" },
    { "{'name':'a','how':5}", "/how", "it must be a text" },
    { "{'name':'a','texts':5}", "/texts", "it must be a list" },
    { "{'name':'a','texts':['a',5]}", "/texts/1", "it must be a text" },
    { "{'name':'a','texts':['a','b','c']}", "/texts", "it may have 2 entries at most" },
    { "{'name':'a','always':false}", "/always", "it has another value than the one that is possible here" },
    { "{'name':'a','list':[]}", "/list", "it needs at least one entry" },
    { "{'name':'a','list':[{'name':'b'},{'count':1}]}", "/list/1/name", "it is missing" },
    { "{'name':'a','free':{'x':1}}", "/free/x", "it must be true or false" },
    { "{'name':'a','number':'5'}", "/number", "it must be a number" },
    { "{'name':'a','cuont':1}", "/cuont", "there is no such field; did you mean \"count\"?" },
    { "{'name':'a','list':[{'name':'b','x/y~z':1}]}", "/list/0/x~1y~0z", "there is no such field" },
};

static void test_what_fits_and_what_does_not(void **state)
{
    json_t *document = json_of(document_text);
    const json_t *schema = json_object_get(json_object_get(document, "schemas"), "Thing");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_misfit misfit;
        json_t *value = json_of(cases[i].value);
        bool fits = json_schema_fits(document, schema, value, &misfit);
        if (fits != !cases[i].pointer)
            fail_msg("%s: %s at \"%s\"", cases[i].value, misfit.text, misfit.pointer);
        if (!fits) {
            assert_string_equal(misfit.pointer, cases[i].pointer);
            assert_string_equal(misfit.text, cases[i].text);
        }
        json_decref(value);
    }
    json_decref(document);
}

/* However deep or long the names are, the place stays a text of its size. */
static void test_a_hostile_name_is_cut(void **state)
{
    char name[4000];
    struct json_misfit misfit;
    json_t *document = json_of(document_text), *value = json_of("{'name':'a'}");
    memset(name, '/', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    json_object_set_new(value, name, json_true());
    assert_false(
        json_schema_fits(document, json_object_get(json_object_get(document, "schemas"), "Thing"), value, &misfit));
    assert_true(strlen(misfit.pointer) < sizeof misfit.pointer && strncmp(misfit.pointer, "/~1~1", 5) == 0);
    json_decref(value);
    json_decref(document);
}

static void test_references_lead_somewhere_or_nowhere(void **state)
{
    json_t *document = json_of(document_text), *nowhere = json_of("{'$ref':'#/schemas/Gone'}");
    json_t *round = json_of("{'a':{'$ref':'#/b'},'b':{'$ref':'#/a'}}");
    const json_t *name = json_object_get(json_object_get(document, "schemas"), "Name");
    assert_ptr_equal(json_schema_resolve(document, json_object_get(json_object_get(document, "schemas"), "Again")),
                     name);
    assert_null(json_schema_resolve(document, nowhere));
    assert_null(json_schema_resolve(round, json_object_get(round, "a")));
    assert_null(json_schema_resolve(document, NULL));
    json_decref(round);
    json_decref(nowhere);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_and_what_does_not),
        cmocka_unit_test(test_a_hostile_name_is_cut),
        cmocka_unit_test(test_references_lead_somewhere_or_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
