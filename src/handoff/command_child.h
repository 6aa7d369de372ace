/* handoff/command_child.h - a process that begins with nothing of ours but what it is given. */
#ifndef HANDOFF_COMMAND_CHILD_H
#define HANDOFF_COMMAND_CHILD_H

#include <stdint.h>
#include <sys/types.h>

enum {
    COMMAND_NOT_RUN = 126,
    COMMAND_NOT_FOUND = 127
}; /* its exit status where exec() failed; the words are its output */

struct command_child { /* all lent for the call */
    const char *path;
    char *const *arguments, *const *environment; /* ending at NULL */
    int in, out;                                 /* standard input; standard output and error */
    uint32_t timeout_s, memory_mb;
};

/* In a session of its own, at "/", with signals as they are at birth, limits on memory, processor time, files and core dumps, and no
 * privileges to gain. It dies with this process. Returns its pid, which is its process group too; -1: errno says why. */
pid_t command_child_start(const struct command_child *child);

#endif
