/* cli/command.c - from argv to an action: find the rows, parse the options, help or run. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/nearest.h"
#include "base/text.h"
#include "cli/help.h"
#include "conf/conf.h"

static const struct option_row common_options[] = {
    { "config", 'c', OPTION_TEXT, "FILE", "The configuration file; else POSTERN_CONFIG, else the system's.", SHAPE_NONE,
      NULL },
    { "help", 'h', OPTION_FLAG, NULL, "Show this.", SHAPE_NONE, NULL },
    OPTION_END,
};
static const struct option_row json_options[] = {
    { "json", 0, OPTION_FLAG, NULL, "Print JSON, for programs.", SHAPE_NONE, NULL },
    OPTION_END,
};
static const struct option_row no_options[] = { OPTION_END };

const char *cli_operand(const struct cli *cli, size_t index)
{
    return index < cli->options.operands_count ? cli->options.operands[index] : "";
}

size_t cli_operand_count(const struct cli *cli)
{
    return cli->options.operands_count;
}

static void print_mistake(void *ctx, const struct fault *mistake)
{
    fprintf(stderr, "%s\n", mistake->text);
}

const struct conf *cli_conf(struct cli *cli)
{
    struct conf *conf = arena_alloc(cli->arena, sizeof *conf);
    struct fault why = { 0 };
    if (conf_load(option_text(&cli->options, "config", NULL), cli->arena, conf, print_mistake, NULL, &why))
        return conf;
    return NULL;
}

/* "ADDRESS [TEXT]": one to two. "ID...": one or more. */
struct operand_counts {
    size_t least, most;
};

static struct operand_counts count_operands(const char *operands)
{
    struct operand_counts c = { 0, 0 };
    for (const char *at = operands; *at;) {
        size_t size = strcspn(at, " ");
        c.most = size > 3 && strncmp(at + size - 3, "...", 3) == 0 ? SIZE_MAX : c.most + 1;
        c.least += *at != '[';
        at += size + (at[size] == ' ');
    }
    return c;
}

static int usage_error(const struct cli *cli, const char *text)
{
    fprintf(stderr, "postern %s%s%s: %s\n", cli->command->name, *cli->action->name ? " " : "", cli->action->name, text);
    help_usage(stderr, cli->command, cli->action);
    return CLI_USAGE;
}

static int run_parsed(struct cli *cli, const struct operand_counts *counts)
{
    if (cli->options.operands_count < counts->least)
        return usage_error(cli, arena_printf(cli->arena, "%s is missing", cli->action->operands));
    if (cli->options.operands_count > counts->most)
        return usage_error(cli,
                           arena_printf(cli->arena, "\"%s\" is one word too many", cli_operand(cli, counts->most)));
    cli->is_json = option_flag(&cli->options, "json");
    return cli->action->run(cli);
}

static int run_action(const struct command *command, const struct action *action, int argc, char **argv)
{
    const struct option_row *tables[] = { action->options ? action->options : no_options, common_options,
                                          action->prints_data ? json_options : NULL, NULL };
    struct cli cli = { .command = command, .action = action, .arena = arena_new() };
    struct operand_counts counts = count_operands(action->operands);
    struct fault why = { 0 };
    int status;
    if (!options_parse(argc, argv, tables, counts.most, cli.arena, &cli.options, &why)) {
        status = usage_error(&cli, why.text);
    } else if (option_flag(&cli.options, "help")) {
        help_action(command, action, tables);
        status = CLI_DONE;
    } else {
        status = run_parsed(&cli, &counts);
    }
    arena_free(cli.arena);
    return status;
}

static const struct action *action_find(const struct action *actions, const char *name)
{
    for (; actions->name; actions++) {
        if (strcmp(actions->name, name) == 0)
            return actions;
    }
    return NULL;
}

static int unknown_action(const struct command *command, const char *word)
{
    struct nearest near;
    nearest_init(&near, word);
    for (const struct action *a = command->actions; a->name; a++)
        nearest_offer(&near, a->name);
    fprintf(stderr, "postern %s: there is no %s%s%s%s\n", command->name, word, near.best ? "; did you mean " : "",
            near.best ? near.best : "", near.best ? "?" : "");
    help_command(stderr, command);
    return CLI_USAGE;
}

int cli_run(const struct command *command, int argc, char **argv)
{
    if (command->run)
        return command->run(argc, argv);
    if (command->actions->name[0] == '\0')
        return run_action(command, command->actions, argc - 1, argv + 1);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help_command(argc < 2 ? stderr : stdout, command);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    const struct action *action = action_find(command->actions, argv[1]);
    return action ? run_action(command, action, argc - 2, argv + 2) : unknown_action(command, argv[1]);
}

static int unknown_command(const struct command *commands, const char *word)
{
    struct nearest near;
    nearest_init(&near, word);
    for (const struct command *c = commands; c->name; c++)
        nearest_offer(&near, c->name);
    fprintf(stderr, "postern: there is no command %s%s%s%s\nTry: postern --help\n", word,
            near.best ? "; did you mean " : "", near.best ? near.best : "", near.best ? "?" : "");
    return CLI_USAGE;
}

/* Secrets pass through here on their way from a terminal to the daemon. */
static void keep_memory_private(void)
{
    struct rlimit none = { 0, 0 };
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &none);
}

int cli_main(const struct command *commands, int argc, char **argv)
{
    const char *name = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argc > 0 ? argv[0] : "postern";
    keep_memory_private();
    if (strcmp(name, "sendmail") == 0)
        return cmd_sendmail(argc, argv);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help_all(argc < 2 ? stderr : stdout, commands);
        return argc < 2 ? CLI_USAGE : CLI_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("postern %s\n", POSTERN_VERSION);
        return CLI_DONE;
    }
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, argv[1]) == 0)
            return cli_run(c, argc - 1, argv + 1);
    }
    return unknown_command(commands, argv[1]);
}
