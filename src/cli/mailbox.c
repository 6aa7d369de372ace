/* postern mailbox - mailboxes, and how to sign in for each. */
#include <string.h>

#include "base/text.h"
#include "cli/mailbox.h"
#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"

static const char *cell_address(struct cli *cli, const json_t *m)
{
    return show_member(cli, m, "address");
}

static const char *cell_through(struct cli *cli, const json_t *m)
{
    const char *registration = show_member(cli, m, "registration");
    return *registration ? registration : show_member(cli, m, "provider");
}

static const char *cell_grant(struct cli *cli, const json_t *m)
{
    return show_member(cli, m, "grant");
}

static const char *cell_state(struct cli *cli, const json_t *m)
{
    if (json_is_true(json_object_get(m, "is_paused")))
        return "paused";
    const char *state = show_member(cli, json_object_get(m, "grant_state"), "state");
    return strcmp(state, "none") == 0 ? "not signed in" : state;
}

static const struct object_column columns[] = {
    { "ADDRESS", cell_address },
    { "THROUGH", cell_through },
    { "GRANT", cell_grant },
    { "STATE", cell_state },
    { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_MAILBOX, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_MAILBOX);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_MAILBOX);
}

/* ---- add and set ---- */

static int give_password(struct cli *cli, struct api *api, const struct secret *password)
{
    const char *path = object_path(cli, OBJECT_MAILBOX, cli_operand(cli, 0));
    return object_secret(cli, api, arena_printf(cli->arena, "%s/password", path), "password", password);
}

static int create(struct cli *cli, struct api *api, const json_t *object, const struct secret *password,
                  struct api_reply *reply)
{
    const char *address = cli_operand(cli, 0);
    int status = object_create(cli, api, OBJECT_MAILBOX, address, object, reply);
    if (status != CLI_DONE || !password)
        return status;
    status = give_password(cli, api, password);
    if (status != CLI_DONE)
        object_undo(cli, api, OBJECT_MAILBOX, address);
    return status;
}

static void say_next_step(struct cli *cli, const char *grant)
{
    const char *address = cli_operand(cli, 0);
    show_done(cli, "mailbox %s is added", address);
    if (strcmp(grant, "code") == 0 || strcmp(grant, "device") == 0)
        show_done(cli, "Next, sign it in: postern mailbox authorize %s", address);
    else
        show_done(cli, "Next, try it: postern mailbox test %s", address);
}

static int run_add(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *grant = option_text(&cli->options, "grant", "code");
    json_t *object = object_args_json(&cli->options, &why);
    struct secret *password = NULL;
    bool is_basic = strcmp(grant, "basic") == 0;
    if (object && is_basic)
        password = secret_input(option_text(&cli->options, "secret-file", NULL), "Password of the mailbox", &why);
    if (!object || (is_basic && !password)) {
        json_decref(object);
        return show_fault(cli, &why);
    }
    json_object_set_new(object, "address", json_string(cli_operand(cli, 0)));
    struct api *api = api_open(cli);
    int status = api ? create(cli, api, object, password, &reply) : CLI_REFUSED;
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        say_next_step(cli, grant);
    api_reply_fini(&reply);
    api_close(api);
    secret_free(password);
    json_decref(object);
    return status;
}

static int run_set(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *file = option_text(&cli->options, "secret-file", NULL);
    json_t *changes = object_args_json(&cli->options, &why);
    struct secret *password = changes && file ? secret_input(file, "", &why) : NULL;
    if (!changes || (file && !password)) {
        json_decref(changes);
        return show_fault(cli, &why);
    }
    struct api *api = api_open(cli);
    int status = api ? object_patch(cli, api, OBJECT_MAILBOX, changes, &reply) : CLI_REFUSED;
    if (status == CLI_DONE && password)
        status = give_password(cli, api, password);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_done(cli, "mailbox %s is changed", cli_operand(cli, 0));
    api_reply_fini(&reply);
    api_close(api);
    secret_free(password);
    json_decref(changes);
    return status;
}

/* ---- pause and resume ---- */

static int do_with(struct cli *cli, const char *verb, const char *said)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    const char *path = object_path(cli, OBJECT_MAILBOX, cli_operand(cli, 0));
    int status = show_call(cli, api, "POST", arena_printf(cli->arena, "%s/%s", path, verb), NULL, &reply);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_done(cli, "mailbox %s %s", cli_operand(cli, 0), said);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static int run_pause(struct cli *cli)
{
    return do_with(cli, "pause", "is paused: its mail waits");
}

static int run_resume(struct cli *cli)
{
    return do_with(cli, "resume", "goes on");
}

/* ---- a link for the owner ---- */

static bool is_of_this_machine(const char *url)
{
    const char *host = strstr(url, "://");
    return host && (bytes_starts_nocase(bytes_of(host + 3), "localhost") || strncmp(host + 3, "127.", 4) == 0 ||
                    strncmp(host + 3, "[::1]", 5) == 0);
}

static void print_link(const json_t *reply)
{
    const char *url = json_string_value(json_object_get(reply, "url"));
    const char *user = json_string_value(json_object_get(reply, "user"));
    if (!url)
        return;
    fprintf(stderr, "Send this to %s; it works until the mailbox is signed in, for 7 days:\n",
            user ? user : "the owner");
    printf("%s\n", url);
    if (is_of_this_machine(url))
        fprintf(stderr, "postern: only this machine can open it; set console.public-url to the console's address as "
                        "others reach it, then: postern reload\n");
}

static int run_link(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    const char *path = object_path(cli, OBJECT_MAILBOX, cli_operand(cli, 0));
    int status = show_call(cli, api, "POST", arena_printf(cli->arena, "%s/owner-link", path), NULL, &reply);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        print_link(reply.json);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

/* ---- rows ---- */

#define SERVER_OPTIONS(protocol, prefix, NAME) \
    { protocol,        0, OPTION_TEXT, "HOST:PORT", "Another " NAME " server than the provider's.", SHAPE_HOST_PORT, \
      protocol ".host" }, \
        { prefix "tls", 0, OPTION_TEXT, "HOW", "none, starttls or implicit, for " NAME ".", SHAPE_TEXT, protocol ".tls" }, \
    { \
        prefix "sasl", 0, OPTION_TEXT, "MECHANISM", "xoauth2, oauthbearer, plain, login or none, for " NAME ".", \
            SHAPE_TEXT, protocol ".sasl" \
    }

static const struct option_row mailbox_options[] = {
    { "registration", 0, OPTION_TEXT, "NAME", "The registration it signs in through.", SHAPE_TEXT, "registration" },
    { "provider", 0, OPTION_TEXT, "NAME", "The provider, for the grants basic and none.", SHAPE_TEXT, "provider" },
    { "grant", 0, OPTION_TEXT, "GRANT", "code, device, app, basic or none; code if not given.", SHAPE_TEXT, "grant" },
    { "user", 0, OPTION_TEXT, "NAME", "Who signs in, if not the address itself.", SHAPE_TEXT, "user" },
    { "alias", 0, OPTION_LIST, "ADDRESS...", "Own other addresses it may send as.", SHAPE_LIST, "aliases" },
    { "shared", 0, OPTION_LIST, "ADDRESS...", "Others' addresses it holds the Send As right on.", SHAPE_LIST,
      "shared" },
    { "protocols", 0, OPTION_LIST, "PROTOCOL...", "Protocols switched on: smtp, imap, pop3.", SHAPE_LIST, "protocols" },
    { "secret-file", 0, OPTION_TEXT, "FILE", "Password for grant basic; - is standard input.", SHAPE_NONE, NULL },
    SERVER_OPTIONS("smtp", "", "SMTP"),
    { "initial-response", 0, OPTION_FLAG, NULL, "Send the token together with AUTH.", SHAPE_FLAG,
      "smtp.initial_response" },
    SERVER_OPTIONS("imap", "imap-", "IMAP"),
    SERVER_OPTIONS("pop3", "pop3-", "POP3"),
    { "connections", 0, OPTION_TEXT, "N", "Connections at one time.", SHAPE_NUMBER, "limits.connections" },
    { "messages-per-minute", 0, OPTION_TEXT, "N", "Messages a minute.", SHAPE_NUMBER, "limits.messages_per_minute" },
    { "recipients-per-day", 0, OPTION_TEXT, "N", "Recipients a day.", SHAPE_NUMBER, "limits.recipients_per_day" },
    { "recipients-per-message", 0, OPTION_TEXT, "N", "Recipients in one transaction.", SHAPE_NUMBER,
      "limits.recipients_per_message" },
    { "size-mb", 0, OPTION_TEXT, "N", "Largest message in megabytes.", SHAPE_NUMBER, "limits.size_mb" },
    OPTION_END,
};

const struct action mailbox_actions[] = {
    { "list", "", "Every mailbox and whether it is signed in.", NULL, run_list, true },
    { "show", "ADDRESS", "One mailbox and its grant.", NULL, run_show, true },
    { "add", "ADDRESS", "Add one, by a registration or with a provider's password.", mailbox_options, run_add, true },
    { "set", "ADDRESS", "Change what is given; an empty value gives the default back.", mailbox_options, run_set,
      true },
    { "remove", "ADDRESS", "Forget it and its grant.", NULL, run_remove, false },
    { "authorize", "ADDRESS", "Sign it in: prints an address to open, and waits.", authorize_options, authorize_run,
      true },
    { "link", "ADDRESS", "A link by which its owner signs it in, without any account here.", NULL, run_link, true },
    { "test", "ADDRESS", "Try the way out or in, step by step; with --to a message is sent.", test_options, test_run,
      true },
    { "pause", "ADDRESS", "Keep its mail waiting.", NULL, run_pause, true },
    { "resume", "ADDRESS", "Let its mail go on.", NULL, run_resume, true },
    { NULL },
};
