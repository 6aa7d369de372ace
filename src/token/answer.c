#include "token/answer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "doctor/finding.h"

#define LIFETIME_MAX_S (7 * 24 * 3600)
#define DEVICE_LIFETIME_MAX_S 3600
#define RETRY_AFTER_MAX_S 3600 /* as Microsoft's own library caps it */

static const char *text_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Old endpoints write numbers as texts. */
static int64_t number_in(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    uint64_t number;
    if (json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) < 1e12)
        return (int64_t)json_number_value(value);
    if (json_is_string(value) && text_to_u64(json_string_value(value), INT64_MAX, &number))
        return (int64_t)number;
    return otherwise;
}

static struct secret *secret_in(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    size_t size = json_string_length(value);
    return size > 0 && size <= ANSWER_TOKEN_LIMIT ? secret_new(json_string_value(value), size) : NULL;
}

/* Entra puts its number into the description, too: "AADSTS70008: ..." */
static long aadsts_of(const json_t *error_codes, const char *description)
{
    if (json_array_size(error_codes) > 0)
        return (long)json_integer_value(json_array_get(error_codes, 0));
    const char *at = strstr(description, "AADSTS");
    return at ? strtol(at + strlen("AADSTS"), NULL, 10) : 0;
}

/* The server's sentence without the trace of identifiers behind it. */
static void quote(const char *description, char *out, size_t size)
{
    const char *tail = strstr(description, "Trace ID:");
    size_t length = tail ? (size_t)(tail - description) : strlen(description);
    struct bytes sentence = bytes_trim((struct bytes){ (const uint8_t *)description, length });
    text_sanitize(bytes_slice(sentence, 0, text_cut(sentence, size - 1)), out, size - 1);
}

static void set_fault(const struct finding *f, uint32_t retry_after_s, struct fault *why)
{
    snprintf(why->id, sizeof why->id, "%s", f->id);
    why->kind = f->kind;
    why->retry_after_s = retry_after_s > f->pause_s ? retry_after_s : f->pause_s;
    if (why->retry_after_s > RETRY_AFTER_MAX_S)
        why->retry_after_s = RETRY_AFTER_MAX_S;
}

void answer_fault_of_error(const char *error, const char *description, struct fault *why)
{
    char words[320] = "", name[64] = "";
    quote(description ? description : "", words, sizeof words);
    quote(error, name, sizeof name);
    fault_set(why, FAULT_RETRY, "", "the sign-in page answered %s%s%s", name, words[0] ? ": " : "", words);
    set_fault(finding_of_oauth(error, aadsts_of(NULL, description ? description : ""), "", 400), 0, why);
}

static bool refuse_json(const struct http_answer *a, const json_t *json, struct fault *why)
{
    const char *error = text_in(json, "error"), *description = text_in(json, "error_description");
    char words[320], name[64];
    quote(description, words, sizeof words);
    quote(error, name, sizeof name);
    fault_set(why, FAULT_RETRY, "", "the token endpoint answered %d %s%s%s", a->status, name, words[0] ? ": " : "",
              words);
    set_fault(finding_of_oauth(error, aadsts_of(json_object_get(json, "error_codes"), description),
                               text_in(json, "suberror"), a->status),
              a->retry_after_s, why);
    return false;
}

static bool refuse_other(const struct http_answer *a, const char *what, struct fault *why)
{
    char type[64];
    text_sanitize(bytes_of(a->content_type), type, sizeof type - 1);
    fault_set(why, FAULT_RETRY, "oauth.unreadable", "the token endpoint answered %d (%s): %s", a->status,
              type[0] ? type : "no content type", what);
    if (a->status == 429 || a->status >= 500 || a->status == 404)
        set_fault(finding_of_oauth("", 0, "", a->status), a->retry_after_s, why);
    why->kind = FAULT_RETRY; /* without an OAuth error nobody has refused anything */
    return false;
}

/* The JSON of a success, given; NULL with a fault. */
static json_t *read_success(const struct http_answer *a, char *error, size_t error_size, struct fault *why)
{
    if (a->status == 0) {
        *why = a->why;
        why->kind = FAULT_RETRY;
        return NULL;
    }
    json_t *json = json_loadb((const char *)a->body.data, a->body.size, 0, NULL);
    bool has_error = text_in(json, "error")[0] != '\0';
    if (has_error && a->status >= 400) {
        snprintf(error, error_size, "%s", text_in(json, "error"));
        refuse_json(a, json, why);
    } else if (a->status != 200 || has_error || !json_is_object(json)) {
        refuse_other(a, json_is_object(json) ? "neither a token nor an OAuth error" : "not a JSON object", why);
    } else {
        return json;
    }
    json_decref(json);
    return NULL;
}

static bool take_tokens(const struct http_answer *a, const json_t *json, struct answer *out, struct fault *why)
{
    out->access = secret_in(json, "access_token");
    out->refresh = secret_in(json, "refresh_token");
    out->id_token = secret_in(json, "id_token");
    out->scope = mem_strdup(text_in(json, "scope"));
    /* RFC 6749 5.1 only recommends expires_in: without one, an hour is everybody's habit. */
    out->expires_in_s = number_in(json, "expires_in", 3600);
    if (out->expires_in_s > LIFETIME_MAX_S)
        out->expires_in_s = LIFETIME_MAX_S;
    const char *type = text_in(json, "token_type");
    if (!out->access)
        return refuse_other(a, "no access_token, or one that is too long", why);
    if (type[0] != '\0' && !text_equal_nocase(type, "Bearer"))
        return refuse_other(a, "the token is not of the type Bearer", why);
    if (out->expires_in_s == 0)
        return refuse_other(a, "the token has expired already", why);
    return true;
}

bool answer_read(const struct http_answer *a, struct answer *out, struct fault *why)
{
    memset(out, 0, sizeof *out);
    json_t *json = read_success(a, out->error, sizeof out->error, why);
    bool ok = json && take_tokens(a, json, out, why);
    json_decref(json);
    return ok;
}

void answer_fini(struct answer *a)
{
    secret_free(a->access);
    secret_free(a->refresh);
    secret_free(a->id_token);
    free(a->scope);
    memset(a, 0, sizeof *a);
}

bool device_answer_read(const struct http_answer *a, struct device_answer *out, struct fault *why)
{
    char error[64];
    memset(out, 0, sizeof *out);
    json_t *json = read_success(a, error, sizeof error, why);
    if (!json)
        return false;
    const char *uri = text_in(json, "verification_uri");
    if (uri[0] == '\0')
        uri = text_in(json, "verification_url"); /* Google's spelling */
    out->device_code = secret_in(json, "device_code");
    out->user_code = mem_strdup(text_in(json, "user_code"));
    out->verification_uri = mem_strdup(uri);
    out->message = mem_strdup(text_in(json, "message"));
    out->expires_in_s = number_in(json, "expires_in", 900);
    out->interval_s = number_in(json, "interval", 5); /* RFC 8628 3.2 */
    if (out->expires_in_s > DEVICE_LIFETIME_MAX_S)
        out->expires_in_s = DEVICE_LIFETIME_MAX_S;
    if (out->interval_s < 1)
        out->interval_s = 1;
    if (out->interval_s > 60)
        out->interval_s = 60;
    json_decref(json);
    if (!out->device_code || out->user_code[0] == '\0' || out->verification_uri[0] == '\0')
        return refuse_other(a, "no device code", why);
    return true;
}

void device_answer_fini(struct device_answer *a)
{
    secret_free(a->device_code);
    free(a->user_code);
    free(a->verification_uri);
    free(a->message);
    memset(a, 0, sizeof *a);
}
