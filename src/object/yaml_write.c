/* object/yaml_write.c - JSON as a YAML document for people: block style, words plain where they read back as the same text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/bytes.h"
#include "object/object.h"

struct writer {
    yaml_emitter_t emitter;
    struct buf *out;
    bool is_ok;
};

static int on_bytes(void *ctx, unsigned char *data, size_t size)
{
    struct writer *w = ctx;
    return buf_add(w->out, data, size);
}

static void emit(struct writer *w, yaml_event_t *event)
{
    w->is_ok = w->is_ok && yaml_emitter_emit(&w->emitter, event);
}

static void write_scalar(struct writer *w, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1, style);
    emit(w, &event);
}

/* Letters first, and nothing that YAML or a reader could take for something else; "yes" and "off" are none to YAML 1.1. */
static bool is_plain(const char *text)
{
    static const char *const taken[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n" };
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/0123456789._@+-";
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcasecmp(text, taken[i]) == 0)
            return false;
    return *text && strchr(first, *text) && text[strspn(text, rest)] == '\0';
}

static void write_text(struct writer *w, const char *text)
{
    write_scalar(w, text,
                 is_plain(text)       ? YAML_PLAIN_SCALAR_STYLE
                 : strchr(text, '\n') ? YAML_LITERAL_SCALAR_STYLE
                                      : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void write_key(struct writer *w, const char *key)
{
    char text[128];
    snprintf(text, sizeof text, "%s", key);
    for (char *at = text; *at; at++)
        *at = (char)(*at == '_' ? '-' : *at);
    write_scalar(w, text, YAML_PLAIN_SCALAR_STYLE);
}

static void write_value(struct writer *w, const json_t *json);

static void write_object(struct writer *w, const json_t *json)
{
    yaml_event_t event;
    const char *key;
    json_t *value;
    yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
    emit(w, &event);
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        write_key(w, key);
        write_value(w, value);
    }
    yaml_mapping_end_event_initialize(&event);
    emit(w, &event);
}

static void write_array(struct writer *w, const json_t *json)
{
    yaml_event_t event;
    size_t i;
    json_t *value;
    yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
    emit(w, &event);
    json_array_foreach(json, i, value) write_value(w, value);
    yaml_sequence_end_event_initialize(&event);
    emit(w, &event);
}

static void write_value(struct writer *w, const json_t *json)
{
    char number[32];
    if (json_is_object(json)) {
        write_object(w, json);
    } else if (json_is_array(json)) {
        write_array(w, json);
    } else if (json_is_string(json)) {
        write_text(w, json_string_value(json));
    } else if (json_is_integer(json)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        write_scalar(w, number, YAML_PLAIN_SCALAR_STYLE);
    } else {
        write_scalar(w, json_is_null(json) ? "null" : json_is_true(json) ? "true" : "false", YAML_PLAIN_SCALAR_STYLE);
    }
}

bool object_yaml_from_json(const json_t *json, struct buf *out)
{
    struct writer w = { .out = out, .is_ok = true };
    yaml_event_t event;
    if (!yaml_emitter_initialize(&w.emitter))
        abort(); /* only for want of memory */
    yaml_emitter_set_output(&w.emitter, on_bytes, &w);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, -1);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&w, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(&w, &event);
    write_value(&w, json);
    yaml_document_end_event_initialize(&event, 1);
    emit(&w, &event);
    yaml_stream_end_event_initialize(&event);
    emit(&w, &event);
    yaml_emitter_delete(&w.emitter);
    return w.is_ok;
}
