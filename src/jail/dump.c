/* jail/dump.c - no memory to look at. */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "jail/jail.h"

bool jail_no_dump(struct fault *why)
{
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "keeping secrets out of core dumps");
    return true;
}
