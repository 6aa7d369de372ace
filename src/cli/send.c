/* postern send - composes a message and hands it in; prints its id in the queue. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

static bool read_text(struct cli *cli, const char *option, struct buf *into, bool *has, struct compose_octets *text,
                      struct fault *why)
{
    const char *file = option_text(&cli->options, option, NULL);
    if (!file)
        return true;
    if (!file_read_whole(file, into, why))
        return fault_wrap(why, "--%s", option);
    *has = true;
    *text = (struct compose_octets){ .data = buf_str(into), .fd = -1, .size = into->size };
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

/* ---- what the parts come from ---- */

static const struct compose_field *fields_of(struct cli *cli, size_t *count, struct fault *why)
{
    struct compose_texts lines = texts_of(cli, "header");
    struct compose_field *fields = arena_array(cli->arena, lines.count + 1, sizeof *fields);
    for (size_t i = 0; i < lines.count; i++) {
        const char *line = lines.items[i];
        size_t size = strcspn(line, ":");
        if (!line[size]) {
            fault_set(why, FAULT_REJECT, "", "--header needs \"Name: value\", not \"%.100s\"", line);
            return NULL;
        }
        fields[i] = (struct compose_field){ arena_strndup(cli->arena, line, size),
                                            line + size + 1 + strspn(line + size + 1, " \t") };
    }
    *count = lines.count;
    return fields;
}

static bool open_part(const char *path, struct compose_part *part, struct fault *why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "%s can't be attached", path);
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return fault_set(why, FAULT_LOCAL, "", "%s can't be attached: it is not a regular file", path);
    }
    *part = (struct compose_part){ .name = path, .type = "", .content_id = "", .octets = { .fd = fd } };
    part->octets.size = (uint64_t)st.st_size;
    return true;
}

/* As many as could be opened. */
static struct compose_part *open_parts(struct cli *cli, size_t *count, struct fault *why)
{
    struct compose_texts paths = texts_of(cli, "attach");
    struct compose_part *parts = arena_array(cli->arena, paths.count + 1, sizeof *parts);
    size_t i = 0;
    while (i < paths.count && open_part(paths.items[i], &parts[i], why))
        i++;
    *count = i;
    return parts;
}

static void close_parts(const struct compose_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(parts[i].octets.fd);
}

/* ---- the message ---- */

static bool refuse(const struct compose_member *where, struct fault *why)
{
    static const char *const options[] = {
        [COMPOSE_FROM] = "--from: ",
        [COMPOSE_REPLY_TO] = "--reply-to: ",
        [COMPOSE_SUBJECT] = "--subject: ",
        [COMPOSE_TO] = "--to: ",
        [COMPOSE_CC] = "--cc: ",
        [COMPOSE_BCC] = "--bcc: ",
        [COMPOSE_HEADER] = "--header: ",
        [COMPOSE_TEXT] = "--text: ",
        [COMPOSE_HTML] = "--html: ",
        [COMPOSE_PART_NAME] = "--attach: ",
        [COMPOSE_PART_TYPE] = "--attach: ",
    };
    const char *option = where->what < sizeof options / sizeof *options ? options[where->what] : NULL;
    struct fault inner = *why;
    return option ? fault_set(why, inner.kind, inner.id, "%s%s", option, inner.text) : false;
}

struct writer {
    int fd;
    struct fault *why;
};

static bool keep(void *ctx, struct bytes out)
{
    struct writer *w = ctx;
    return file_write_all(w->fd, out, w->why);
}

static int write_and_submit(struct cli *cli, const struct compose *c)
{
    struct compose_envelope envelope;
    struct compose_member where = { COMPOSE_NOTHING, 0 };
    struct fault why = { 0 };
    int fd = file_open_temporary(&why);
    if (fd < 0)
        return show_fault(cli, &why);
    struct writer w = { fd, &why };
    bool is_good = compose_envelope(c, cli->arena, &envelope, &where, &why) && compose_write(c, keep, &w, &where, &why);
    if (!is_good)
        refuse(&where, &why);
    int status = is_good ? submit(cli, &envelope, fd) : show_fault(cli, &why);
    close(fd);
    return status;
}

static int compose_and_submit(struct cli *cli, struct compose *c, struct fault *why)
{
    struct compose_part *parts = open_parts(cli, &c->parts_count, why);
    c->parts = parts;
    int status = why->kind ? show_fault(cli, why) : write_and_submit(cli, c);
    close_parts(parts, c->parts_count);
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
                         .now_ms = clock_wall_ms() };
    if (!conf)
        return CLI_REFUSED;
    c.hostname = conf->hostname;
    buf_init(&text, TEXT_MOST);
    buf_init(&html, TEXT_MOST);
    bool is_read = read_text(cli, "text", &text, &c.has_text, &c.text, &why) &&
                   read_text(cli, "html", &html, &c.has_html, &c.html, &why);
    if (is_read && !option_given(o, "from"))
        is_read = fault_set(&why, FAULT_REJECT, "", "--from is missing: the sender's address");
    is_read = is_read && (c.headers = fields_of(cli, &c.headers_count, &why)) != NULL;
    int status = is_read ? compose_and_submit(cli, &c, &why) : show_fault(cli, &why);
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
