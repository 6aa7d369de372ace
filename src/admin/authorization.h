/* admin/authorization.h - the header field Authorization: a key (Bearer, RFC 6750 2.1) or an app's name and password (Basic, RFC 7617).
 * Whether they are right is the vault's matter. */
#ifndef ADMIN_AUTHORIZATION_H
#define ADMIN_AUTHORIZATION_H

#include "base/bytes.h"

#define AUTHORIZATION_MOST 4096u /* characters of the field */
#define AUTHORIZATION_USER_SIZE 255

enum authorization_kind { AUTHORIZATION_KEY, AUTHORIZATION_APP };

struct authorization {
    enum authorization_kind kind;
    char user[AUTHORIZATION_USER_SIZE]; /* of an app: a line of UTF-8, not empty */
    struct bytes secret;                /* in `room`, or in the field */
    uint8_t room[AUTHORIZATION_MOST];
};

/* False: nothing of both, and nothing in `out` but the kind that it comes nearest to. The field is lent until authorization_wipe(). */
bool authorization_parse(const char *field, struct authorization *out);
void authorization_wipe(struct authorization *a);

#endif
