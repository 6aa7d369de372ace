/* cli/sendmail_args.h - the command line of sendmail(8), as forty years of programs write it. */
#ifndef CLI_SENDMAIL_ARGS_H
#define CLI_SENDMAIL_ARGS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/fault.h"

enum sendmail_mode { SENDMAIL_DELIVER, SENDMAIL_LIST, SENDMAIL_NOTHING, SENDMAIL_HELP };

struct sendmail_args {
    enum sendmail_mode mode;
    const char *config;    /* NULL: the usual one */
    const char *sender;    /* of -f; NULL: not given; "" : the null sender */
    const char *full_name; /* of -F; "" */
    bool from_headers;     /* -t */
    bool ignores_dots;     /* -i */
    uint32_t notify;       /* enum envelope_notify; 0: not given */
    uint32_t ret;          /* enum envelope_ret */
    const char *envid;     /* "" */
    const char **recipients;
    size_t recipients_count;
};

/* False: `why` says which word is not understood. Options of sendmail's that change nothing here are passed over. */
bool sendmail_args_parse(int argc, char **argv, struct arena *arena, struct sendmail_args *out, struct fault *why);

#endif
