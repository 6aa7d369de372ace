/* postern status - one screen: what needs a person first, then mailboxes, queue and roles. */
#include <string.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/show.h"

static const char *reason_of(struct cli *cli, const json_t *mailbox)
{
    const json_t *reason = json_object_get(mailbox, "reason");
    const char *text = show_member(cli, reason, "text");
    return *text ? text : json_is_string(reason) ? json_string_value(reason) : show_member(cli, reason, "id");
}

static void print_endpoint_need(struct cli *cli, const json_t *e)
{
    const char *name = show_member(cli, e, "endpoint"), *why = show_said(cli, show_member(cli, e, "text"));
    uint64_t parked = (uint64_t)json_integer_value(json_object_get(e, "parked"));
    size_t width = show_width(stdout);
    printf("  endpoint %s: %s\n", name,
           parked ? arena_printf(cli->arena, "%llu parked", (unsigned long long)parked) : show_member(cli, e, "state"));
    if (*why) {
        fputs("    said: ", stdout);
        show_cut(stdout, why, width == SIZE_MAX ? SIZE_MAX : width - 10);
        putchar('\n');
    }
    printf("    next: postern endpoint %s %s%s\n", parked ? "mail" : "test", name, parked ? " --state parked" : "");
}

static void print_needs(struct cli *cli, const json_t *needing)
{
    size_t i;
    const json_t *m;
    if (json_array_size(needing) == 0) {
        printf("Nothing needs a person.\n");
        return;
    }
    puts("These need a person:");
    json_array_foreach(needing, i, m)
    {
        if (json_object_get(m, "endpoint")) {
            print_endpoint_need(cli, m);
            continue;
        }
        const char *address = show_member(cli, m, "address"), *why = show_said(cli, reason_of(cli, m));
        size_t width = show_width(stdout);
        printf("  %s: %s\n", address, show_member(cli, m, "state"));
        if (*why) {
            fputs("    said: ", stdout);
            show_cut(stdout, why, width == SIZE_MAX ? SIZE_MAX : width - 10);
            putchar('\n');
        }
        printf("    next: postern mailbox test %s\n", address);
    }
}

static void print_mailboxes(struct cli *cli, const json_t *mailboxes)
{
    static const char *const titles[] = { "MAILBOX", "STATE", "QUEUED", "TODAY", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *m;
    json_array_foreach(mailboxes, i, m)
    {
        const json_t *traffic = json_object_get(m, "queue");
        const char *state = show_member(cli, m, "state");
        const char *cells[] = { show_member(cli, m, "address"), strcmp(state, "none") == 0 ? "not signed in" : state,
                                show_member(cli, traffic, "queued"), show_member(cli, traffic, "recipients_today") };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    putchar('\n');
    table_print(t, stdout);
    table_free(t);
}

static void print_endpoints(struct cli *cli, const json_t *endpoints)
{
    static const char *const titles[] = { "ENDPOINT", "MAILBOX", "STATE", "WAITING", "PARKED", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *e;
    json_array_foreach(endpoints, i, e)
    {
        const char *cells[] = { show_member(cli, e, "endpoint"), show_member(cli, e, "mailbox"),
                                show_member(cli, e, "state"), show_member(cli, e, "waiting"),
                                show_member(cli, e, "parked") };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    putchar('\n');
    table_print(t, stdout);
    table_free(t);
}

static void print_queue(struct cli *cli, const json_t *queue)
{
    const char *oldest = show_when(cli, show_member(cli, queue, "oldest"));
    printf("\nqueue: %s queued, %s active, %s deferred, %s held%s%s\n", show_member(cli, queue, "queued"),
           show_member(cli, queue, "active"), show_member(cli, queue, "deferred"), show_member(cli, queue, "held"),
           *oldest ? ", oldest " : "", oldest);
}

/* Roles are worth a line only when one is not well; that all is well is one line. */
static void print_roles(struct cli *cli, const json_t *roles)
{
    size_t i, well = 0;
    const json_t *r;
    json_array_foreach(roles, i, r)
    {
        const char *state = show_member(cli, r, "state"), *restarts = show_member(cli, r, "restarts");
        bool is_well = strcmp(state, "ready") == 0 || strcmp(state, "running") == 0;
        well += is_well;
        if (!is_well || (*restarts && strcmp(restarts, "0") != 0))
            printf("role %s %s: %s, restarted %s times, since %s\n", show_member(cli, r, "role"),
                   show_member(cli, r, "index"), state, restarts, show_when(cli, show_member(cli, r, "since")));
    }
    printf("roles: %zu of %zu well\n", well, json_array_size(roles));
}

static int run(struct cli *cli)
{
    struct api *api = api_open(cli);
    struct api_reply reply = { 0 };
    if (!api)
        return CLI_REFUSED;
    int status = show_call(cli, api, "GET", "/status", NULL, &reply);
    if (status == CLI_DONE && cli->is_json) {
        show_json(reply.json);
    } else if (status == CLI_DONE) {
        print_needs(cli, json_object_get(reply.json, "needs_person"));
        if (json_array_size(json_object_get(reply.json, "mailboxes")))
            print_mailboxes(cli, json_object_get(reply.json, "mailboxes"));
        if (json_array_size(json_object_get(reply.json, "endpoints")))
            print_endpoints(cli, json_object_get(reply.json, "endpoints"));
        print_queue(cli, json_object_get(reply.json, "queue"));
        print_roles(cli, json_object_get(reply.json, "roles"));
    }
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

const struct action status_actions[] = {
    { "", "", "One screen: what needs a person, mailboxes, endpoints, queue, roles.", NULL, run, true },
    { NULL },
};
