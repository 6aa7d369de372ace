#include "sandbox/set.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "sandbox/params.h"
#include "sandbox/switches.h"

#define ANSWER_MAX (4 * 1024 * 1024)

static const char usage[] = "usage: postern sandbox set [--dir DIR] SWITCH VALUE [USES]\n"
                            "       postern sandbox set [--dir DIR] get SWITCH\n"
                            "       postern sandbox set [--dir DIR] --list [--json]\n\n"
                            "Changes the behaviour of the sandbox that runs in DIR (POSTERN_SANDBOX_DIR, else "
                            "./sandbox). With USES, the value\n"
                            "holds for so many times only. --list shows every switch, its value and what it does.\n";

struct set_options {
    const char *dir;
    bool is_list, is_json;
    const char *words[4];
    size_t words_count;
};

static bool take_options(int argc, char **argv, struct set_options *o)
{
    const char *dir = getenv("POSTERN_SANDBOX_DIR");
    *o = (struct set_options){ .dir = dir != NULL ? dir : "sandbox" };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc)
            o->dir = argv[++i];
        else if (strcmp(argv[i], "--list") == 0)
            o->is_list = true;
        else if (strcmp(argv[i], "--json") == 0)
            o->is_json = true;
        else if (strncmp(argv[i], "--", 2) != 0 && o->words_count < 4)
            o->words[o->words_count++] = argv[i];
        else
            return false;
    }
    return true;
}

static size_t on_answer(char *data, size_t size, size_t count, void *ctx)
{
    return buf_add(ctx, data, size * count) ? size * count : 0;
}

/* Where the sandbox of DIR answers, or NULL with a message. */
static char *find_sandbox(const char *dir)
{
    char *path = mem_printf("%s/sandbox.json", dir);
    json_t *state = json_load_file(path, 0, NULL);
    const char *web = json_string_value(json_object_get(state, "web"));
    char *url = mem_strdup(web);
    if (url == NULL)
        fprintf(stderr,
                "postern sandbox: no sandbox was started in %s (%s is missing); name its directory with --dir\n", dir,
                path);
    json_decref(state);
    free(path);
    return url;
}

/* The answer's JSON (given) and status; NULL with a message if nobody answers. */
static json_t *call(const char *dir, const char *path, const char *body, long *status)
{
    char *base = find_sandbox(dir);
    if (base == NULL)
        return NULL;
    char *url = mem_printf("%s/api/switches%s%s", base, *path != 0 ? "/" : "", path);
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    CURLcode result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    json_t *json = result == CURLE_OK ? json_loadb((const char *)answer.data, answer.size, 0, NULL) : NULL;
    if (json == NULL)
        fprintf(stderr, "postern sandbox: the sandbox at %s does not answer (%s); is it still running?\n", base,
                curl_easy_strerror(result));
    curl_easy_cleanup(curl);
    buf_fini(&answer);
    free(url);
    free(base);
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void print_row(const json_t *row)
{
    const char *key;
    json_t *value;
    printf("%s = %s\n    %s\n    takes %s; at first: %s\n", text_of(row, "name"), text_of(row, "value"),
           text_of(row, "text"), text_of(row, "values"), *text_of(row, "initial") != 0 ? text_of(row, "initial") : "-");
    json_object_foreach(json_object_get(row, "keys"), key, value)
    {
        printf("    %s = %s\n", key, json_string_value(value));
    }
}

static int list(const struct set_options *o)
{
    long status = 0;
    size_t i;
    json_t *row;
    json_t *answer = call(o->dir, "", NULL, &status);
    if (answer == NULL)
        return 1;
    if (o->is_json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        json_array_foreach(json_object_get(answer, "items"), i, row)
        {
            print_row(row);
        }
    }
    json_decref(answer);
    return 0;
}

static int finish(const struct set_options *o, json_t *answer, long status)
{
    if (answer == NULL)
        return 1;
    if (status != 200)
        fprintf(stderr, "postern sandbox: %s\n", text_of(answer, "detail"));
    else if (o->is_json)
        json_dumpf(answer, stdout, JSON_INDENT(2));
    else if (strcmp(o->words[0], "get") == 0)
        print_row(answer);
    json_decref(answer);
    return status == 200 ? 0 : 1;
}

/* "CLIENT-ID=@FILE" becomes "CLIENT-ID=<contents>": the sandbox may run elsewhere. */
static char *with_file(const char *value)
{
    const char *at = strstr(value, "=@");
    if (at == NULL)
        return mem_strdup(value);
    FILE *file = fopen(at + 2, "re");
    if (file == NULL) {
        fprintf(stderr, "postern sandbox: %s can't be read: %s\n", at + 2, strerror(errno));
        return NULL;
    }
    char text[32768];
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    return mem_printf("%.*s=%.*s", (int)(at - value), value, (int)size, text);
}

static int set(const struct set_options *o)
{
    uint64_t uses = 0;
    long status = 0;
    struct buf path;
    if (o->words_count == 3 && !text_to_u64(o->words[2], 1000000, &uses)) {
        fprintf(stderr, "postern sandbox: a number of uses must follow the value, not \"%s\"\n", o->words[2]);
        return 2;
    }
    char *value = strcmp(o->words[0], "certificate") == 0 ? with_file(o->words[1]) : mem_strdup(o->words[1]);
    if (value == NULL)
        return 1;
    buf_init(&path, 4096);
    web_percent_encode(&path, o->words[0]);
    json_t *body = json_pack("{s:s, s:I}", "value", value, "uses", (json_int_t)uses);
    char *text = body != NULL ? json_dumps(body, 0) : NULL;
    json_t *answer = text != NULL ? call(o->dir, buf_str(&path), text, &status) : NULL;
    free(text);
    json_decref(body);
    buf_fini(&path);
    free(value);
    return finish(o, answer, status);
}

static int get(const struct set_options *o)
{
    long status = 0;
    struct buf path;
    buf_init(&path, 4096);
    web_percent_encode(&path, o->words[1]);
    json_t *answer = call(o->dir, buf_str(&path), NULL, &status);
    buf_fini(&path);
    return finish(o, answer, status);
}

int sandbox_set(int argc, char **argv)
{
    struct set_options o;
    bool is_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (!is_help && take_options(argc, argv, &o)) {
        if (o.is_list && o.words_count == 0)
            return list(&o);
        if (o.words_count == 2 && strcmp(o.words[0], "get") == 0)
            return get(&o);
        if (o.words_count == 2 || o.words_count == 3)
            return set(&o);
    }
    fputs(usage, is_help ? stdout : stderr);
    return is_help ? 0 : 2;
}
