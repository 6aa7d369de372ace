/* postern operator - people who may sign in to the console. */
#include <string.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"

static const char *cell_name(struct cli *cli, const json_t *o)
{
    return show_member(cli, o, "name");
}

static const char *cell_role(struct cli *cli, const json_t *o)
{
    return show_member(cli, o, "role");
}

static const char *cell_signs_in(struct cli *cli, const json_t *o)
{
    const char *user = show_member(cli, o, "entra_user");
    bool has_password = json_is_true(json_object_get(o, "has_password"));
    if (json_is_true(json_object_get(o, "is_disabled")))
        return "no: disabled";
    if (*user)
        return arena_printf(cli->arena, "%sEntra: %s", has_password ? "password, " : "", user);
    return has_password ? "password" : "no: without a password";
}

static const struct object_column columns[] = {
    { "NAME", cell_name },
    { "ROLE", cell_role },
    { "SIGNS IN", cell_signs_in },
    { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_OPERATOR, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_OPERATOR);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_OPERATOR);
}

static int set_password(struct cli *cli, struct api *api, const struct secret *password)
{
    const char *path = arena_printf(cli->arena, "%s/password", object_path(cli, OBJECT_OPERATOR, cli_operand(cli, 0)));
    return object_secret(cli, api, path, "password", password);
}

/* NULL with a fault. */
static struct secret *new_password(struct cli *cli, struct fault *why)
{
    char prompt[160];
    snprintf(prompt, sizeof prompt, "New password of %.100s (at least 12 characters): ", cli_operand(cli, 0));
    return secret_input(option_text(&cli->options, "password-file", NULL), prompt, why);
}

/* Somebody who signs in with Entra only needs no password. */
static bool wants_password(struct cli *cli)
{
    return option_text(&cli->options, "password-file", NULL) || !option_text(&cli->options, "entra-user", NULL);
}

static int add(struct cli *cli, const json_t *object, const struct secret *password)
{
    struct api_reply reply = { 0 };
    const char *name = cli_operand(cli, 0);
    struct api *api = api_open(cli);
    int status = api ? object_create(cli, api, OBJECT_OPERATOR, name, object, &reply) : CLI_REFUSED;
    if (status == CLI_DONE && password) {
        status = set_password(cli, api, password);
        if (status != CLI_DONE)
            object_undo(cli, api, OBJECT_OPERATOR, name);
    }
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_done(cli, "operator %s is added", name);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static int run_add(struct cli *cli)
{
    struct fault why = { 0 };
    struct secret *password = NULL;
    json_t *object = object_args_json(&cli->options, &why);
    if (object && wants_password(cli))
        password = new_password(cli, &why);
    if (why.kind != FAULT_NONE) {
        json_decref(object);
        return show_fault(cli, &why);
    }
    json_object_set_new(object, "name", json_string(cli_operand(cli, 0)));
    int status = add(cli, object, password);
    secret_free(password);
    json_decref(object);
    return status;
}

static int run_set(struct cli *cli)
{
    return object_set(cli, OBJECT_OPERATOR);
}

static int run_password(struct cli *cli)
{
    struct fault why = { 0 };
    struct secret *password = new_password(cli, &why);
    if (!password)
        return show_fault(cli, &why);
    struct api *api = api_open(cli);
    int status = api ? set_password(cli, api, password) : CLI_REFUSED;
    if (status == CLI_DONE)
        show_done(cli, "operator %s has a new password; who was signed in with the old one is signed out",
                  cli_operand(cli, 0));
    secret_free(password);
    api_close(api);
    return status;
}

#define ROLE \
    { \
        "role", 0, OPTION_TEXT, "ROLE", "administrator, or operator: may look, and no more.", SHAPE_TEXT, "role" \
    }
#define ENTRA \
    { \
        "entra-user", 0, OPTION_TEXT, "USER", "User name at Entra that signs in as this one.", SHAPE_TEXT, \
            "entra_user" \
    }
#define PASSWORD_FILE \
    { \
        "password-file", 0, OPTION_TEXT, "FILE", "The password from a file; - is standard input.", SHAPE_NONE, NULL \
    }

static const struct option_row add_options[] = { ROLE, ENTRA, PASSWORD_FILE, OPTION_END };
static const struct option_row set_options[] = {
    ROLE,
    ENTRA,
    { "disabled", 0, OPTION_FLAG, NULL, "May not sign in, and is signed out at once.", SHAPE_FLAG, "is_disabled" },
    OPTION_END,
};
static const struct option_row password_options[] = { PASSWORD_FILE, OPTION_END };

const struct action operator_actions[] = {
    { "list", "", "Every operator, and how each signs in.", NULL, run_list, true },
    { "show", "NAME", "One operator.", NULL, run_show, true },
    { "add", "NAME", "Let somebody in; asks for the password.", add_options, run_add, true },
    { "set", "NAME", "Change what is given; --no-disabled lets somebody in again.", set_options, run_set, true },
    { "password", "NAME", "A new password; whoever is signed in with the old one is signed out.", password_options,
      run_password, false },
    { "remove", "NAME", "Shut somebody out.", NULL, run_remove, false },
    { NULL },
};
