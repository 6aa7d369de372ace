/* role/notify.c - the service manager's socket (sd_notify(3)): a datagram per state. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "role/parent.h"

static void send_state(const char *state, int flags)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (text_is_empty(path) || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = 0; /* in the abstract namespace */
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Nobody is there to be told when it fails; systemd will say that it heard nothing. */
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | flags, (struct sockaddr *)&to, size);
    close(fd);
}

void notify(const char *format, ...)
{
    char state[256];
    va_list args;
    va_start(args, format);
    vsnprintf(state, sizeof state, format, args);
    va_end(args);
    send_state(state, 0);
}

/* Where earlier signs of life were not read yet, one more tells nothing new, and is not worth standing still for. */
static void on_watchdog(void *ctx)
{
    struct parent *p = ctx;
    send_state("WATCHDOG=1", MSG_DONTWAIT);
    loop_timer_start(&p->watchdog, p->watchdog_ms);
}

void notify_watchdog_start(struct parent *p)
{
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t usec, is_for;
    loop_timer_init(&p->watchdog, p->loop, on_watchdog, p);
    if (!text_to_u64(getenv("WATCHDOG_USEC"), INT64_MAX, &usec) || usec < 2000)
        return;
    if (pid && (!text_to_u64(pid, INT64_MAX, &is_for) || is_for != (uint64_t)getpid()))
        return;
    p->watchdog_ms = (int64_t)(usec / 2000);
    loop_timer_start(&p->watchdog, p->watchdog_ms);
}
