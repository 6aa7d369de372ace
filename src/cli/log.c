/* postern log - the event file, filtered and readable; --follow goes on. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/object_args.h"
#include "cli/show.h"

static void put_value(const char *text)
{
    char clean[1024];
    text_sanitize(bytes_of(text), clean, sizeof clean);
    if (*clean && !strpbrk(clean, " \"="))
        fputs(clean, stdout);
    else
        printf("\"%s\"", clean);
}

static bool is_head(const char *key)
{
    return !strcmp(key, "t") || !strcmp(key, "level") || !strcmp(key, "role") || !strcmp(key, "event");
}

/* "2026-11-21 09:15:00 info  queue  mail.accepted message=... from=..." */
static void print_event(struct cli *cli, json_t *event)
{
    const char *time = show_member(cli, event, "t"), *key;
    json_t *value;
    printf("%.10s %.8s %-5s %-6s %s", time, strlen(time) > 19 ? time + 11 : "", show_member(cli, event, "level"),
           show_member(cli, event, "role"), show_member(cli, event, "event"));
    json_object_foreach(event, key, value)
    {
        if (is_head(key))
            continue;
        printf(" %s=", key);
        put_value(show_value(cli, value));
    }
    putchar('\n');
}

static bool on_line(void *ctx, json_t *line)
{
    struct cli *cli = ctx;
    if (cli->is_json) {
        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        struct cli scratch = { .arena = arena_new() }; /* a followed log has no end: nothing may pile up */
        print_event(&scratch, line);
        arena_free(scratch.arena);
    }
    fflush(stdout);
    return !ferror(stdout);
}

static const char *log_path(struct cli *cli)
{
    static const char *const filters[] = { "message", "mailbox", "level" };
    const char *path = option_flag(&cli->options, "follow") ? "/log?follow=1" : "/log?follow=0";
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = option_text(&cli->options, filters[i], NULL);
        if (value)
            path = arena_printf(cli->arena, "%s&%s=%s", path, filters[i], api_segment(cli, value));
    }
    return path;
}

static int run(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    bool is_reached = api_stream(api, "GET", log_path(cli), NULL, on_line, cli, &reply, &why);
    int status = show_outcome(cli, is_reached, &reply, &why);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static const struct option_row options[] = {
    { "follow", 'f', OPTION_FLAG, NULL, "Go on as things happen.", SHAPE_NONE, NULL },
    { "message", 0, OPTION_TEXT, "ID", "One message's way from edge to outcome.", SHAPE_NONE, NULL },
    { "mailbox", 0, OPTION_TEXT, "ADDRESS", "One mailbox.", SHAPE_NONE, NULL },
    { "level", 0, OPTION_TEXT, "LEVEL", "error, warn, info or debug: this and what is worse.", SHAPE_NONE, NULL },
    OPTION_END,
};

const struct action log_actions[] = {
    { "", "", "What happened, one event a line (postern-events(7) lists their names).", options, run, true },
    { NULL },
};
