/* role/state.c - the state directory: made, owned by the daemon's user, and used by one daemon at a time. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "jail/jail.h"
#include "role/parent.h"

struct owner {
    struct jail_user user;
    gid_t console; /* who may use the commands; (gid_t)-1: only the user */
};

static bool find_owner(const struct conf *conf, struct owner *out, struct fault *why)
{
    out->console = (gid_t)-1;
    if (!jail_user_find(conf->user, conf->group, &out->user, why))
        return false;
    if (text_is_empty(conf->console.group))
        return true;
    const struct group *gr = getgrnam(conf->console.group);
    if (!gr)
        return fault_set(why, FAULT_CONFIG, "",
                         "console.group: there is no group \"%s\"; make it with groupadd --system %s",
                         conf->console.group, conf->console.group);
    out->console = gr->gr_gid;
    return true;
}

/* Directories above the last are made with the usual rights. */
static bool make_above(const char *path, struct fault *why)
{
    char *above = mem_strdup(path);
    bool is_made = true;
    for (char *slash = strchr(above + 1, '/'); slash && is_made; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(above, 0755) < 0 && errno != EEXIST)
            is_made = fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be made", above);
        *slash = '/';
    }
    free(above);
    return is_made;
}

/* `mode` and group are set where they differ; without root only what the user may do is tried. */
static bool make(const char *path, mode_t mode, const struct owner *owner, bool is_for_console, struct fault *why)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be made", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be opened", path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    gid_t gid = is_for_console && owner->console != (gid_t)-1 ? owner->console : owner->user.gid;
    uid_t uid = owner->user.is_changed ? owner->user.uid : st.st_uid;
    bool is_made = true;
    if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
        is_made = fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be given to its owner", path);
    else if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
        is_made = fault_errno(why, FAULT_CONFIG, errno, "the rights of directory %s can't be set", path);
    close(fd);
    return is_made;
}

static bool make_all(const struct conf *conf, const struct owner *owner, struct fault *why)
{
    bool has_console = owner->console != (gid_t)-1;
    char *spool = mem_printf("%s/spool", conf->state);
    /* The group reaches the socket and the drop, and lists nothing; what it drops, others of it can't read or take away. */
    bool is_made = make_above(conf->state, why) && make(conf->state, has_console ? 0710 : 0700, owner, true, why) &&
                   make(spool, 0700, owner, false, why) && make_above(conf->sendmail.drop, why) &&
                   make(conf->sendmail.drop, has_console ? 01730 : 0700, owner, true, why);
    free(spool);
    return is_made;
}

static bool refuse_second(int fd, const char *state, struct fault *why)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = 0;
    pid[strcspn(pid, "\n")] = 0;
    return fault_set(
        why, FAULT_CONFIG, "",
        "another Postern (process %s) already serves %s: stop it first, or give this one a state directory of its "
        "own",
        *pid ? pid : "unknown", state);
}

static bool lock(struct parent *p, struct fault *why)
{
    char *path = mem_printf("%s/postern.lock", p->conf->state);
    p->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool is_open = p->lock_fd >= 0 || fault_errno(why, FAULT_CONFIG, errno, "%s can't be opened", path);
    free(path);
    if (!is_open)
        return false;
    if (flock(p->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? refuse_second(p->lock_fd, p->conf->state, why)
                                    : fault_errno(why, FAULT_LOCAL, errno, "locking %s", p->conf->state);
    if (ftruncate(p->lock_fd, 0) < 0 || dprintf(p->lock_fd, "%d\n", (int)getpid()) < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "%s/postern.lock can't be written", p->conf->state);
    return true;
}

bool state_prepare(struct parent *p, struct fault *why)
{
    struct owner owner;
    return find_owner(p->conf, &owner, why) && make_all(p->conf, &owner, why) && lock(p, why);
}

void state_release(struct parent *p)
{
    if (p->lock_fd < 0)
        return;
    char *listeners = mem_printf("%s/listeners.json", p->conf->state);
    unlink(listeners);
    free(listeners);
    close(p->lock_fd);
    p->lock_fd = -1;
}
