/* doctor/token_view.h - what an access token says of itself, read without checking its signature: for diagnosis only.
 *
 * The server decides; this explains why it may have refused. Opaque tokens (personal accounts, Google) say nothing. */
#ifndef DOCTOR_TOKEN_VIEW_H
#define DOCTOR_TOKEN_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct token_view {
    bool is_readable;
    char audience[160];
    char scopes[400]; /* delegated: "SMTP.Send IMAP.AccessAsUser.All" */
    char roles[400];  /* app-only: "SMTP.SendAsApp" */
    bool is_app;
    char tenant[64], object_id[64], app_id[64], user[160];
    int64_t not_before_s, expires_s; /* 0: not told */
};

void token_view_read(struct bytes token, struct token_view *out);
/* The id of the finding that explains a refusal ("token.audience", ...), or NULL if the token looks right. `protocol`: "smtp", "imap",
 * "pop3". `tenant` is the registration's ("" or a name like "common": not compared). Only tokens for Exchange or Graph are judged. */
const char *token_view_finding(const struct token_view *v, const char *protocol, const char *tenant, int64_t wall_ms);
/* One line for people: audience, scopes or roles, user, tenant, end. */
void token_view_text(const struct token_view *v, char *out, size_t size);

#endif
