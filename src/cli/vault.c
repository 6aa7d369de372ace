/* postern vault - the key that seals every secret. */
#include <stdio.h>

#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"

static int run_rekey(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    struct secret *key = secret_input(option_text(&cli->options, "key-file", NULL),
                                      "New master key (32 bytes in base64)", &why);
    if (!key)
        return show_fault(cli, &why);
    struct api *api = api_open(cli);
    int status = CLI_REFUSED;
    if (api)
        status = show_outcome(cli, api_call_secret(api, "POST", "/vault/rekey", "key", key, &reply, &why), &reply,
                              &why);
    if (status == CLI_DONE)
        fprintf(stderr, "Every secret is sealed with the new key. Keep the old one until the next backup.\n");
    api_reply_fini(&reply);
    api_close(api);
    secret_free(key);
    return status;
}

static const struct option_row rekey_options[] = {
    { "key-file", 0, OPTION_TEXT, "FILE", "The new key, 32 random bytes in base64; - is standard input.", SHAPE_NONE,
      NULL },
    OPTION_END,
};

const struct action vault_actions[] = {
    { "rekey", "", "Seal every secret with a new master key.", rekey_options, run_rekey, false },
    { NULL },
};
