/* inbox/inlet_trouble.c - what a refused command or an announced end means. */
#include <string.h>

#include "inbox/inlet.h"

static void fill(struct inlet_trouble *out, const char *when, const char *words, const struct finding *f)
{
    *out = (struct inlet_trouble){ .when = when, .words = words, .finding = f };
    out->token_ended = strstr(words, "AccessTokenExpired") != NULL;
}

void inlet_trouble_of_imap(const char *when, const struct imap_reply *reply, struct inlet_trouble *out)
{
    fill(out, when, reply->text, finding_of_imap(when, reply->code, reply->text));
}

void inlet_trouble_of_pop3(const char *when, const struct pop3_reply *reply, struct inlet_trouble *out)
{
    fill(out, when, reply->text, finding_of_pop3(when, reply->code, reply->text));
}
