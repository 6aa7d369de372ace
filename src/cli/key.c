/* postern key - programs that may use the API, each with a key of its own. */
#include <string.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/show.h"

static const char *cell_name(struct cli *cli, const json_t *k)
{
    return show_member(cli, k, "name");
}

static const char *cell_scopes(struct cli *cli, const json_t *k)
{
    return show_member(cli, k, "scopes");
}

static const char *cell_mailboxes(struct cli *cli, const json_t *k)
{
    const char *mailboxes = show_member(cli, k, "mailboxes");
    return *mailboxes ? mailboxes : "all";
}

static const char *cell_ends(struct cli *cli, const json_t *k)
{
    const char *expires = show_member(cli, k, "expires");
    if (json_is_true(json_object_get(k, "is_disabled")))
        return "disabled";
    return *expires ? expires : "never";
}

static const struct object_column columns[] = {
    { "NAME", cell_name }, { "SCOPES", cell_scopes }, { "MAILBOXES", cell_mailboxes }, { "ENDS", cell_ends },
    { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_KEY, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_KEY);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_KEY);
}

/* Prints the key: the one time it can be seen. */
static int new_secret(struct cli *cli, struct api *api)
{
    return object_secret_once(cli, api, OBJECT_KEY, "secret", "key",
                              "This key is shown once; send it as Authorization: Bearer KEY:");
}

static int run_add(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *name = cli_operand(cli, 0);
    json_t *object = object_args_json(&cli->options, &why);
    if (!object)
        return show_fault(cli, &why);
    json_object_set_new(object, "name", json_string(name));
    struct api *api = api_open(cli);
    int status = api ? object_create(cli, api, OBJECT_KEY, name, object, &reply) : CLI_REFUSED;
    if (status == CLI_DONE) {
        status = new_secret(cli, api);
        if (status != CLI_DONE)
            object_undo(cli, api, OBJECT_KEY, name);
    }
    api_reply_fini(&reply);
    api_close(api);
    json_decref(object);
    return status;
}

static int run_set(struct cli *cli)
{
    return object_set(cli, OBJECT_KEY);
}

static int run_rotate(struct cli *cli)
{
    struct api *api = api_open(cli);
    int status = api ? new_secret(cli, api) : CLI_REFUSED;
    api_close(api);
    return status;
}

#define WHAT_IT_MAY \
    { "scope",    0,       OPTION_LIST, "SCOPE...", "What it may do: send, inbox, read, content, operate, admin.", \
      SHAPE_LIST, "scopes" }, \
        { "mailbox",  0,          OPTION_LIST, "ADDRESS...", "The only mailboxes it may touch; all if not given.", \
          SHAPE_LIST, "mailboxes" }, \
    { \
        "expires", 0, OPTION_TEXT, "DATE", "The last day it is good.", SHAPE_TEXT, "expires" \
    }

static const struct option_row add_options[] = { WHAT_IT_MAY, OPTION_END };
static const struct option_row set_options[] = {
    WHAT_IT_MAY,
    { "disabled", 0, OPTION_FLAG, NULL, "It is refused from now on.", SHAPE_FLAG, "is_disabled" },
    OPTION_END,
};

const struct action key_actions[] = {
    { "list", "", "Every key.", NULL, run_list, true },
    { "show", "NAME", "What one key may do.", NULL, run_show, true },
    { "add", "NAME", "Let a program in; prints its key, once.", add_options, run_add, true },
    { "set", "NAME", "Change what is given; an empty value empties a list.", set_options, run_set, true },
    { "rotate", "NAME", "A new key; the old one ends at once.", NULL, run_rotate, true },
    { "remove", "NAME", "Shut it out.", NULL, run_remove, false },
    { NULL },
};
