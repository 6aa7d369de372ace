/* cli/help.h - help texts, all made from the rows. Private to the room. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

void help_all(FILE *out, const struct command *commands);
void help_command(FILE *out, const struct command *command); /* lists its actions */
void help_usage(FILE *out, const struct command *command, const struct action *action);
void help_action(const struct command *command, const struct action *action, const struct option_row *const *tables);

#endif
