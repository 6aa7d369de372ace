/* jail/fds.c - only the descriptors that are meant to be here. */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "jail/jail.h"

/* The smallest of `kept` that is at least `from`, or UINT_MAX. */
static unsigned next_kept(const int *kept, size_t count, unsigned from)
{
    unsigned next = UINT_MAX;
    for (size_t i = 0; i < count; i++)
        if (kept[i] >= 0 && (unsigned)kept[i] >= from && (unsigned)kept[i] < next)
            next = (unsigned)kept[i];
    return next;
}

bool jail_close_others(const int *kept, size_t count, struct fault *why)
{
    unsigned from = STDERR_FILENO + 1;
    for (;;) {
        unsigned next = next_kept(kept, count, from);
        if (next > from && close_range(from, next == UINT_MAX ? UINT_MAX : next - 1, 0) < 0)
            return fault_errno(why, FAULT_LOCAL, errno, "closing descriptors");
        if (next == UINT_MAX)
            return true;
        from = next + 1;
    }
}
