/* role/state.c - the state directory: made, owned by the daemon's user, and used by one daemon at a time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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

struct place {
    const char *path;
    mode_t mode;
    bool is_for_console; /* the group of those who may use the commands owns it */
    bool is_own;         /* in the state directory; any other is left as it is when it exists */
    bool is_state;       /* must hold nothing of others */
};

/* A directory that is empty or holds what a Postern leaves behind. Any other was meant for something else, and must not be
 * given away because of a slip in the configuration ("state: /etc"). */
static bool is_ours(int fd)
{
    static const char *const traces[] = { "postern.lock", "postern.db", "master.key", "vault" };
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++)
        if (faccessat(fd, traces[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    bool is_empty = dir != NULL;
    for (const struct dirent *entry; is_empty && (entry = readdir(dir));)
        is_empty = entry->d_name[0] == '.' || strcmp(entry->d_name, "lost+found") == 0;
    if (dir)
        closedir(dir);
    else if (own >= 0)
        close(own);
    return is_empty;
}

static bool set_rights(int fd, const struct place *at, const struct jail_user *owner, struct fault *why)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "directory %s", at->path);
    gid_t gid = at->is_for_console && owner->has_joined ? owner->joined : owner->gid;
    uid_t uid = owner->is_changed ? owner->uid : st.st_uid;
    if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be given to its owner", at->path);
    if ((st.st_mode & 07777) != at->mode && fchmod(fd, at->mode) < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "the rights of directory %s can't be set", at->path);
    return true;
}

static bool make(const struct place *at, const struct jail_user *owner, struct fault *why)
{
    if (!make_above(at->path, why))
        return false;
    bool is_new = mkdir(at->path, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be made", at->path);
    int fd = open(at->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "directory %s can't be opened", at->path);
    bool is_made = true;
    if (!is_new && at->is_state && !is_ours(fd))
        is_made = fault_set(why, FAULT_CONFIG, "",
                            "directory %s holds files that are not Postern's: name one of its own as `state`",
                            at->path);
    else if (is_new || at->is_own)
        is_made = set_rights(fd, at, owner, why);
    close(fd);
    return is_made;
}

/* /run is empty after every start of the machine, and not everybody has systemd to make a directory there. */
static bool make_socket_place(const struct conf *conf, const struct jail_user *owner, struct fault *why)
{
    char *copy = mem_strdup(conf->console.socket);
    const char *above = dirname(copy);
    const struct place place = { above, owner->has_joined ? 0710 : 0700, true, false, false };
    bool is_made = access(above, F_OK) == 0 || make(&place, owner, why);
    free(copy);
    return is_made;
}

static bool is_inside(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    return strncmp(path, directory, size) == 0 && path[size] == '/';
}

static bool make_all(const struct conf *conf, const struct jail_user *owner, struct fault *why)
{
    const char *drop_path = conf->sendmail.drop;
    char *spool = mem_printf("%s/spool", conf->state);
    /* The group reaches the socket and the drop, and lists nothing. What it drops belongs to it, so that the queue can read it;
     * others of the group would have to guess its name, and can't take it away. */
    const struct place state = { conf->state, owner->has_joined ? 0710 : 0700, true, true, true };
    const struct place inside = { spool, 0700, false, true, false };
    const struct place drop = { drop_path, owner->has_joined ? 03730 : 0700, true, is_inside(drop_path, conf->state),
                                false };
    bool is_made = make(&state, owner, why) && make(&inside, owner, why) && make(&drop, owner, why) &&
                   make_socket_place(conf, owner, why);
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

static bool lock(struct parent *p, const struct jail_user *owner, struct fault *why)
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
    if (owner->is_changed && fchown(p->lock_fd, owner->uid, owner->gid) < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "%s/postern.lock can't be given to its owner", p->conf->state);
    return true;
}

bool state_prepare(struct parent *p, struct fault *why)
{
    const struct conf *conf = p->conf;
    struct jail_user owner;
    return jail_user_find(conf->user, conf->group, &owner, why) && jail_user_join(&owner, conf->console.group, why) &&
           make_all(conf, &owner, why) && lock(p, &owner, why);
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
