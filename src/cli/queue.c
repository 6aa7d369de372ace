/* postern queue - what waits, why, and what to do about it. */
#include <string.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/show.h"

/* ---- list ---- */

static const char *recipients_of(struct cli *cli, const json_t *message)
{
    const json_t *recipients = json_object_get(message, "recipients");
    size_t count = json_array_size(recipients);
    const char *first = show_member(cli, json_array_get(recipients, 0), "address");
    return count > 1 ? arena_printf(cli->arena, "%s +%zu", first, count - 1) : first;
}

static const char *last_of(struct cli *cli, const json_t *message)
{
    const char *held_by = show_member(cli, message, "mailbox_text");
    if (*held_by)
        return held_by;
    size_t i;
    const json_t *recipient;
    json_array_foreach(json_object_get(message, "recipients"), i, recipient)
    {
        const char *last = show_member(cli, recipient, "last");
        if (*last && strcmp(show_member(cli, recipient, "state"), "delivered") != 0)
            return last;
    }
    return "";
}

static void print_messages(struct cli *cli, const json_t *items)
{
    static const char *const titles[] = { "ID", "STATE", "ACCEPTED", "NEXT", "FROM", "TO", "LAST", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *m;
    json_array_foreach(items, i, m)
    {
        const char *sender = show_member(cli, m, "sender");
        const char *cells[] = { show_member(cli, m, "id"),
                                show_member(cli, m, "state"),
                                show_when(cli, show_member(cli, m, "accepted")),
                                show_when(cli, show_member(cli, m, "next_attempt")),
                                *sender ? sender : "<>",
                                recipients_of(cli, m),
                                show_said(cli, last_of(cli, m)) };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    table_print(t, stdout);
    table_free(t);
}

static const char *list_path(struct cli *cli)
{
    static const char *const filters[] = { "state", "mailbox", "sender", "recipient", "subject",
                                           "since", "until",   "limit",  "cursor" };
    const char *path = "/messages";
    char mark = '?';
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = option_text(&cli->options, filters[i], NULL);
        if (!value)
            continue;
        path = arena_printf(cli->arena, "%s%c%s=%s", path, mark, filters[i], api_segment(cli, value));
        mark = '&';
    }
    return path;
}

static int run_list(struct cli *cli)
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
        print_messages(cli, json_object_get(reply.json, "items"));
        if (*next)
            fprintf(stderr, "there are more: --cursor %s\n", next);
    }
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

/* ---- show ---- */

static void print_recipients(struct cli *cli, const json_t *recipients)
{
    static const char *const titles[] = { "RECIPIENT", "STATE", "ATTEMPTS", "NEXT", "LAST", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *r;
    json_array_foreach(recipients, i, r)
    {
        const char *cells[] = { show_member(cli, r, "address"), show_member(cli, r, "state"),
                                show_member(cli, r, "attempts"), show_when(cli, show_member(cli, r, "next_attempt")),
                                show_said(cli, show_member(cli, r, "last")) };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    putchar('\n');
    table_print(t, stdout);
    table_free(t);
}

/* What another server said after the provider had taken it. */
static void print_bounces(struct cli *cli, const json_t *message)
{
    size_t i;
    const json_t *r;
    json_array_foreach(json_object_get(message, "recipients"), i, r)
    {
        const json_t *b = json_object_get(r, "bounced_back");
        if (b)
            printf("\n%s came back: %s %s %s\n", show_member(cli, r, "address"), show_member(cli, b, "action"),
                   show_member(cli, b, "status"), show_said(cli, show_member(cli, b, "diagnostic")));
    }
    json_array_foreach(json_object_get(message, "bounced_back"), i, r)
        printf("\n%s came back: %s %s %s\n", show_member(cli, r, "recipient"), show_member(cli, r, "action"),
               show_member(cli, r, "status"), show_said(cli, show_member(cli, r, "diagnostic")));
}

static void print_attempts(struct cli *cli, const json_t *attempts)
{
    size_t i;
    const json_t *a;
    json_array_foreach(attempts, i, a)
    {
        const char *dialogue = show_member(cli, a, "dialogue");
        printf("\n%s  %s  %s\n", show_member(cli, a, "time"), show_member(cli, a, "host"),
               show_member(cli, a, "outcome"));
        for (const char *at = dialogue; *at;) {
            size_t size = strcspn(at, "\n");
            char line[600];
            text_sanitize((struct bytes){ (const uint8_t *)at, size }, line, sizeof line);
            printf("  %s\n", line);
            at += size + (at[size] == '\n');
        }
    }
}

static int run_show(struct cli *cli)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    const char *path = arena_printf(cli->arena, "/messages/%s", api_segment(cli, cli_operand(cli, 0)));
    int status = show_call(cli, api, "GET", path, NULL, &reply);
    if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        show_fields(reply.json);
        print_recipients(cli, json_object_get(reply.json, "recipients"));
        print_bounces(cli, reply.json);
        print_attempts(cli, json_object_get(reply.json, "attempts"));
    }
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

/* ---- retry, hold, release, remove ---- */

static int run_change(struct cli *cli)
{
    return show_change(cli, arena_printf(cli->arena, "/messages/%s", cli->action->name));
}

/* ---- stats ---- */

static void print_by_mailbox(struct cli *cli, const json_t *lanes)
{
    static const char *const titles[] = { "MAILBOX", "STATE", "QUEUED", "TODAY", "NEXT", "WHY", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *l;
    json_array_foreach(lanes, i, l)
    {
        const char *day = show_member(cli, l, "recipients_per_day");
        const char *today = show_member(cli, l, "recipients_today");
        const char *cells[] = { show_member(cli, l, "mailbox"),
                                show_member(cli, l, "state"),
                                show_member(cli, l, "queued"),
                                strcmp(day, "0") == 0 ? today : arena_printf(cli->arena, "%s of %s", today, day),
                                show_when(cli, show_member(cli, l, "next_attempt")),
                                show_said(cli, show_member(cli, l, "text")) };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    putchar('\n');
    table_print(t, stdout);
    table_free(t);
}

static int run_stats(struct cli *cli)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "GET", "/queue/stats", NULL, &reply);
    if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        static const char *const names[] = { "queued", "active",         "deferred",        "held",
                                             "oldest", "accepted_total", "delivered_total", "bounced_total" };
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            printf("%-16s %s\n", names[i], show_member(cli, reply.json, names[i]));
        print_by_mailbox(cli, json_object_get(reply.json, "by_mailbox"));
    }
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static const struct option_row list_options[] = {
    { "state", 0, OPTION_TEXT, "STATE",
      "queued, active, deferred, held, delivered, bounced, partial, removed or expired.", SHAPE_NONE, NULL },
    { "mailbox", 0, OPTION_TEXT, "ADDRESS", "Only what leaves by this mailbox.", SHAPE_NONE, NULL },
    { "sender", 0, OPTION_TEXT, "ADDRESS", "Only from this sender.", SHAPE_NONE, NULL },
    { "recipient", 0, OPTION_TEXT, "ADDRESS", "Only to this recipient.", SHAPE_NONE, NULL },
    { "subject", 0, OPTION_TEXT, "TEXT", "Only with this in the subject.", SHAPE_NONE, NULL },
    { "since", 0, OPTION_TEXT, "TIME", "Only what was accepted since, as in 2026-11-21T09:15:00Z.", SHAPE_NONE, NULL },
    { "until", 0, OPTION_TEXT, "TIME", "Only what was accepted before.", SHAPE_NONE, NULL },
    { "limit", 0, OPTION_TEXT, "N", "At most so many.", SHAPE_NONE, NULL },
    { "cursor", 0, OPTION_TEXT, "ID", "Go on where a list ended.", SHAPE_NONE, NULL },
    OPTION_END,
};

const struct action queue_actions[] = {
    { "list", "", "Messages, the newest first.", list_options, run_list, true },
    { "show", "ID", "One message's whole story.", NULL, run_show, true },
    { "retry", "ID...", "Try now instead of later.", NULL, run_change, true },
    { "hold", "ID...", "Keep waiting until released.", NULL, run_change, true },
    { "release", "ID...", "Let held messages go on.", NULL, run_change, true },
    { "remove", "ID...", "Take out without delivering or reporting.", NULL, run_change, true },
    { "stats", "", "Numbers, and each mailbox's pace.", NULL, run_stats, true },
    { NULL },
};
