/* postern send - composes a message and hands it in; prints its id in the queue. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/files.h"
#include "cli/object_args.h"
#include "cli/show.h"
#include "compose/compose.h"
#include "conf/conf.h"

#define TEXT_MOST (32u << 20)

static struct compose_texts texts_of(struct cli *cli, const char *name)
{
    struct compose_texts t = { 0 };
    while (option_at(&cli->options, name, t.count))
        t.count++;
    t.items = arena_array(cli->arena, t.count + 1, sizeof *t.items);
    for (size_t i = 0; i < t.count; i++)
        t.items[i] = option_at(&cli->options, name, i);
    return t;
}

static bool read_text(struct cli *cli, const char *option, struct buf *into, const char **text, size_t *size,
                      struct fault *why)
{
    const char *file = option_text(&cli->options, option, NULL);
    if (!file)
        return true;
    if (!file_read_whole(file, into, why))
        return fault_wrap(why, "--%s", option);
    *text = buf_str(into);
    *size = into->size;
    return true;
}

static int submit(struct cli *cli, const struct compose_envelope *e, int fd)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    struct api_message m = { .sender = e->sender,
                             .recipients = e->recipients.items,
                             .recipients_count = e->recipients.count,
                             .mailbox = option_text(&cli->options, "mailbox", ""),
                             .is_smtputf8 = e->is_smtputf8,
                             .fd = fd };
    struct api *api = api_open(cli);
    if (!api)
        return CLI_REFUSED;
    int status = show_outcome(cli, api_submit(api, &m, &reply, &why), &reply, &why);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        printf("%s\n", show_member(cli, reply.json, "id"));
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static int write_and_submit(struct cli *cli, const struct compose *c)
{
    struct compose_envelope envelope;
    struct fault why = { 0 };
    int fd = file_open_temporary(&why);
    if (fd < 0)
        return show_fault(cli, &why);
    int status = compose_write(c, fd, cli->arena, &envelope, &why) ? submit(cli, &envelope, fd) : show_fault(cli, &why);
    close(fd);
    return status;
}

static int run(struct cli *cli)
{
    const struct options *o = &cli->options;
    const struct conf *conf = cli_conf(cli);
    struct buf text, html;
    struct fault why = { 0 };
    struct compose c = { .from = option_text(o, "from", ""),
                         .reply_to = option_text(o, "reply-to", ""),
                         .subject = option_text(o, "subject", ""),
                         .to = texts_of(cli, "to"),
                         .cc = texts_of(cli, "cc"),
                         .bcc = texts_of(cli, "bcc"),
                         .headers = texts_of(cli, "header"),
                         .attachments = texts_of(cli, "attach"),
                         .now_ms = clock_wall_ms() };
    if (!conf)
        return CLI_REFUSED;
    c.hostname = conf->hostname;
    buf_init(&text, TEXT_MOST);
    buf_init(&html, TEXT_MOST);
    bool is_read = read_text(cli, "text", &text, &c.text, &c.text_size, &why) &&
                   read_text(cli, "html", &html, &c.html, &c.html_size, &why);
    if (is_read && !option_given(o, "from"))
        is_read = fault_set(&why, FAULT_REJECT, "", "--from is missing: the sender's address");
    int status = is_read ? write_and_submit(cli, &c) : show_fault(cli, &why);
    buf_fini(&text);
    buf_fini(&html);
    return status;
}

static const struct option_row options[] = {
    { "from", 0, OPTION_TEXT, "ADDRESS", "The sender, as in \"Shop <shop@example.org>\".", SHAPE_NONE, NULL },
    { "to", 0, OPTION_TEXTS, "ADDRESS...", "Recipients.", SHAPE_NONE, NULL },
    { "cc", 0, OPTION_TEXTS, "ADDRESS...", "Recipients of a copy.", SHAPE_NONE, NULL },
    { "bcc", 0, OPTION_TEXTS, "ADDRESS...", "Recipients whom the others don't see.", SHAPE_NONE, NULL },
    { "reply-to", 0, OPTION_TEXT, "ADDRESS", "Where answers should go.", SHAPE_NONE, NULL },
    { "subject", 0, OPTION_TEXT, "TEXT", "The subject.", SHAPE_NONE, NULL },
    { "text", 0, OPTION_TEXT, "FILE", "The text; - is standard input.", SHAPE_NONE, NULL },
    { "html", 0, OPTION_TEXT, "FILE", "The text in HTML, beside or instead of --text.", SHAPE_NONE, NULL },
    { "attach", 0, OPTION_TEXTS, "FILE...", "Files to attach.", SHAPE_NONE, NULL },
    { "header", 0, OPTION_TEXTS, "LINE...", "More header lines, as in \"X-Order: 17\".", SHAPE_NONE, NULL },
    { "mailbox", 0, OPTION_TEXT, "ADDRESS", "The way out, if not by the sender.", SHAPE_NONE, NULL },
    OPTION_END,
};

const struct action send_actions[] = {
    { "", "", "Compose a message and hand it in; prints its id.", options, run, true },
    { NULL },
};
