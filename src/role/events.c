/* role/events.c - the event file: opened once for all roles, put aside when it has grown. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "jail/jail.h"
#include "role/parent.h"

#define CHECK_MS 5000

/* The admin role reads the file after it gave up root. */
static bool give_to_user(int fd, const struct conf *conf, struct fault *why)
{
    struct jail_user user;
    if (!jail_user_find(conf->user, conf->group, &user, why))
        return false;
    return !user.is_changed || fchown(fd, user.uid, user.gid) == 0 ||
           fault_errno(why, FAULT_LOCAL, errno, "%s can't be given to its owner", conf->log.events);
}

bool events_open(struct parent *p, struct fault *why)
{
    int fd = open(p->conf->log.events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "event file %s can't be opened", p->conf->log.events);
    if (!give_to_user(fd, p->conf, why)) {
        close(fd);
        return false;
    }
    log_to_events(fd);
    children_tell(p, PARENT_EVENTS, &(struct parent_fd){ .fd = fd });
    return true;
}

static void rotate(struct parent *p)
{
    struct fault why;
    char *older = mem_printf("%s.1", p->conf->log.events);
    /* Until a role hears of it, its lines go on into the file that was put aside: none is lost. */
    if (rename(p->conf->log.events, older) < 0)
        log_error("log.failed", LOG_TEXT("text", "the event file can't be put aside"), LOG_NUMBER("error", errno));
    else if (!events_open(p, &why))
        log_error("log.failed", LOG_FAULT(&why));
    else
        log_info("log.rotated", LOG_TEXT("text", older));
    free(older);
}

static void on_check(void *ctx)
{
    struct parent *p = ctx;
    struct stat st;
    if (log_events_fd() >= 0 && fstat(log_events_fd(), &st) == 0 && (uint64_t)st.st_size > p->conf->log.events_size)
        rotate(p);
    loop_timer_start(&p->events_check, CHECK_MS);
}

void events_watch(struct parent *p)
{
    loop_timer_init(&p->events_check, p->loop, on_check, p);
    loop_timer_start(&p->events_check, CHECK_MS);
}
