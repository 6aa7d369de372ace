/* postern fetch - mail that an endpoint keeps: a table, or files of which each appears whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/object_args.h"
#include "cli/show.h"

#define PAGE 500

struct fetch {
    struct cli *cli;
    struct api *api;
    json_t *items; /* every one that was asked for */
    int directory; /* -1: none */
    size_t written, there, refused;
};

/* ---- the list ---- */

static bool is_wanted(struct cli *cli, const json_t *item)
{
    const char *wanted = option_text(&cli->options, "folder", NULL);
    return !wanted || text_equal_nocase(show_member(cli, item, "folder"), wanted);
}

static const char *page_path(struct cli *cli, const char *cursor)
{
    const char *since = option_text(&cli->options, "since", "");
    return arena_printf(cli->arena, "%s/inbox?limit=%d%s%s%s%s", object_path(cli, OBJECT_MAILBOX, cli_operand(cli, 0)),
                        PAGE, *since ? "&since=" : "", *since ? api_segment(cli, since) : "", *cursor ? "&cursor=" : "",
                        cursor);
}

static int list_all(struct fetch *f)
{
    const char *cursor = "";
    int status;
    do {
        struct api_reply reply = { 0 };
        size_t i;
        json_t *item;
        status = show_call(f->cli, f->api, "GET", page_path(f->cli, cursor), NULL, &reply);
        json_array_foreach(json_object_get(reply.json, "items"), i, item)
        {
            if (is_wanted(f->cli, item))
                json_array_append(f->items, item);
        }
        cursor = show_member(f->cli, reply.json, "next");
        api_reply_fini(&reply);
    } while (status == CLI_DONE && *cursor);
    return status;
}

static void print_table(struct cli *cli, const json_t *items)
{
    static const char *const titles[] = { "ID", "RECEIVED", "FROM", "SUBJECT", "SIZE", NULL };
    struct table *t = table_new(titles);
    size_t i;
    const json_t *m;
    json_array_foreach(items, i, m)
    {
        const char *cells[] = { show_member(cli, m, "id"), show_when(cli, show_member(cli, m, "received")),
                                show_member(cli, m, "sender"), show_member(cli, m, "subject"),
                                show_member(cli, m, "size") };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
    }
    table_print(t, stdout);
    table_free(t);
}

/* ---- files ---- */

static bool refuse_file(struct fault *why, const char *name)
{
    return fault_errno(why, FAULT_LOCAL, errno, "%s can't be written", name);
}

/* One message may have gone since the list was made, or its content may be unreadable: that says nothing of the others. */
static void pass_over(struct fetch *f, json_t *item, const char *id, const struct api_reply *reply)
{
    const char *why = show_member(f->cli, reply->json, "detail");

    f->refused++;
    why = *why ? why : "the daemon does not give it, without saying why";
    json_object_set_new(item, "refused", json_string(why));
    if (!f->cli->is_json)
        fprintf(stderr, "%s: %s\n", id, show_said(f->cli, why));
}

/* Under a name of its own until it is whole and on disk. */
static int write_file(struct fetch *f, json_t *item, const char *id, const char *name)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *part = arena_printf(f->cli->arena, ".%s.part", id);
    int fd = openat(f->directory, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        refuse_file(&why, part);
        return show_fault(f->cli, &why);
    }
    const char *path = arena_printf(f->cli->arena, "%s/inbox/%s",
                                    object_path(f->cli, OBJECT_MAILBOX, cli_operand(f->cli, 0)), id);
    bool is_reached = api_download(f->api, path, "message/rfc822", fd, &reply, &why);
    bool is_given = is_reached && api_is_good(&reply);
    int status = is_reached ? CLI_DONE : show_fault(f->cli, &why);
    bool is_whole = is_given && fsync(fd) == 0;
    close(fd);
    if (is_whole)
        is_whole = renameat(f->directory, part, f->directory, name) == 0;
    if (is_reached && !is_given)
        pass_over(f, item, id, &reply);
    if (is_given && !is_whole) {
        refuse_file(&why, name);
        status = show_fault(f->cli, &why);
    }
    if (!is_whole)
        unlinkat(f->directory, part, 0);
    api_reply_fini(&reply);
    return status;
}

static bool is_id(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static int write_all(struct fetch *f)
{
    int status = CLI_DONE;
    size_t i;
    json_t *item;
    json_array_foreach(f->items, i, item)
    {
        const char *id = show_member(f->cli, item, "id");
        if (!is_id(id))
            continue;
        const char *name = arena_printf(f->cli->arena, "%s.eml", id);
        bool is_there = faccessat(f->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        size_t refused = f->refused;
        f->there += is_there;
        if (!is_there)
            status = write_file(f, item, id, name);
        if (status != CLI_DONE)
            return status;
        if (f->refused > refused)
            continue;
        json_object_set_new(item, "file", json_string(name));
        json_object_set_new(item, "is_new", json_boolean(!is_there));
        f->written += !is_there;
    }
    if (f->written > 0 && fsync(f->directory) != 0)
        fprintf(stderr, "the directory could not be flushed: %s\n", strerror(errno));
    if (f->refused > 0)
        show_done(f->cli, "%zu new message%s, %zu there already, %zu not given", f->written, f->written == 1 ? "" : "s",
                  f->there, f->refused);
    else
        show_done(f->cli, "%zu new message%s, %zu there already", f->written, f->written == 1 ? "" : "s", f->there);
    return CLI_DONE;
}

static int open_directory(struct fetch *f, const char *path)
{
    struct fault why = { 0 };
    bool is_made = mkdir(path, 0700) == 0 || errno == EEXIST;
    f->directory = is_made ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (f->directory >= 0)
        return CLI_DONE;
    fault_errno(&why, FAULT_REJECT, errno, "--output %s can't be %s as a directory", path, is_made ? "opened" : "made");
    return show_fault(f->cli, &why);
}

static int fetch(struct fetch *f)
{
    const char *output = option_text(&f->cli->options, "output", NULL);
    int status = output ? open_directory(f, output) : CLI_DONE;
    if (status == CLI_DONE)
        status = list_all(f);
    if (status == CLI_DONE && output)
        status = write_all(f);
    if (status == CLI_DONE && f->cli->is_json) {
        json_t *answer = json_pack("{s:O}", "items", f->items);
        show_json(answer);
        json_decref(answer);
    } else if (status == CLI_DONE && !output) {
        print_table(f->cli, f->items);
    }
    return f->refused > 0 ? CLI_REFUSED : status;
}

static int run(struct cli *cli)
{
    struct fetch f = { .cli = cli, .items = json_array(), .directory = -1, .api = api_open(cli) };
    int status = f.api ? fetch(&f) : CLI_REFUSED;
    if (f.directory >= 0)
        close(f.directory);
    api_close(f.api);
    json_decref(f.items);
    return status;
}

static const struct option_row options[] = {
    { "folder", 0, OPTION_TEXT, "FOLDER", "Only what arrived in this folder.", SHAPE_NONE, NULL },
    { "since", 0, OPTION_TEXT, "TIME", "Only what arrived since, as in 2026-11-21T09:15:00Z.", SHAPE_NONE, NULL },
    { "output", 'o', OPTION_TEXT, "DIR", "Write each message to DIR/ID.eml that is not there yet; DIR is made.",
      SHAPE_NONE, NULL },
    OPTION_END,
};

const struct action fetch_actions[] = {
    { "", "MAILBOX", "Mail that an endpoint keeps, the newest first.", options, run, true },
    { NULL },
};
