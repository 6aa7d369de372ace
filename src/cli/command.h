/* cli/command.h - what a command is: rows of a table. Dispatch, option parsing, --help and usage errors all read them.
 *
 * One file per command. A command with actions ("mailbox add") lists them; one without has a single action with an empty name. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/option.h"

enum { CLI_DONE = 0, CLI_REFUSED = 1, CLI_USAGE = 2 };

struct cli;

struct action {
    const char *name;     /* "add"; "" where the command has no actions */
    const char *operands; /* "ADDRESS", "ID...", "[MAILBOX]": for help, and for how many there may be */
    const char *summary;
    const struct option_row *options; /* ends at a NULL name; NULL: none of its own */
    int (*run)(struct cli *cli);
    bool prints_data; /* has --json */
};

struct command {
    const char *name, *summary;
    const struct action *actions;      /* ends at a NULL name */
    int (*run)(int argc, char **argv); /* not NULL: parses its own arguments (sendmail, sandbox) */
};

/* What a running command holds. */
struct cli {
    const struct command *command;
    const struct action *action;
    struct options options;
    struct arena *arena; /* lives as long as the command */
    bool is_json;
};

/* The operand at `index`; "" if it was not given. */
const char *cli_operand(const struct cli *cli, size_t index);
size_t cli_operand_count(const struct cli *cli);
/* The configuration that -c, POSTERN_CONFIG or the defaults give. Prints the mistakes and returns NULL where it is wrong. */
const struct conf *cli_conf(struct cli *cli);

/* `commands` ends at a NULL name; argv[0] is the program's name. Returns the exit status. */
int cli_main(const struct command *commands, int argc, char **argv);
/* One of them; argv[0] is the command's name. */
int cli_run(const struct command *command, int argc, char **argv);

/* src/cli/<name>.c, one each */
extern const struct action serve_actions[], check_actions[], status_actions[], provider_actions[],
    registration_actions[], mailbox_actions[], app_actions[], endpoint_actions[], fetch_actions[], queue_actions[],
    send_actions[], setup_actions[], log_actions[], reload_actions[], vault_actions[], operator_actions[],
    key_actions[], audit_actions[], apply_actions[], export_actions[];
int cmd_sendmail(int argc, char **argv);

/* The built-in tenant lives outside of this room. */
int cmd_sandbox(int argc, char **argv);

#endif
