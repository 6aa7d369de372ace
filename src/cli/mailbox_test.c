/* postern mailbox test - the way out or in, step by step as it happens. */
#include <string.h>

#include "cli/mailbox.h"
#include "cli/object_args.h"
#include "cli/steps.h"

int test_run(struct cli *cli)
{
    const char *to = option_text(&cli->options, "to", NULL);
    const char *protocol = option_text(&cli->options, "protocol", "smtp");
    if (to && strcmp(protocol, "smtp") != 0) {
        fprintf(stderr, "postern mailbox test: --to is for --protocol smtp: nothing is sent by %s\n", protocol);
        return CLI_USAGE;
    }
    json_t *body = json_pack("{s:s, s:b}", "protocol", protocol, "send", to != NULL);
    if (to)
        json_object_set_new(body, "to", json_string(to));
    struct api *api = api_open(cli);
    const char *path = arena_printf(cli->arena, "%s/test", object_path(cli, OBJECT_MAILBOX, cli_operand(cli, 0)));
    int status = api ? steps_run(cli, api, path, body) : CLI_REFUSED;
    api_close(api);
    json_decref(body);
    return status;
}

const struct option_row test_options[] = {
    { "to", 0, OPTION_TEXT, "ADDRESS", "Send a message there; otherwise only sign in.", SHAPE_NONE, NULL },
    { "protocol", 0, OPTION_TEXT, "PROTOCOL", "smtp, imap or pop3; smtp if not given.", SHAPE_NONE, NULL },
    OPTION_END,
};
