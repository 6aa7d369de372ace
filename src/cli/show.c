/* cli/show.c - fields, values, findings and refusals as text for a person, often at night. */
#include "cli/show.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "doctor/finding.h"

#define LINE_MOST 2000

static void put_clean(FILE *out, const char *text)
{
    char clean[LINE_MOST];
    text_sanitize(bytes_of(text), clean, sizeof clean);
    fputs(clean, out);
}

void show_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}

static const char *joined(struct cli *cli, const json_t *list)
{
    const char *text = "";
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
        text = arena_printf(cli->arena, "%s%s%s", text, i ? ", " : "", show_value(cli, item));
    return text;
}

const char *show_value(struct cli *cli, const json_t *value)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return arena_printf(cli->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(cli->arena, "%g", json_real_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    return json_is_array(value) ? joined(cli, value) : "";
}

const char *show_member(struct cli *cli, const json_t *object, const char *key)
{
    return show_value(cli, json_object_get(object, key));
}

const char *show_when(struct cli *cli, const char *time)
{
    int64_t when = 0;
    char span[32];
    if (!clock_parse(time, &when))
        return time;
    int64_t distance = (when - clock_wall_ms()) / 1000;
    uint64_t seconds = (uint64_t)(distance < 0 ? -distance : distance);
    /* The largest unit alone: nobody reads "3d 4h 12m 9s" in a table. */
    uint64_t unit = seconds >= 2 * 86400 ? 86400 : seconds >= 2 * 3600 ? 3600 : seconds >= 120 ? 60 : 1;
    text_from_duration(seconds / unit * unit, span, sizeof span);
    if (seconds == 0)
        return "now";
    return distance < 0 ? arena_printf(cli->arena, "%s ago", span) : arena_printf(cli->arena, "in %s", span);
}

const char *show_said(struct cli *cli, const char *text)
{
    char plain[LINE_MOST];
    finding_strip(text, plain, sizeof plain);
    return arena_strdup(cli->arena, plain);
}

size_t show_width(FILE *out)
{
    struct winsize size;
    bool is_known = isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20;
    return is_known ? size.ws_col : SIZE_MAX;
}

void show_cut(FILE *out, const char *text, size_t room)
{
    char clean[LINE_MOST];
    text_sanitize(bytes_of(text), clean, sizeof clean);
    size_t columns = 0, size = 0;
    for (const char *at = clean; *at; at++) {
        bool begins = ((unsigned char)*at & 0xc0) != 0x80; /* the rest of a character in UTF-8 takes no column */
        if (begins && columns + 3 <= room)
            size = (size_t)(at - clean);
        columns += begins;
    }
    if (columns <= room)
        fputs(clean, out);
    else
        fprintf(out, "%.*s...", (int)size, clean);
}

void show_done(const struct cli *cli, const char *format, ...)
{
    va_list args;
    if (cli->is_json)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* A default says nothing. */
static bool says_something(const json_t *value)
{
    if (json_is_string(value))
        return *json_string_value(value) && strcmp(json_string_value(value), "default") != 0;
    if (json_is_integer(value))
        return json_integer_value(value) != 0;
    if (json_is_array(value))
        return json_array_size(value) > 0;
    return json_is_true(value) || json_is_real(value);
}

static void put_field(const char *path, const json_t *value)
{
    struct arena *arena = arena_new();
    struct cli scratch = { .arena = arena };
    const char *text = show_value(&scratch, value);
    printf("%s: ", path);
    if (strchr(text, '\n'))
        printf("\n%s", text); /* a certificate, to be copied as it is */
    else
        put_clean(stdout, text);
    putchar('\n');
    arena_free(arena);
}

static void put_fields(const char *path, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        char name[256];
        snprintf(name, sizeof name, "%s%s%s", path, *path ? "." : "", key);
        if (json_is_object(value))
            put_fields(name, value);
        else if (json_is_array(value) && json_is_object(json_array_get(value, 0)))
            continue; /* findings and the like have their own form */
        else if (says_something(value))
            put_field(name, value);
    }
}

void show_fields(const json_t *object)
{
    put_fields("", object);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void put_labelled(FILE *out, const char *label, const char *text)
{
    if (!*text)
        return;
    fprintf(out, "  %-7s", label);
    put_clean(out, text);
    fputc('\n', out);
}

void show_findings(FILE *out, const json_t *findings)
{
    size_t i, j;
    const json_t *finding, *step;
    json_array_foreach(findings, i, finding)
    {
        if (i)
            fputc('\n', out);
        put_labelled(out, "seen", text_of(finding, "seen"));
        put_labelled(out, "cause", text_of(finding, "cause"));
        json_array_foreach(json_object_get(finding, "fix"), j, step)
        {
            char label[32];
            snprintf(label, sizeof label, "fix %zu", j + 1);
            put_labelled(out, label, json_is_string(step) ? json_string_value(step) : "");
        }
        const char *who = text_of(finding, "who");
        if (*who && strcmp(who, "nobody") != 0)
            put_labelled(out, "who", who);
        put_labelled(out, "id", text_of(finding, "id"));
    }
}

int show_fault(struct cli *cli, const struct fault *why)
{
    if (cli->is_json) {
        json_t *problem = json_pack("{s:s, s:s, s:[]}", "title", "Refused", "detail", why->text, "findings");
        show_json(problem);
        json_decref(problem);
    } else {
        fprintf(stderr, "postern: ");
        put_clean(stderr, why->text);
        fputc('\n', stderr);
    }
    return CLI_REFUSED;
}

int show_refusal(struct cli *cli, const struct api_reply *reply)
{
    if (!reply->json) {
        struct fault why = { 0 };
        fault_set(&why, FAULT_LOCAL, "", "the daemon answered %ld without saying why; postern log may know",
                  reply->status);
        return show_fault(cli, &why);
    }
    if (cli->is_json) {
        show_json(reply->json);
        return CLI_REFUSED;
    }
    const char *title = text_of(reply->json, "title"), *detail = text_of(reply->json, "detail");
    const json_t *findings = json_object_get(reply->json, "findings"), *first = json_array_get(findings, 0);
    fprintf(stderr, "postern: ");
    put_clean(stderr, *detail ? detail : *title ? title : "Refused");
    fputc('\n', stderr);
    if (text_equal(text_of(first, "seen"), detail))
        json_object_del((json_t *)(uintptr_t)first, "seen"); /* just said */
    if (json_array_size(json_object_get(first, "fix")))      /* without steps it adds nothing to the words */
        show_findings(stderr, findings);
    return CLI_REFUSED;
}

int show_outcome(struct cli *cli, bool is_reached, const struct api_reply *reply, const struct fault *why)
{
    if (!is_reached)
        return show_fault(cli, why);
    return api_is_good(reply) ? CLI_DONE : show_refusal(cli, reply);
}

int show_call(struct cli *cli, struct api *api, const char *method, const char *path, const json_t *body,
              struct api_reply *reply)
{
    struct fault why = { 0 };
    return show_outcome(cli, api_call(api, method, path, body, reply, &why), reply, &why);
}

static int print_done(struct cli *cli, const json_t *answer)
{
    const json_t *refused = json_object_get(answer, "refused");
    size_t i;
    const json_t *item;
    size_t done = json_array_size(json_object_get(answer, "done"));
    if (cli->is_json)
        show_json(answer);
    if (done > 0)
        show_done(cli, "%s: %zu message%s", cli->action->name, done, done == 1 ? "" : "s");
    json_array_foreach(refused, i, item)
    {
        if (!cli->is_json)
            fprintf(stderr, "%s: %s\n", show_member(cli, item, "id"), show_member(cli, item, "why"));
    }
    return json_array_size(refused) ? CLI_REFUSED : CLI_DONE;
}

int show_change(struct cli *cli, const char *path)
{
    struct api_reply reply = { 0 };
    json_t *ids = json_array(), *body = json_pack("{s:o}", "ids", ids);
    for (size_t i = 0; i < cli_operand_count(cli); i++)
        json_array_append_new(ids, json_string(cli_operand(cli, i)));
    struct api *api = api_open(cli);
    int status = CLI_REFUSED;
    if (api)
        status = show_call(cli, api, "POST", path, body, &reply);
    if (status == CLI_DONE)
        status = print_done(cli, reply.json);
    api_reply_fini(&reply);
    api_close(api);
    json_decref(body);
    return status;
}
