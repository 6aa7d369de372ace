/* net/conn_clock.c - one timer per connection, for its deadline and its idle limit.
 *
 * Traffic only notes the time; the timer finds out when it fires that it came too early. So a busy connection costs no
 * timer operations. */
#include "net/conn_private.h"

#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* For its own goodbye, once it has heard ours. Many never say one. */
#define GOODBYE_MS 2000

static int64_t due(const struct conn *c)
{
    int64_t idle = c->limits.idle_ms && c->state == CONN_OPEN ? c->active_ms + c->limits.idle_ms : 0;
    if (!c->deadline_ms || !idle)
        return c->deadline_ms ? c->deadline_ms : idle;
    return c->deadline_ms < idle ? c->deadline_ms : idle;
}

void conn_clock_arm(struct conn *c)
{
    if (c->state == CONN_OVER)
        return;
    int64_t at = due(c), now = loop_now_ms(c->loop);
    if (!at)
        loop_timer_stop(&c->clock);
    else if (!loop_timer_is_running(&c->clock) || c->clock.due_ms > at)
        loop_timer_start(&c->clock, at > now ? at - now : 0);
}

static void tell(struct conn *c, const char *id, const char *what)
{
    struct fault why;
    fault_set(&why, FAULT_RETRY, id, "%s: %s", conn_name(c), what);
    conn_end(c, &why);
}

static bool has_heard_all(const struct conn *c)
{
    int unheard = 0;
    return ioctl(c->fd, SIOCOUTQ, &unheard) != 0 || unheard == 0;
}

static void wait_for_goodbye(struct conn *c)
{
    int64_t at = loop_now_ms(c->loop) + GOODBYE_MS;
    c->deadline_ms = at < c->linger_ms ? at : c->linger_ms;
}

void conn_clock_linger(struct conn *c)
{
    c->linger_ms = c->deadline_ms;
    wait_for_goodbye(c);
}

static void linger_passed(struct conn *c)
{
    if (loop_now_ms(c->loop) >= c->linger_ms || has_heard_all(c)) {
        conn_end(c, NULL);
        return;
    }
    wait_for_goodbye(c);
    conn_clock_arm(c);
}

static void deadline_passed(struct conn *c)
{
    c->deadline_ms = 0;
    switch (c->state) {
    case CONN_RESOLVING:
    case CONN_CONNECTING:
        dial_timed_out(c);
        break;
    case CONN_SHAKING:
        tell(c, "tls.failed", "no answer to the TLS handshake in time");
        break;
    case CONN_LINGERING:
        linger_passed(c);
        break;
    default:
        tell(c, "net.slow", "the other side does not take what is sent to it");
        break;
    }
}

void conn_on_clock(void *ctx)
{
    struct conn *c = ctx;
    int64_t now = loop_now_ms(c->loop), at = due(c);
    if (at && now < at) {
        conn_clock_arm(c);
    } else if (c->deadline_ms && now >= c->deadline_ms) {
        deadline_passed(c);
    } else if (at) {
        char text[64];
        snprintf(text, sizeof text, "nothing was heard for %lld s", (long long)(c->limits.idle_ms / 1000));
        tell(c, "net.idle", text);
    }
}
