/* cli/endpoint.h - the actions of `postern endpoint` on single messages. Private to the room. */
#ifndef CLI_ENDPOINT_H
#define CLI_ENDPOINT_H

#include "cli/command.h"

extern const struct option_row endpoint_mail_options[];
int endpoint_mail_list(struct cli *cli);
int endpoint_mail_change(struct cli *cli); /* retry, drop */

#endif
