/* sandbox/inject.h - answers that a person or a test put in the way of a step. */
#ifndef SANDBOX_INJECT_H
#define SANDBOX_INJECT_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/fault.h"

/* What one protocol calls its steps, and which lines it can say. */
struct inject_rules {
    const char *const *steps; /* up to NULL */
    const char *example;      /* of a reply line */
    bool (*is_reply)(const char *text);
};

enum inject_what {
    INJECT_NOTHING,
    INJECT_REPLY,
    INJECT_DROP,
    INJECT_DROP_AFTER,
    INJECT_STALL,
    INJECT_SLOW,
    INJECT_CUT
};

struct injection {
    enum inject_what what;
    char reply[512]; /* a whole line without its end */
    int64_t delay_ms;
    uint64_t bytes; /* INJECT_CUT: drop the connection when so many octets of the answer are sent */
};

struct injections;

struct injections *injections_new(const struct inject_rules *rules /* lent */);
void injections_free(struct injections *j); /* takes NULL */
/* "data=421 4.3.2 Service not available", "rcpt:bob=550 5.1.10 No such", "end=drop-after", "mail=slow:2000", "fetch=cut:100", or
 * "off". */
bool injections_add(struct injections *j, const char *text, uint64_t uses, struct fault *why);
/* What is in the way of this step with this line; counts a use. The first that fits wins. */
struct injection injections_take(struct injections *j, const char *step, struct bytes line);
json_t *injections_json(const struct injections *j); /* given */

#endif
