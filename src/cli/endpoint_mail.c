/* postern endpoint mail, retry, drop - what arrived for an endpoint, and what a person decides about it. */
#include <string.h>

#include "cli/endpoint.h"
#include "cli/show.h"

static void print_mail(struct cli *cli, const json_t *items)
{
    static const char *const titles[] = { "ID", "STATE", "RECEIVED", "NEXT", "FROM", "SUBJECT", "LAST", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *m;
    json_array_foreach(items, i, m)
    {
        const char *cells[] = { show_member(cli, m, "id"),
                                show_member(cli, m, "state"),
                                show_when(cli, show_member(cli, m, "received")),
                                show_when(cli, show_member(cli, m, "next_attempt")),
                                show_member(cli, m, "sender"),
                                show_member(cli, m, "subject"),
                                show_said(cli, show_member(cli, m, "last")) };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    table_print(t, stdout);
    table_free(t);
}

static const char *list_path(struct cli *cli)
{
    static const char *const filters[] = { "state", "since", "limit", "cursor" };
    const char *path = arena_printf(cli->arena, "/inbound?endpoint=%s", api_segment(cli, cli_operand(cli, 0)));
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = option_text(&cli->options, filters[i], NULL);
        if (value)
            path = arena_printf(cli->arena, "%s&%s=%s", path, filters[i], api_segment(cli, value));
    }
    return path;
}

int endpoint_mail_list(struct cli *cli)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "GET", list_path(cli), NULL, &reply);
    const char *next = show_member(cli, reply.json, "next");
    if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        print_mail(cli, json_object_get(reply.json, "items"));
        if (*next)
            fprintf(stderr, "there are more: --cursor %s\n", next);
    }
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

int endpoint_mail_change(struct cli *cli)
{
    return show_change(cli, strcmp(cli->action->name, "drop") == 0 ? "/inbound/remove" : "/inbound/retry");
}

const struct option_row endpoint_mail_options[] = {
    { "state", 0, OPTION_TEXT, "STATE", "open, waiting, handed, done, skipped, parked or removed.", SHAPE_NONE, NULL },
    { "since", 0, OPTION_TEXT, "TIME", "Only what was first seen since, as in 2026-11-21T09:15:00Z.", SHAPE_NONE,
      NULL },
    { "limit", 0, OPTION_TEXT, "N", "At most so many.", SHAPE_NONE, NULL },
    { "cursor", 0, OPTION_TEXT, "ID", "Go on where a list ended.", SHAPE_NONE, NULL },
    OPTION_END,
};
