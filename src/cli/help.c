/* cli/help.c - help texts, all made from the rows. */
#include "cli/help.h"

#include <string.h>

#define COLUMN 30

void help_all(FILE *out, const struct command *commands)
{
    fprintf(out,
            "postern %s: mail through Microsoft 365 for programs that only know a host, a port and a password.\n\n",
            POSTERN_VERSION);
    for (const struct command *c = commands; c->name; c++)
        fprintf(out, "  postern %-14s %s\n", c->name, c->summary);
    fprintf(out, "\nEvery command has --help and a manual page: man postern-serve\n");
}

void help_usage(FILE *out, const struct command *command, const struct action *action)
{
    fprintf(out, "Usage: postern %s%s%s%s%s [option...]\n", command->name, *action->name ? " " : "", action->name,
            *action->operands ? " " : "", action->operands);
}

void help_command(FILE *out, const struct command *command)
{
    fprintf(out, "postern %s: %s\n\n", command->name, command->summary);
    for (const struct action *a = command->actions; a->name; a++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", a->name, *a->operands ? " " : "", a->operands);
        fprintf(out, "  %-*s %s\n", COLUMN, left, a->summary);
    }
    fprintf(out, "\nMore about each: postern %s ACTION --help\n", command->name);
}

static void print_option(const struct option_row *row)
{
    char left[64];
    char letter[8] = "    ";
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name, row->value ? " " : "", row->value ? row->value : "");
    if (strlen(left) > COLUMN)
        printf("  %s\n  %-*s %s\n", left, COLUMN, "", row->help);
    else
        printf("  %-*s %s\n", COLUMN, left, row->help);
}

void help_action(const struct command *command, const struct action *action, const struct option_row *const *tables)
{
    help_usage(stdout, command, action);
    printf("%s\n\n", action->summary);
    for (; *tables; tables++) {
        for (const struct option_row *row = *tables; row->name; row++)
            print_option(row);
    }
}
