/* jail/privs.c - no new privileges. */
#include <errno.h>
#include <sys/prctl.h>

#include "jail/jail.h"

bool jail_no_new_privs(struct fault *why)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || fault_errno(why, FAULT_LOCAL, errno, "no-new-privileges");
}
