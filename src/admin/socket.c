/* The admin socket, of which holds that who may open it may administer. */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"

static bool is_answered(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_live = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) == 0;
    if (fd >= 0)
        close(fd);
    return is_live;
}

/* A name left by a daemon that was killed is no longer anybody's. */
static bool take_away_stale(const struct sockaddr_un *at, struct fault *why)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode))
        return fault_set(why, FAULT_CONFIG, "",
                         "console.socket: %s is there and is not a socket; remove it or choose another name",
                         at->sun_path);
    if (is_answered(at))
        return fault_set(why, FAULT_LOCAL, "", "another daemon answers on %s; stop it first", at->sun_path);
    if (unlink(at->sun_path) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't remove the old socket %s", at->sun_path);
    return true;
}

static bool give_to_group(const char *path, const char *group, struct fault *why)
{
    if (!group[0])
        return true;
    struct group *g = getgrnam(group);
    if (!g)
        return fault_set(why, FAULT_CONFIG, "",
                         "console.group: there is no group '%s'; make it with: groupadd --system %s", group, group);
    if (chown(path, (uid_t)-1, g->gr_gid) != 0 || chmod(path, 0660) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "can't give %s to the group %s", path, group);
    return true;
}

int admin_socket_open(const char *path, const char *group, struct fault *why)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at.sun_path) {
        fault_set(why, FAULT_CONFIG, "",
                  "console.socket: %s is longer than a socket's name may be (%zu bytes); set a shorter one", path,
                  sizeof at.sun_path - 1);
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path) + 1);
    if (!take_away_stale(&at, why))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0;
    umask(mask);
    if (!is_bound)
        fault_errno(why, FAULT_LOCAL, errno, "can't open the admin socket %s", path);
    if (is_bound && give_to_group(path, group, why))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
