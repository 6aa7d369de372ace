/* postern setup - a link that makes an administrator of the console, or lets one in again. */
#include <stdio.h>

#include "cli/show.h"

static int run(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "POST", "/setup/link", NULL, &reply);
    const char *url = json_string_value(json_object_get(reply.json, "url"));
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE && url)
        printf("Open this in a browser; it works once, for a day:\n%s\n", url);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

const struct action setup_actions[] = {
    { "", "", "Print a link that makes an administrator of the console, or sets a lost password anew.", NULL, run,
      true },
    { NULL },
};
