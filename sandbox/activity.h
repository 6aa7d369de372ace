/* sandbox/activity.h - what the sandbox was asked, for people and tests: the last entries, and counters.
 *
 * Secrets are left out or masked by who notes them. */
#ifndef SANDBOX_ACTIVITY_H
#define SANDBOX_ACTIVITY_H

#include <jansson.h>

#include "loop/loop.h"

struct activity;

struct activity *activity_new(struct loop *loop /* lent */);
void activity_free(struct activity *a); /* takes NULL */

/* Adds "number" and "time" to the entry. The oldest go when there are over 2000. */
void activity_note(struct activity *a, json_t *entry /* taken */);
/* Counts one `what` ("token.refresh_token", "smtp.accepted"), in all and for `whom` (a client id, an address; NULL: nobody). */
void activity_count(struct activity *a, const char *what, const char *whom);
json_t *activity_log(const struct activity *a, uint64_t since_number); /* [{…}] later than that number; given */
/* {"token.refresh_token": {"total": 3, "by": {"c0000000-…": 3}}}; given */
json_t *activity_counters(const struct activity *a);
void activity_clear(struct activity *a); /* log and counters */

#endif
