/* postern reload - the daemon reads its configuration file again; a bad file changes nothing. */
#include "cli/show.h"

static int run(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "POST", "/reload", NULL, &reply);
    const json_t *findings = json_object_get(reply.json, "findings");
    if (status == CLI_DONE)
        show_done(cli, "the configuration was read again");
    if (status == CLI_DONE && json_array_size(findings) > 0) { /* it is in force, and part of it is in vain */
        show_findings(stderr, findings);
        status = CLI_REFUSED;
    }
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

const struct action reload_actions[] = {
    { "", "", "Read the configuration file again; no session is dropped.", NULL, run, false },
    { NULL },
};
