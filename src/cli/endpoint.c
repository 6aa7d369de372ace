/* postern endpoint - where mail that arrives in a mailbox is handed to. What arrived for one is the matter of endpoint_mail.c. */
#include "cli/endpoint.h"

#include <string.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"
#include "cli/steps.h"

/* ---- list, show, remove ---- */

static const char *cell_name(struct cli *cli, const json_t *e)
{
    return show_member(cli, e, "name");
}

static const char *cell_mailbox(struct cli *cli, const json_t *e)
{
    return show_member(cli, e, "mailbox");
}

static const char *cell_folder(struct cli *cli, const json_t *e)
{
    const char *folder = show_member(cli, e, "folder");
    return *folder ? folder : "INBOX";
}

static const char *cell_to(struct cli *cli, const json_t *e)
{
    const char *kind = show_member(cli, e, "kind");
    const json_t *group = json_object_get(e, kind);
    const char *where = json_is_string(group)          ? json_string_value(group)
                        : strcmp(kind, "webhook") == 0 ? show_member(cli, group, "url")
                        : strcmp(kind, "command") == 0 ? show_member(cli, group, "path")
                                                       : show_member(cli, group, "host");
    return *where ? arena_printf(cli->arena, "%s %s", kind, where) : kind;
}

static const char *cell_state(struct cli *cli, const json_t *e)
{
    const char *state = show_member(cli, json_object_get(e, "watch_state"), "state");
    return json_is_true(json_object_get(e, "is_paused")) ? "paused" : state;
}

static const char *cell_waiting(struct cli *cli, const json_t *e)
{
    return show_member(cli, e, "waiting");
}

static const char *cell_parked(struct cli *cli, const json_t *e)
{
    return show_member(cli, e, "parked");
}

static const struct object_column columns[] = {
    { "NAME", cell_name },   { "MAILBOX", cell_mailbox }, { "FOLDER", cell_folder }, { "TO", cell_to },
    { "STATE", cell_state }, { "WAITING", cell_waiting }, { "PARKED", cell_parked }, { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_ENDPOINT, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_ENDPOINT);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_ENDPOINT);
}

/* ---- what the options say ---- */

static const struct kind {
    const char *option, *name, *group;
} kinds[] = {
    { "webhook", "webhook", "webhook" }, { "command", "command", "command" }, { "maildir", "maildir", "maildir" },
    { "lmtp", "lmtp", "lmtp" },          { "smtp", "lmtp", "lmtp" },          { "keep", "keep", NULL },
};

static bool find_kind(const struct options *o, const struct kind **found, struct fault *why)
{
    *found = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!option_given(o, kinds[i].option))
            continue;
        if (*found)
            return fault_set(why, FAULT_REJECT, "",
                             "--%s and --%s exclude each other: an endpoint hands over in one way", (*found)->option,
                             kinds[i].option);
        *found = &kinds[i];
    }
    return true;
}

static json_t *group_of(json_t *root, const char *name)
{
    json_t *group = json_object_get(root, name);
    if (!json_is_object(group)) {
        group = json_object();
        json_object_set_new(root, name, group);
    }
    return group;
}

/* Of an endpoint that becomes another kind nothing of the old one stays. */
static void set_kind(json_t *root, const struct options *o, const struct kind *kind, bool is_change)
{
    json_object_set_new(root, "kind", json_string(kind->name));
    if (strcmp(kind->name, "lmtp") == 0) {
        json_object_set_new(group_of(root, "lmtp"), "host", json_string(option_text(o, kind->option, "")));
        json_object_set_new(group_of(root, "lmtp"), "is_smtp", json_boolean(strcmp(kind->option, "smtp") == 0));
    }
    for (size_t i = 0; is_change && i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].group && strcmp(kinds[i].name, kind->name) != 0)
            json_object_set_new(root, kinds[i].group, json_null());
}

/* --ca-file is for whichever of the two speaks TLS. */
static bool set_ca_file(json_t *root, const struct options *o, const struct kind *kind, struct fault *why)
{
    const char *file = option_text(o, "ca-file", NULL);
    if (!file)
        return true;
    bool is_lmtp = kind ? strcmp(kind->name, "lmtp") == 0 : json_object_get(root, "lmtp") != NULL;
    if (kind && !is_lmtp && strcmp(kind->name, "webhook") != 0)
        return fault_set(why, FAULT_REJECT, "", "--ca-file is for --webhook, --lmtp and --smtp");
    json_object_set_new(group_of(root, is_lmtp ? "lmtp" : "webhook"), "ca_file", json_string(file));
    return true;
}

static json_t *object_of(struct cli *cli, bool is_change, const struct kind **kind, struct fault *why)
{
    const struct options *o = &cli->options;
    json_t *root = find_kind(o, kind, why) ? object_args_json(o, why) : NULL;
    if (!root)
        return NULL;
    if (!is_change && !*kind)
        fault_set(why, FAULT_REJECT, "",
                  "say where mail is handed to: --webhook URL, --command PATH, --maildir DIR, --lmtp HOST:PORT, "
                  "--smtp HOST:PORT or --keep");
    if (*kind)
        set_kind(root, o, *kind, is_change);
    if (option_given(o, "move-to") && *option_text(o, "move-to", "") && !option_given(o, "after"))
        json_object_set_new(root, "after", json_string("move"));
    if ((is_change || *kind) && set_ca_file(root, o, *kind, why))
        return root;
    json_decref(root);
    return NULL;
}

/* ---- keys ---- */

/* Prints the key: the one time it can be seen. */
static int new_key(struct cli *cli, struct api *api, const char *name)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *path = arena_printf(cli->arena, "%s/key", object_path(cli, OBJECT_ENDPOINT, name));
    const char *file = option_text(&cli->options, "secret-file", NULL);
    struct secret *own = file ? secret_input(file, "Key: ", &why) : NULL;
    if (file && !own)
        return show_fault(cli, &why);
    bool is_reached = own ? api_call_secret(api, "POST", path, "key", own, &reply, &why)
                          : api_call(api, "POST", path, NULL, &reply, &why);
    secret_free(own);
    int status = show_outcome(cli, is_reached, &reply, &why);
    if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        fprintf(stderr, "What %s sends is signed with this key, shown once:\n", name);
        printf("%s\n", show_member(cli, reply.json, "key"));
    }
    api_reply_fini(&reply);
    return status;
}

static int run_rotate(struct cli *cli)
{
    struct api *api = api_open(cli);
    int status = api ? new_key(cli, api, cli_operand(cli, 0)) : CLI_REFUSED;
    api_close(api);
    return status;
}

/* ---- add, set ---- */

static int add(struct cli *cli, struct api *api, const json_t *object, const struct kind *kind)
{
    const char *name = cli_operand(cli, 0);
    struct api_reply reply = { 0 };
    int status = object_create(cli, api, OBJECT_ENDPOINT, name, object, &reply);
    if (status == CLI_DONE && strcmp(kind->name, "webhook") == 0) {
        status = new_key(cli, api, name);
        if (status != CLI_DONE)
            object_undo(cli, api, OBJECT_ENDPOINT, name);
    } else if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        show_done(cli, "endpoint %s is added; try it: postern endpoint test %s", name, name);
    }
    api_reply_fini(&reply);
    return status;
}

static int run_add(struct cli *cli)
{
    struct fault why = { 0 };
    const struct kind *kind;
    json_t *object = object_of(cli, false, &kind, &why);
    if (!object)
        return show_fault(cli, &why);
    json_object_set_new(object, "name", json_string(cli_operand(cli, 0)));
    struct api *api = api_open(cli);
    int status = api ? add(cli, api, object, kind) : CLI_REFUSED;
    api_close(api);
    json_decref(object);
    return status;
}

static int set(struct cli *cli, struct api *api, const json_t *changes)
{
    const char *name = cli_operand(cli, 0);
    struct api_reply reply = { 0 };
    int status = object_patch(cli, api, OBJECT_ENDPOINT, changes, &reply);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_done(cli, "endpoint %s is changed", name);
    api_reply_fini(&reply);
    if (status != CLI_DONE || !option_given(&cli->options, "secret-file"))
        return status;
    return new_key(cli, api, name);
}

static int run_set(struct cli *cli)
{
    struct fault why = { 0 };
    const struct kind *kind;
    json_t *changes = object_of(cli, true, &kind, &why);
    if (!changes)
        return show_fault(cli, &why);
    struct api *api = api_open(cli);
    int status = api ? set(cli, api, changes) : CLI_REFUSED;
    api_close(api);
    json_decref(changes);
    return status;
}

/* ---- test, pause, resume ---- */

static int run_test(struct cli *cli)
{
    struct api *api = api_open(cli);
    const char *path = arena_printf(cli->arena, "%s/test", object_path(cli, OBJECT_ENDPOINT, cli_operand(cli, 0)));
    int status = api ? steps_run(cli, api, path, NULL) : CLI_REFUSED;
    api_close(api);
    return status;
}

static int run_pause_or_resume(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    const char *name = cli_operand(cli, 0), *verb = cli->action->name;
    int status = CLI_REFUSED;
    if (api)
        status = show_call(cli, api, "POST",
                           arena_printf(cli->arena, "%s/%s", object_path(cli, OBJECT_ENDPOINT, name), verb), NULL,
                           &reply);
    if (status == CLI_DONE)
        show_done(cli, "endpoint %s is %sd", name, verb);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

#define SHAPED(name, value, help, shape, key) \
    { \
        name, 0, OPTION_TEXT, value, help, shape, key \
    }
#define FLAG(name, help, key) \
    { \
        name, 0, OPTION_FLAG, NULL, help, SHAPE_FLAG, key \
    }

static const struct option_row endpoint_options[] = {
    SHAPED("mailbox", "ADDRESS", "Mailbox whose mail is handed over.", SHAPE_TEXT, "mailbox"),
    SHAPED("webhook", "URL", "Post each message there.", SHAPE_TEXT, "webhook.url"),
    SHAPED("command", "PATH", "Run this program for each message.", SHAPE_TEXT, "command.path"),
    SHAPED("maildir", "DIR", "Put each message into this Maildir.", SHAPE_TEXT, "maildir"),
    SHAPED("lmtp", "HOST:PORT", "Deliver there by LMTP; also the path of a socket.", SHAPE_NONE, NULL),
    SHAPED("smtp", "HOST:PORT", "Deliver there by SMTP.", SHAPE_NONE, NULL),
    { "keep", 0, OPTION_FLAG, NULL, "Keep it for postern fetch and the API.", SHAPE_NONE, NULL },
    SHAPED("folder", "FOLDER", "Folder to watch; INBOX if not given.", SHAPE_TEXT, "folder"),
    SHAPED("watch", "HOW", "idle, poll or pop3; idle if not given, or pop3 where there is no IMAP.", SHAPE_TEXT,
           "watch"),
    SHAPED("poll", "SECONDS", "Time between looks; 60 if not given.", SHAPE_NUMBER, "poll_s"),
    FLAG("include-old", "Hand over what was there before, too.", "include_old"),
    FLAG("drop-duplicates", "Hand a Message-ID over only once.", "drop_duplicates"),
    SHAPED("filter-sender", "TEXT", "Only where the sender's address has this part.", SHAPE_TEXT, "filter.sender"),
    SHAPED("filter-recipient", "TEXT", "Only where a recipient's address has this part.", SHAPE_TEXT,
           "filter.recipient"),
    SHAPED("filter-subject", "TEXT", "Only where the subject has this part.", SHAPE_TEXT, "filter.subject"),
    SHAPED("filter-header", "FIELD", "Only with this field, as in \"List-Id: *.example.org\".", SHAPE_TEXT,
           "filter.header"),
    SHAPED("filter-larger", "KB", "Only mail larger than this.", SHAPE_NUMBER, "filter.larger_kb"),
    SHAPED("filter-smaller", "KB", "Only mail smaller than this.", SHAPE_NUMBER, "filter.smaller_kb"),
    SHAPED("after", "WHAT", "Then at the provider: seen, move, delete or leave; seen if not given.", SHAPE_TEXT,
           "after"),
    SHAPED("move-to", "FOLDER", "Folder for --after move.", SHAPE_TEXT, "move_to"),
    SHAPED("patience", "HOURS", "Retry so long, then park the mail; 72 if not given.", SHAPE_NUMBER, "patience_h"),
    SHAPED("keep-days", "DAYS", "Kept and linked mail stays so long; 7 if not given.", SHAPE_NUMBER, "keep_days"),
    SHAPED("inline", "KB", "Webhook: attachments up to this stand in the JSON; 256 if not given.", SHAPE_NUMBER,
           "webhook.inline_kb"),
    { "argument", 0, OPTION_TEXTS, "TEXT", "Command: one argument; may be given several times.", SHAPE_LIST,
      "command.arguments" },
    SHAPED("timeout", "SECONDS", "Command: time it may take; 60 if not given.", SHAPE_NUMBER, "command.timeout_s"),
    SHAPED("memory", "MB", "Command: memory it may use; 512 if not given.", SHAPE_NUMBER, "command.memory_mb"),
    SHAPED("tls", "HOW", "LMTP, SMTP: none, starttls or implicit.", SHAPE_TEXT, "lmtp.tls"),
    SHAPED("recipient", "ADDRESS", "LMTP, SMTP: recipient, if not the mailbox.", SHAPE_TEXT, "lmtp.recipient"),
    SHAPED("ca-file", "FILE", "Webhook, LMTP, SMTP: authorities to trust instead of the system's.", SHAPE_NONE, NULL),
    SHAPED("secret-file", "FILE", "Webhook: the key to sign with, if not a new random one.", SHAPE_NONE, NULL),
    OPTION_END,
};

static const struct option_row rotate_options[] = {
    SHAPED("secret-file", "FILE", "The key to sign with, if not a new random one.", SHAPE_NONE, NULL),
    OPTION_END,
};

const struct action endpoint_actions[] = {
    { "list", "", "Every endpoint, and how its folder does.", NULL, run_list, true },
    { "show", "NAME", "One endpoint.", NULL, run_show, true },
    { "add", "NAME", "Hand a mailbox's mail over; prints a webhook's key, once.", endpoint_options, run_add, true },
    { "set", "NAME", "Change what is given; --no-FLAG turns a flag off.", endpoint_options, run_set, true },
    { "remove", "NAME", "Hand nothing over any more, and forget what was seen.", NULL, run_remove, false },
    { "test", "NAME", "Look into the folder and hand a sample over, step by step.", NULL, run_test, true },
    { "rotate", "NAME", "A new key for a webhook's signatures; the old one ends at once.", rotate_options, run_rotate,
      true },
    { "pause", "NAME", "Hand nothing over until it is resumed.", NULL, run_pause_or_resume, false },
    { "resume", "NAME", "Go on.", NULL, run_pause_or_resume, false },
    { "mail", "NAME", "What arrived for it, the newest first.", endpoint_mail_options, endpoint_mail_list, true },
    { "retry", "ID...", "Hand parked or waiting mail over now.", NULL, endpoint_mail_change, true },
    { "drop", "ID...", "Give parked or waiting mail up; at the provider it stays.", NULL, endpoint_mail_change, true },
    { NULL },
};
