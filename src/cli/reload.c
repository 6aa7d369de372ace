/* postern reload - the daemon reads its configuration file again; a bad file changes nothing. */
#include <stdio.h>

#include "cli/show.h"

static int run(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "POST", "/reload", NULL, &reply);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

const struct action reload_actions[] = {
    { "", "", "Read the configuration file again; no session is dropped.", NULL, run, false },
    { NULL },
};
