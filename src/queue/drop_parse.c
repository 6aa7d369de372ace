/* Reading a drop file's first line. Anybody who may write to the directory made it: every type and length is checked. */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "queue/drop.h"

enum { ADDRESS_SIZE = 1024, ENVID_SIZE = 512 };

static bool refuse(struct fault *why, const char *what)
{
    return fault_set(why, FAULT_REJECT, "drop.format", "%s", what);
}

/* Absent is ""; control characters are refused: these texts become SMTP commands. */
static bool read_text(const json_t *json, const char *key, size_t limit, struct arena *arena, const char **out)
{
    const json_t *value = json_object_get(json, key);
    *out = "";
    if (!value)
        return true;
    const char *text = json_string_value(value);
    if (!text || strlen(text) > limit || strlen(text) != json_string_length(value))
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return false;
    *out = arena_strdup(arena, text);
    return true;
}

static bool read_number(const json_t *json, const char *key, uint32_t limit, uint32_t *out)
{
    const json_t *value = json_object_get(json, key);
    json_int_t number = json_integer_value(value);
    *out = (uint32_t)number;
    return !value || (json_is_integer(value) && number >= 0 && number <= limit);
}

static bool read_recipient(const json_t *json, struct arena *arena, struct submit_recipient *out)
{
    return json_is_object(json) && read_text(json, "address", ADDRESS_SIZE, arena, &out->address) && out->address[0] &&
           read_text(json, "orcpt", ADDRESS_SIZE, arena, &out->orcpt) && read_number(json, "notify", 15, &out->notify);
}

static bool read_recipients(const json_t *list, struct arena *arena, struct drop *out, struct fault *why)
{
    size_t count = json_array_size(list);
    if (count == 0 || count > EDGE_RECIPIENTS)
        return refuse(why, "its first line names no recipients, or too many");
    out->recipients = arena_array(arena, count, sizeof *out->recipients);
    out->recipients_count = count;
    for (size_t i = 0; i < count; i++)
        if (!read_recipient(json_array_get(list, i), arena, &out->recipients[i]))
            return refuse(why, "a recipient in its first line is malformed");
    return true;
}

static bool read_drop(const json_t *json, struct arena *arena, struct drop *out, struct fault *why)
{
    uint32_t version;
    if (!read_number(json, "version", 1, &version) || version != 1)
        return refuse(why, "its first line is not of version 1");
    if (!json_is_string(json_object_get(json, "sender")) ||
        !read_text(json, "sender", ADDRESS_SIZE, arena, &out->sender) ||
        !read_text(json, "envid", ENVID_SIZE - 1, arena, &out->envid) || !read_number(json, "ret", RET_HDRS, &out->ret))
        return refuse(why, "sender, envid or ret in its first line is malformed");
    out->is_8bit = json_is_true(json_object_get(json, "is_8bit"));
    out->is_smtputf8 = json_is_true(json_object_get(json, "is_smtputf8"));
    return read_recipients(json_object_get(json, "recipients"), arena, out, why);
}

bool drop_parse(struct bytes line, struct arena *arena, struct drop *out, struct fault *why)
{
    *out = (struct drop){ .sender = "", .envid = "" };
    json_t *json = json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(json) ? read_drop(json, arena, out, why)
                                   : refuse(why, "its first line is not a JSON object");
    json_decref(json);
    return ok;
}
