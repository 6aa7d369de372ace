/* postern sendmail - a drop-in for sendmail(8), also under that name. The daemon takes the mail at once; while it is away the mail is
 * left in the drop directory, where the daemon finds it. Exit statuses are those of sysexits.h. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/files.h"
#include "cli/sendmail_args.h"
#include "cli/sendmail_message.h"
#include "cli/show.h"
#include "conf/conf.h"
#include "object/object.h"
#include "queue/drop.h"

struct sendmail {
    struct cli cli;
    struct sendmail_args args;
    const struct conf *conf;
    const char *sender; /* of the envelope */
    struct compose_texts recipients;
    struct sendmail_result message;
    int fd;
};

static int refuse(int status, const struct fault *why)
{
    fprintf(stderr, "sendmail: %s\n", why->text);
    return status;
}

/* ---- envelope ---- */

static const char *login_address(struct sendmail *s)
{
    const struct passwd *user = getpwuid(getuid());
    return sendmail_complete(user ? user->pw_name : "nobody", s->conf->hostname, s->cli.arena);
}

static bool find_sender(struct sendmail *s, struct fault *why)
{
    const char *given = s->args.sender;
    if (!given)
        s->sender = login_address(s);
    else if (!*given)
        s->sender = "";
    else {
        struct compose_texts list = { 0 };
        if (!compose_addresses(sendmail_complete(given, s->conf->hostname, s->cli.arena), s->cli.arena, &list, why))
            return fault_wrap(why, "-f");
        s->sender = list.count ? list.items[0] : "";
    }
    return true;
}

static bool add_recipients(struct sendmail *s, struct fault *why)
{
    for (size_t i = 0; i < s->args.recipients_count; i++) {
        const char *address = sendmail_complete(s->args.recipients[i], s->conf->hostname, s->cli.arena);
        if (!compose_addresses(address, s->cli.arena, &s->message.recipients, why))
            return fault_wrap(why, "recipient");
    }
    s->recipients = s->message.recipients;
    if (!s->recipients.count)
        return fault_set(why, FAULT_REJECT, "", "no recipients: name them, or use -t with To, Cc or Bcc in the header");
    return true;
}

static bool needs_utf8(const struct sendmail *s)
{
    bool is_ascii = !s->message.has_utf8_header && text_is_ascii(bytes_of(s->sender));
    for (size_t i = 0; i < s->recipients.count; i++)
        is_ascii = is_ascii && text_is_ascii(bytes_of(s->recipients.items[i]));
    return !is_ascii;
}

/* ---- handing over ---- */

static const char *notify_text(uint32_t notify, struct arena *arena)
{
    return arena_printf(arena, "%s%s%s%s", notify & NOTIFY_NEVER ? "NEVER" : "",
                        notify & NOTIFY_SUCCESS ? "SUCCESS," : "", notify & NOTIFY_FAILURE ? "FAILURE," : "",
                        notify & NOTIFY_DELAY ? "DELAY," : "");
}

static int drop(struct sendmail *s, const struct fault *daemon)
{
    char name[DROP_NAME_SIZE];
    struct fault why = { 0 };
    struct drop d = { .sender = s->sender,
                      .envid = s->args.envid,
                      .ret = s->args.ret,
                      .is_8bit = s->message.is_8bit,
                      .is_smtputf8 = needs_utf8(s),
                      .recipients_count = s->recipients.count };
    d.recipients = arena_array(s->cli.arena, s->recipients.count, sizeof *d.recipients);
    for (size_t i = 0; i < s->recipients.count; i++)
        d.recipients[i] =
            (struct submit_recipient){ .address = s->recipients.items[i], .notify = s->args.notify, .orcpt = "" };
    if (drop_write(s->conf->sendmail.drop, &d, s->fd, name, &why))
        return EX_OK;
    fprintf(stderr, "sendmail: %s\n", daemon->text);
    return refuse(EX_TEMPFAIL, &why);
}

/* The daemon judged this mail: it must not come back by another door. */
static int judged(struct sendmail *s, const struct api_reply *reply)
{
    show_refusal(&s->cli, reply);
    return reply->status == 400 || reply->status == 413 ? EX_DATAERR : EX_UNAVAILABLE;
}

static int hand_over(struct sendmail *s)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    struct api *api = api_open(&s->cli);
    if (!api)
        return EX_CONFIG;
    const char *notify = notify_text(s->args.notify, s->cli.arena);
    struct api_message m = { .sender = s->sender,
                             .recipients = s->recipients.items,
                             .recipients_count = s->recipients.count,
                             .notify = notify,
                             .ret = s->args.ret == RET_FULL   ? "FULL"
                                    : s->args.ret == RET_HDRS ? "HDRS"
                                                              : "",
                             .envid = s->args.envid,
                             .is_smtputf8 = needs_utf8(s),
                             .fd = s->fd };
    int status = EX_OK;
    bool is_reached = api_submit(api, &m, &reply, &why);
    if (is_reached && reply.status >= 500) /* it is there, but not well: a role may just be starting again */
        is_reached = fault_set(&why, FAULT_RETRY, "", "the daemon can't take mail now (%ld)", reply.status);
    if (!is_reached)
        status = drop(s, &why);
    else if (!api_is_good(&reply))
        status = judged(s, &reply);
    api_reply_fini(&reply);
    api_close(api);
    return status;
}

static int deliver(struct sendmail *s)
{
    struct fault why = { 0 };
    if (!find_sender(s, &why))
        return refuse(EX_USAGE, &why);
    struct sendmail_rules rules = { .ignores_dots = s->args.ignores_dots,
                                    .from_headers = s->args.from_headers,
                                    .sender = *s->sender ? s->sender : login_address(s),
                                    .full_name = s->args.full_name,
                                    .hostname = s->conf->hostname,
                                    .now_ms = clock_wall_ms() };
    s->fd = file_open_temporary(&why);
    if (s->fd < 0)
        return refuse(EX_CANTCREAT, &why);
    int status;
    if (!sendmail_message_copy(STDIN_FILENO, s->fd, &rules, s->cli.arena, &s->message, &why))
        status = refuse(why.kind == FAULT_LOCAL ? EX_IOERR : EX_DATAERR, &why);
    else if (!add_recipients(s, &why))
        status = refuse(s->recipients.count || s->args.recipients_count ? EX_NOUSER : EX_USAGE, &why);
    else
        status = hand_over(s);
    close(s->fd);
    return status;
}

/* ---- the command ---- */

static void help(void)
{
    printf("Usage: sendmail [-t] [-i] [-f SENDER] [-F NAME] [-N NOTIFY] [-R full|hdrs] [-V ENVID] [-C FILE] "
           "[RECIPIENT...]\n"
           "Reads a message from standard input and hands it in.\n\n"
           "  -t         take the recipients from To, Cc and Bcc; Bcc is taken out\n"
           "  -i, -oi    a line of one dot does not end the message\n"
           "  -f SENDER  the envelope's sender; <> is the null sender\n"
           "  -F NAME    the sender's full name, for a message without From\n"
           "  -N NOTIFY  never, or of success, failure, delay: what to be told\n"
           "  -R WHAT    how much of the message a report returns: full or hdrs\n"
           "  -V ENVID   an identifier that reports carry\n"
           "  -C FILE    the configuration file (also -c)\n"
           "  -bp        list the queue\n"
           "Other options of sendmail(8) are passed over. Exit statuses are those of sysexits.h.\n");
}

static int list_queue(void)
{
    static const struct command queue = { .name = "queue", .actions = queue_actions };
    char *argv[] = { (char[]){ "queue" }, (char[]){ "list" }, NULL };
    return cli_run(&queue, 2, argv) == CLI_DONE ? EX_OK : EX_UNAVAILABLE;
}

static int run(struct sendmail *s)
{
    struct option_row config = { .name = "config" };
    struct option_value value = { .row = &config, .text = s->args.config };
    s->cli.options = (struct options){ .values = &value, .count = s->args.config ? 1 : 0 };
    s->conf = cli_conf(&s->cli);
    int status = s->conf ? deliver(s) : EX_CONFIG;
    s->cli.options = (struct options){ 0 };
    return status;
}

int cmd_sendmail(int argc, char **argv)
{
    struct sendmail s = { .cli = { .arena = arena_new() } };
    struct fault why = { 0 };
    int status = EX_OK;
    if (!sendmail_args_parse(argc, argv, s.cli.arena, &s.args, &why))
        status = refuse(EX_USAGE, &why);
    else if (s.args.mode == SENDMAIL_HELP)
        help();
    else if (s.args.mode == SENDMAIL_LIST)
        status = list_queue();
    else if (s.args.mode == SENDMAIL_DELIVER)
        status = run(&s);
    arena_free(s.cli.arena);
    return status;
}
