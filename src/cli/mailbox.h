/* cli/mailbox.h - the two actions of `postern mailbox` that have a file of their own. Private to the room. */
#ifndef CLI_MAILBOX_H
#define CLI_MAILBOX_H

#include "cli/command.h"

extern const struct option_row authorize_options[], test_options[];
int authorize_run(struct cli *cli);
int test_run(struct cli *cli);

#endif
