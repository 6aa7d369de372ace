/* postern app - programs and devices that may send and read mail, each with a password of its own. */
#include <string.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/show.h"

static const char *cell_name(struct cli *cli, const json_t *a)
{
    return show_member(cli, a, "name");
}

static const char *cell_mailboxes(struct cli *cli, const json_t *a)
{
    return show_member(cli, a, "mailboxes");
}

static const char *cell_allow(struct cli *cli, const json_t *a)
{
    const char *allow = show_member(cli, a, "allow");
    return *allow ? allow : "all";
}

static const char *cell_known_by(struct cli *cli, const json_t *a)
{
    const char *from = show_member(cli, a, "from");
    if (json_is_false(json_object_get(a, "has_password")))
        return from;
    return *from ? arena_printf(cli->arena, "password, %s", from) : "password";
}

static const struct object_column columns[] = {
    { "NAME", cell_name }, { "MAILBOXES", cell_mailboxes }, { "ALLOW", cell_allow }, { "KNOWN BY", cell_known_by },
    { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_APP, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_APP);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_APP);
}

/* Prints the new password: the one time it can be seen. */
static int new_password(struct cli *cli, struct api *api)
{
    const char *notice = arena_printf(cli->arena, "User name %s; this password is shown once:", cli_operand(cli, 0));
    return object_secret_once(cli, api, OBJECT_APP, "password", "password", notice);
}

static int add_with_password(struct cli *cli, struct api *api, const json_t *object, struct api_reply *reply)
{
    const char *name = cli_operand(cli, 0);
    int status = object_create(cli, api, OBJECT_APP, name, object, reply);
    if (status != CLI_DONE)
        return status;
    if (!json_is_false(json_object_get(object, "has_password"))) {
        status = new_password(cli, api);
        if (status != CLI_DONE)
            object_undo(cli, api, OBJECT_APP, name);
    } else if (cli->is_json) {
        show_json(reply->json);
    } else {
        show_done(cli, "app %s is added; it is known by its address alone", name);
    }
    return status;
}

static int run_add(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    json_t *object = object_args_json(&cli->options, &why);
    if (!object)
        return show_fault(cli, &why);
    json_object_set_new(object, "name", json_string(cli_operand(cli, 0)));
    struct api *api = api_open(cli);
    int status = api ? add_with_password(cli, api, object, &reply) : CLI_REFUSED;
    api_reply_fini(&reply);
    api_close(api);
    json_decref(object);
    return status;
}

static int run_set(struct cli *cli)
{
    return object_set(cli, OBJECT_APP);
}

static int run_rotate(struct cli *cli)
{
    struct api *api = api_open(cli);
    int status = api ? new_password(cli, api) : CLI_REFUSED;
    api_close(api);
    return status;
}

static const struct option_row app_options[] = {
    { "mailbox", 0, OPTION_LIST, "ADDRESS...", "Mailboxes it may use; the first is the usual one.", SHAPE_LIST,
      "mailboxes" },
    { "allow", 0, OPTION_LIST, "PROTOCOL...", "smtp, imap, pop3, http; all if not given.", SHAPE_LIST, "allow" },
    { "from", 0, OPTION_LIST, "CIDR...", "Address ranges it is known by without signing in.", SHAPE_LIST, "from" },
    { "only-from", 0, OPTION_FLAG, NULL, "Its password is needed, and works from those ranges only.", SHAPE_FLAG,
      "only_from" },
    { "no-password", 0, OPTION_FLAG, NULL, "No password: known by its address alone.", SHAPE_OFF, "has_password" },
    { "password", 0, OPTION_FLAG, NULL, "The opposite, which is the default.", SHAPE_FLAG, "has_password" },
    { "force-sender", 0, OPTION_TEXT, "ADDRESS", "Put this sender into all its mail.", SHAPE_TEXT, "force_sender" },
    { "any-sender", 0, OPTION_FLAG, NULL, "Let it use any sender; the provider decides then.", SHAPE_FLAG,
      "any_sender" },
    OPTION_END,
};
const struct action app_actions[] = {
    { "list", "", "Every app.", NULL, run_list, true },
    { "show", "NAME", "What one app may do.", NULL, run_show, true },
    { "add", "NAME", "Let a program in; prints its password, once.", app_options, run_add, true },
    { "set", "NAME", "Change what is given; --no-FLAG turns a flag off, an empty value empties a list.", app_options,
      run_set, true },
    { "rotate", "NAME", "A new password; the old one ends at once.", NULL, run_rotate, true },
    { "remove", "NAME", "Shut it out.", NULL, run_remove, false },
    { NULL },
};
