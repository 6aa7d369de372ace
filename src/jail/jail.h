/* jail/jail.h - what a process gives up before it meets a stranger. One technique, one file.
 *
 * Every call is for the calling process and can't be taken back. The order matters: descriptors and user first (they need
 * privileges), then privileges, then dumping (a change of user resets it). */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/fault.h"

struct jail_user {
    bool is_changed; /* false: not root, nothing to change to */
    uid_t uid;
    gid_t gid;
    bool has_joined;
    gid_t joined;
};

/* Looks up whom to become when started as root: a missing user is a fault that says how to make one. An empty group is the
 * user's own. Without root, or where `user` is root itself, the answer is the current user. */
bool jail_user_find(const char *user, const char *group, struct jail_user *out, struct fault *why);
/* Takes the group `name` along ("" : none), so that what its members leave for the daemon can be read. */
bool jail_user_join(struct jail_user *user, const char *name, struct fault *why);
/* Real, effective and saved ids; of supplementary groups only the one that was joined. */
bool jail_user_become(const struct jail_user *user, struct fault *why);

/* No set-user-id program gives anything back, also not across exec. */
bool jail_no_new_privs(struct fault *why);
/* No core file, no ptrace and no /proc/PID/mem by others of the same user. */
bool jail_no_dump(struct fault *why);

/* Closes every descriptor above standard error but those in `kept` (-1 is skipped). */
bool jail_close_others(const int *kept, size_t count, struct fault *why);

#endif
