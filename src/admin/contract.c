/* Requests are held against what the API's document says of them: parameters and members of a body that are not known are refused by
 * their names, so that no misspelled one is passed over in silence. What needs more than the document to judge is the handler's.
 *
 * Objects and messages have readers of their own, which say more; their bodies are left to these. */
#include <string.h>

#include "admin/admin_private.h"
#include "admin/openapi.h"
#include "base/nearest.h"
#include "base/text.h"
#include "proto/json/schema.h"

/* ---- the address ---- */

struct asking {
    const json_t *document, *parameters;
    char why[400];
    const char *name; /* of the parameter that is refused; NULL: none */
};

static const json_t *schema_of(const struct asking *a, const char *name)
{
    const json_t *item;
    size_t i;
    json_array_foreach(a->parameters, i, item)
    {
        const json_t *p = json_schema_resolve(a->document, item);
        if (text_equal(json_string_value(json_object_get(p, "in")), "query") &&
            text_equal(json_string_value(json_object_get(p, "name")), name))
            return json_schema_resolve(a->document, json_object_get(p, "schema"));
    }
    return NULL;
}

static void say_unknown(struct asking *a, const char *name)
{
    struct nearest n;
    const json_t *item;
    size_t i;
    nearest_init(&n, name);
    json_array_foreach(a->parameters, i, item)
    {
        const json_t *p = json_schema_resolve(a->document, item);
        if (text_equal(json_string_value(json_object_get(p, "in")), "query"))
            nearest_offer(&n, json_string_value(json_object_get(p, "name")));
    }
    if (n.best)
        snprintf(a->why, sizeof a->why, "there is no such parameter; did you mean \"%s\"?", n.best);
    else
        snprintf(a->why, sizeof a->why, "there is no such parameter");
}

/* Text, as a value of the schema's type. Given. */
static json_t *value_of(const char *text, const json_t *schema)
{
    uint64_t number;
    bool wants_number = text_equal(json_string_value(json_object_get(schema, "type")), "integer");
    return wants_number && text_to_u64(text, INT64_MAX, &number) ? json_integer((json_int_t)number) : json_string(text);
}

static bool is_good(struct asking *a, const char *name, const char *text)
{
    const json_t *schema = schema_of(a, name);
    struct json_misfit misfit;
    if (!schema) {
        say_unknown(a, name);
        return false;
    }
    if (!*text && !json_object_get(schema, "enum"))
        return true; /* as if it was not there */
    json_t *value = value_of(text, schema);
    bool fits = value && json_schema_fits(a->document, schema, value, &misfit);
    if (!fits)
        snprintf(a->why, sizeof a->why, "%s", value ? misfit.text : "it must be text in UTF-8");
    json_decref(value);
    return fits;
}

static enum MHD_Result look_at(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct asking *a = ctx;
    if (is_good(a, name, value ? value : ""))
        return MHD_YES;
    a->name = name;
    return MHD_NO;
}

static bool is_api(const struct admin_route *route)
{
    return strncmp(route->path, "/api/", 5) == 0;
}

bool contract_takes_address(struct request *r, const struct admin_route *route)
{
    const struct openapi *o = openapi_of(r->admin);
    struct asking a = { .document = o->document };
    if (!is_api(route))
        return true;
    if (!text_is_utf8(bytes_of(r->path))) {
        respond_finding(r, 400, "api.address", "the path is not text in UTF-8");
        return false;
    }
    a.parameters = json_object_get(o->operations[route_number(route)], "parameters");
    MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND, look_at, &a);
    if (a.name)
        respond_misfit(r, 400, "api.address", "part", a.name, a.why);
    return !a.name;
}

/* ---- the body ---- */

bool contract_wants_body(const char *method)
{
    return text_equal(method, "POST") || text_equal(method, "PUT") || text_equal(method, "PATCH");
}

bool contract_takes_body(struct request *r)
{
    struct json_misfit misfit;
    if (!contract_wants_body(r->method) || !is_api(r->route))
        return true;
    const struct openapi *o = openapi_of(r->admin);
    const json_t *schema = o->bodies[route_number(r->route)], *body = schema ? request_json(r) : NULL;
    if (!schema)
        return true;
    if (!body || json_schema_fits(o->document, schema, body, &misfit))
        return body != NULL;
    respond_misfit(r, 422, "api.field", "pointer", misfit.pointer, misfit.text);
    return false;
}
