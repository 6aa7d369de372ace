/* cli/sendmail_message.h - what a local program wrote, made into a message: CRLF line ends, a header that has what it needs, and no
 * Bcc. The body passes through unread otherwise, so memory stays small. */
#ifndef CLI_SENDMAIL_MESSAGE_H
#define CLI_SENDMAIL_MESSAGE_H

#include "compose/compose.h"

struct sendmail_rules {
    bool ignores_dots;              /* a line of one dot does not end the message */
    bool from_headers;              /* gather recipients from To, Cc and Bcc (or their Resent- twins) */
    const char *sender, *full_name; /* for a From field, where there is none; sender without one: "user@host" */
    const char *hostname;           /* for names without a domain, and the Message-ID */
    int64_t now_ms;
};

struct sendmail_result {
    struct compose_texts recipients; /* with from_headers; names without a domain are completed */
    bool is_8bit, has_utf8_header;
};

/* Reads `in` to its end and writes `out`. Texts live in `arena`. */
bool sendmail_message_copy(int in, int out, const struct sendmail_rules *rules, struct arena *arena,
                           struct sendmail_result *result, struct fault *why);

/* "root" becomes "root@host"; whatever has an @ stays. */
const char *sendmail_complete(const char *address, const char *hostname, struct arena *arena);

#endif
