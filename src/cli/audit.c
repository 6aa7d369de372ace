/* postern audit - who changed what, and who came in. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/show.h"

static const char *who_text(struct cli *cli, const json_t *line)
{
    const json_t *who = json_object_get(line, "who");
    const char *kind = show_member(cli, who, "kind"), *name = show_member(cli, who, "name");
    const char *host = show_member(cli, who, "host");
    if (text_equal(host, "local") || !*host)
        return arena_printf(cli->arena, "%s %s", kind, name);
    return arena_printf(cli->arena, "%s %s at %s", kind, name, host);
}

/* "grant: code -> app; is_paused: no -> yes" */
static const char *changes_text(struct cli *cli, const json_t *changes)
{
    const char *text = "", *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)changes, name, value)
    {
        bool is_pair = json_is_array(value) && json_array_size(value) == 2 && !text_equal(name, "ids");
        const char *shown = is_pair ? arena_printf(cli->arena, "%s -> %s", show_value(cli, json_array_get(value, 0)),
                                                   show_value(cli, json_array_get(value, 1)))
                                    : show_value(cli, value);
        text = arena_printf(cli->arena, "%s%s%s: %s", text, *text ? "; " : "", name, shown);
    }
    return text;
}

static void print(struct cli *cli, const json_t *items)
{
    static const char *const titles[] = { "TIME", "WHO", "DID", "TO", "CHANGES", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *line;
    json_array_foreach(items, i, line)
    {
        const char *action = show_member(cli, line, "action");
        const json_t *changes = json_object_get(line, "changes");
        bool says_more = text_equal(action, "change") || json_object_get(changes, "left_out");
        const char *cells[] = { show_member(cli, line, "time"), who_text(cli, line), action,
                                arena_printf(cli->arena, "%s %s", show_member(cli, line, "kind"),
                                             show_member(cli, line, "key")),
                                says_more ? changes_text(cli, changes) : "" };
        table_row(t, cells, sizeof cells / sizeof *cells);
    }
    table_print(t, stdout);
    table_free(t);
}

static const char *audit_path(struct cli *cli)
{
    static const char *const filters[] = { "since", "who", "kind", "key", "limit", "cursor" };
    const char *path = "/audit";
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = option_text(&cli->options, filters[i], NULL);
        if (value)
            path = arena_printf(cli->arena, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', filters[i],
                                api_segment(cli, value));
    }
    return path;
}

static int run(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct api *api = api_open(cli);
    int status = api ? show_call(cli, api, "GET", audit_path(cli), NULL, &reply) : CLI_REFUSED;
    const char *next = status == CLI_DONE ? show_member(cli, reply.json, "next") : "";
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        print(cli, json_object_get(reply.json, "items"));
    if (status == CLI_DONE && !cli->is_json && *next)
        fprintf(stderr, "There is more: --cursor %s\n", next);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static const struct option_row options[] = {
    { "since", 0, OPTION_TEXT, "TIME", "From this day or time on, as in 2026-11-21.", SHAPE_NONE, NULL },
    { "who", 0, OPTION_TEXT, "NAME", "One operator, key or user of this machine.", SHAPE_NONE, NULL },
    { "kind", 0, OPTION_TEXT, "KIND", "What it was done to: mailbox, app, key, operator, message...", SHAPE_NONE,
      NULL },
    { "key", 0, OPTION_TEXT, "NAME", "One of these, by its name, address or id.", SHAPE_NONE, NULL },
    { "limit", 0, OPTION_TEXT, "N", "At most so many lines; 50 if not given.", SHAPE_NONE, NULL },
    { "cursor", 0, OPTION_TEXT, "TEXT", "Go on after an earlier answer.", SHAPE_NONE, NULL },
    OPTION_END,
};

const struct action audit_actions[] = {
    { "", "", "Who changed what, and who came in; newest first.", options, run, true },
    { NULL },
};
