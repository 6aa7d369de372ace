/* jail/user.c - from root to the daemon's own user. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "jail/jail.h"

bool jail_user_find(const char *user, const char *group, struct jail_user *out, struct fault *why)
{
    *out = (struct jail_user){ .uid = geteuid(), .gid = getegid() };
    if (geteuid() != 0)
        return true;
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        return fault_set(why, FAULT_CONFIG, "",
                         "there is no user \"%s\" to run as: make it (useradd --system %s), or name another as `user`",
                         user, user);
    if (pw->pw_uid == 0)
        return true; /* asked for by name: a container whose root is nobody outside, or a try-out */
    *out = (struct jail_user){ .is_changed = true, .uid = pw->pw_uid, .gid = pw->pw_gid };
    if (text_is_empty(group))
        return true;
    const struct group *gr = getgrnam(group);
    if (!gr)
        return fault_set(
            why, FAULT_CONFIG, "",
            "there is no group \"%s\" to run as: make it (groupadd --system %s), or name another as `group`", group,
            group);
    out->gid = gr->gr_gid;
    return true;
}

bool jail_user_join(struct jail_user *user, const char *name, struct fault *why)
{
    user->has_joined = !text_is_empty(name);
    const struct group *gr = user->has_joined ? getgrnam(name) : NULL;
    if (user->has_joined && !gr)
        return fault_set(why, FAULT_CONFIG, "",
                         "console.group: there is no group \"%s\"; make it with groupadd --system %s", name, name);
    user->joined = gr ? gr->gr_gid : 0;
    return true;
}

bool jail_user_become(const struct jail_user *user, struct fault *why)
{
    if (!user->is_changed)
        return true;
    if (setgroups(user->has_joined, &user->joined) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "giving up root");
    /* A kernel or filter that pretended would leave root behind: end here rather than go on. */
    if (setuid(0) == 0)
        abort();
    return true;
}
