/* proto/smtp/path.h - the words of MAIL and RCPT: paths (RFC 5321 4.1.2), ESMTP parameters, xtext. Refusals are whole replies. */
#ifndef PROTO_SMTP_PATH_H
#define PROTO_SMTP_PATH_H

#include "base/bytes.h"

enum smtp_path_side { SMTP_PATH_REVERSE, SMTP_PATH_FORWARD };

/* Takes a path from the front of `rest`. The address is a view without brackets and route; it may hold UTF-8 (the caller asks
 * whether that was agreed on). "<>" is only a reverse path, a lone postmaster only a forward one. Brackets may be missing, and
 * blanks may stand before the path: old devices do both. Returns NULL, or the reply that refuses. */
const char *smtp_path_take(struct bytes *rest, enum smtp_path_side side, struct bytes *address);

struct smtp_param {
    struct bytes name, value; /* value: empty data if there was no '=' */
    bool has_value;
};

/* Takes the next "NAME=value"; *is_end when there is none. Returns NULL or the reply that refuses. */
const char *smtp_param_take(struct bytes *rest, struct smtp_param *param, bool *is_end);

bool smtp_is_xtext(struct bytes text);

#endif
