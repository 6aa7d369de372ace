/* postern serve - the daemon. */
#include <stddef.h>

#include "cli/command.h"
#include "role/role.h"

static int run(struct cli *cli)
{
    return role_serve(option_text(&cli->options, "config", NULL));
}

const struct action serve_actions[] = {
    { "", "", "Run in the foreground; systemd is told when everything is ready.", NULL, run, false },
    { NULL },
};
