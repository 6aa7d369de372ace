/* postern apply, postern export - all objects as one document.
 *
 * Secrets stand in it by reference only, and are looked up here: the daemon is never told a path to read, and gets each secret by
 * the request that it has for it, once the objects are there. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/files.h"
#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"

#define DOCUMENT_MOST (2000u << 10)

/* Where a kind takes a secret. */
static const struct place {
    enum object_kind kind;
    const char *member, *method, *path, *body, *command, *options;
} places[] = {
    { OBJECT_REGISTRATION, "secret", "PUT", "secret", "secret", "postern registration set", "--secret-file FILE" },
    { OBJECT_MAILBOX, "password", "PUT", "password", "password", "postern mailbox set", "--secret-file FILE" },
    { OBJECT_ENDPOINT, "key", "POST", "key", "key", "postern endpoint rotate", "--secret-file FILE" },
};

struct given {
    const struct place *place;
    const char *key;
    struct secret *secret;
};

struct apply {
    struct cli *cli;
    struct given *given; /* in the arena */
    size_t count;
};

static int run_export(struct cli *cli)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    if (!api)
        return CLI_REFUSED;
    const char *type = cli->is_json ? "application/json" : "application/yaml";
    int status = show_outcome(cli, api_download(api, "/export", type, STDOUT_FILENO, &reply, &why), &reply, &why);
    if (status == CLI_DONE && cli->is_json)
        puts("");
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

/* --- reading --- */

static json_t *read_document(const char *path, struct fault *why)
{
    struct buf text;
    buf_init(&text, DOCUMENT_MOST);
    json_t *document = file_read_whole(path, &text, why) ? object_json_from_yaml(buf_bytes(&text), why) : NULL;
    buf_fini(&text);
    if (!document)
        fault_wrap(why, "%s", path);
    else if (!json_is_object(document))
        fault_set(why, FAULT_REJECT, "", "%s holds no lists of objects", path);
    if (json_is_object(document))
        return document;
    json_decref(document);
    return NULL;
}

static struct secret *secret_of(const json_t *reference, struct fault *why)
{
    const char *file = json_string_value(json_object_get(reference, "file"));
    const char *name = json_string_value(json_object_get(reference, "env"));
    if (json_object_size(reference) != 1 || (!file && !name)) {
        fault_set(why, FAULT_REJECT, "", "a secret is named as {file: PATH} or {env: NAME}, and never written here");
        return NULL;
    }
    if (file)
        return secret_input(file, NULL, why);
    const char *value = getenv(name);
    if (text_is_empty(value)) {
        fault_set(why, FAULT_REJECT, "", "the environment has no %s", name);
        return NULL;
    }
    return secret_new(value, strlen(value));
}

static bool take_secret_of(struct apply *a, const struct place *p, json_t *item, struct fault *why)
{
    const json_t *reference = json_object_get(item, p->member);
    const char *key = json_string_value(json_object_get(item, p->kind == OBJECT_MAILBOX ? "address" : "name"));
    if (!reference)
        return true;
    struct secret *secret = secret_of(reference, why);
    if (!secret)
        return fault_wrap(why, "%s %s, %s", object_kind_name(p->kind), key ? key : "without a name", p->member);
    json_object_del(item, p->member);
    a->given[a->count++] = (struct given){ p, arena_strdup(a->cli->arena, key ? key : ""), secret };
    return true;
}

/* Before anything is changed: a file that can't be read stops it all. */
static bool take_secrets(struct apply *a, json_t *document, struct fault *why)
{
    size_t most = 0, i;
    json_t *item;
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        most += json_array_size(json_object_get(document, object_kind_plural(places[p].kind)));
    a->given = arena_array(a->cli->arena, most + 1, sizeof *a->given);
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        json_array_foreach(json_object_get(document, object_kind_plural(places[p].kind)), i,
                           item) if (!take_secret_of(a, &places[p], item, why)) return false;
    }
    return true;
}

/* --- showing and asking --- */

static void print_value(FILE *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    show_cut(out, text ? text : "", 60);
    free(text);
}

static void print_changes(const json_t *answer)
{
    const json_t *changes = json_object_get(answer, "changes"), *change;
    const char *field;
    json_t *pair;
    size_t i;
    json_array_foreach(changes, i, change)
    {
        const char *action = json_string_value(json_object_get(change, "action"));
        char mark = text_equal(action, "create") ? '+' : text_equal(action, "remove") ? '-' : '~';
        printf("%c %s %s\n", mark, json_string_value(json_object_get(change, "kind")),
               json_string_value(json_object_get(change, "key")));
        if (mark != '~')
            continue;
        json_object_foreach(json_object_get(change, "fields"), field, pair)
        {
            printf("    %s: ", field);
            print_value(stdout, json_array_get(pair, 0));
            printf(" -> ");
            print_value(stdout, json_array_get(pair, 1));
            puts("");
        }
    }
    if (json_array_size(changes) == 0)
        puts("nothing would change");
}

static bool is_agreed(struct cli *cli)
{
    char line[16];
    if (option_flag(&cli->options, "yes") || cli->is_json)
        return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "postern apply: nothing was changed; give --yes where nobody can be asked\n");
        return false;
    }
    fflush(stdout);
    fprintf(stderr, "Make these changes? [y/N] ");
    return fgets(line, sizeof line, stdin) && (*line == 'y' || *line == 'Y');
}

/* --- doing --- */

static const char *path_of(struct apply *a, bool is_dry)
{
    return arena_printf(a->cli->arena, "/apply?dry_run=%d&prune=%d", is_dry, option_flag(&a->cli->options, "prune"));
}

/* What was shown and agreed to, and nothing else: refused if anything changed meanwhile. */
static int send_document(struct apply *a, struct api *api, const json_t *document, const char *etag,
                         struct api_reply *reply)
{
    struct fault why = { 0 };
    bool is_reached = api_call_if(api, "POST", path_of(a, false), document, etag, reply, &why);
    return show_outcome(a->cli, is_reached, reply, &why);
}

static bool is_given(const struct apply *a, const char *kind, const char *key)
{
    for (size_t i = 0; i < a->count; i++)
        if (text_equal(object_kind_name(a->given[i].place->kind), kind) && text_equal_nocase(a->given[i].key, key))
            return true;
    return false;
}

static int give_secrets(struct apply *a, struct api *api)
{
    int status = CLI_DONE;
    for (size_t i = 0; i < a->count; i++) {
        const struct given *g = &a->given[i];
        struct api_reply reply = { 0 };
        struct fault why = { 0 };
        const char *path = arena_printf(a->cli->arena, "%s/%s", object_path(a->cli, g->place->kind, g->key),
                                        g->place->path);
        bool is_reached = api_call_secret(api, g->place->method, path, g->place->body, g->secret, &reply, &why);
        if (show_outcome(a->cli, is_reached, &reply, &why) != CLI_DONE) {
            status = CLI_REFUSED;
            fprintf(stderr, "The objects are in force, but the %s of %s %s was not taken. Give it again: %s %s %s\n",
                    g->place->member, object_kind_name(g->place->kind), g->key, g->place->command, g->key,
                    g->place->options);
        }
        api_reply_fini(&reply);
    }
    return status;
}

static void tell_what_is_needed(const struct apply *a, const json_t *answer)
{
    static const struct {
        const char *kind, *what, *command, *options;
    } steps[] = {
        { "registration", "secret", "postern registration set", "--secret-file FILE" },
        { "registration", "certificate", "postern registration set", "--certificate" },
        { "mailbox", "password", "postern mailbox set", "--secret-file FILE" },
        { "mailbox", "sign-in", "postern mailbox authorize", "" },
        { "app", "password", "postern app rotate", "" },
        { "endpoint", "key", "postern endpoint rotate", "" },
    };
    size_t i;
    const json_t *need;
    json_array_foreach(json_object_get(answer, "secrets_needed"), i, need)
    {
        const char *kind = json_string_value(json_object_get(need, "kind"));
        const char *key = json_string_value(json_object_get(need, "key"));
        const char *what = json_string_value(json_object_get(need, "what"));
        if (is_given(a, kind, key))
            continue;
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
            if (text_equal(steps[s].kind, kind) && text_equal(steps[s].what, what))
                fprintf(stderr, "%s %s still needs its %s: %s %s %s\n", kind, key, what, steps[s].command, key,
                        steps[s].options);
    }
}

static int apply(struct apply *a, struct api *api, const json_t *document)
{
    struct api_reply plan = { 0 }, done = { 0 };
    bool is_dry = option_flag(&a->cli->options, "dry-run");
    int status = show_call(a->cli, api, "POST", path_of(a, true), document, &plan);
    size_t changes = json_array_size(json_object_get(plan.json, "changes"));
    if (status == CLI_DONE && (!a->cli->is_json || is_dry)) {
        if (a->cli->is_json)
            show_json(plan.json);
        else
            print_changes(plan.json);
    }
    if (status == CLI_DONE && !is_dry && (changes > 0 || a->count > 0)) {
        if (!is_agreed(a->cli))
            status = CLI_REFUSED;
        if (status == CLI_DONE)
            status = send_document(a, api, document, plan.etag, &done);
        if (status == CLI_DONE && a->cli->is_json)
            show_json(done.json);
        if (status == CLI_DONE)
            status = give_secrets(a, api);
        if (done.json)
            tell_what_is_needed(a, done.json);
    }
    api_reply_fini(&plan);
    api_reply_fini(&done);
    return status;
}

static int run_apply(struct cli *cli)
{
    struct apply a = { .cli = cli };
    struct fault why = { 0 };
    json_t *document = read_document(cli_operand(cli, 0), &why);
    int status;
    if (document && take_secrets(&a, document, &why)) {
        struct api *api = api_open(cli);
        status = api ? apply(&a, api, document) : CLI_REFUSED;
        api_close(api);
    } else {
        status = show_fault(cli, &why);
    }
    for (size_t i = 0; i < a.count; i++)
        secret_free(a.given[i].secret);
    json_decref(document);
    return status;
}

static const struct option_row apply_options[] = {
    { "dry-run", 'n', OPTION_FLAG, NULL, "Only show what would change.", SHAPE_NONE, NULL },
    { "prune", 0, OPTION_FLAG, NULL, "Remove what the document's lists do not hold.", SHAPE_NONE, NULL },
    { "yes", 'y', OPTION_FLAG, NULL, "Do not ask.", SHAPE_NONE, NULL },
    OPTION_END,
};
const struct action apply_actions[] = {
    { "", "FILE", "Set up everything as a document has it, or nothing.", apply_options, run_apply, true },
    { NULL },
};
const struct action export_actions[] = {
    { "", "", "Print everything that is set up as one document.", NULL, run_export, true },
    { NULL },
};
