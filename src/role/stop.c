/* role/stop.c - ending in an order that loses nothing: first those who take mail in, last those the others lean on. */
#include <signal.h>

#include "base/log.h"
#include "role/parent.h"

#define STOP_LIMIT_MS 20000

/* Edges and inbox finish what they began with queue and vault still there; the relay then reports its attempts to the queue. */
static const enum role_kind phases[] = { ROLE_EDGE, ROLE_INBOX, ROLE_RELAY, ROLE_QUEUE, ROLE_VAULT, ROLE_ADMIN };
#define PHASES (sizeof phases / sizeof *phases)

static void on_limit(void *ctx)
{
    struct parent *p = ctx;
    for (struct child *c = p->children; c < p->children + p->children_count; c++)
        if (c->pid > 0) {
            log_warn("role.killed", LOG_TEXT("name", c->hooks->name), LOG_UNSIGNED("index", c->index),
                     LOG_TEXT("text", "it did not stop in time; what it had acknowledged is safe"));
            kill(c->pid, SIGKILL);
        }
}

/* Whether anyone of the phase is left to wait for. */
static bool tell_phase(struct parent *p, enum role_kind kind)
{
    bool is_left = false;
    for (struct child *c = p->children; c < p->children + p->children_count; c++) {
        if (c->hooks->kind != kind || c->pid == 0)
            continue;
        is_left = true;
        if (c->state == CHILD_STOPPING || !c->control)
            continue;
        c->state = CHILD_STOPPING;
        channel_send(c->control, PARENT_STOP, &(struct parent_empty){ 0 });
    }
    return is_left;
}

void stop_advance(struct parent *p)
{
    while (p->stop_phase < PHASES && !tell_phase(p, phases[p->stop_phase]))
        p->stop_phase++;
    if (p->stop_phase == PHASES)
        loop_stop(p->loop);
}

void stop_begin(struct parent *p, const char *reason, int exit_status)
{
    if (p->is_stopping) {
        on_limit(p); /* asked twice: someone does not want to wait */
        return;
    }
    log_info("daemon.stopping", LOG_TEXT("text", reason));
    notify("STOPPING=1");
    p->is_stopping = true;
    p->exit_status = exit_status;
    for (struct child *c = p->children; c < p->children + p->children_count; c++) {
        loop_timer_stop(&c->restart);
        if (c->pid == 0)
            c->state = CHILD_STOPPED;
    }
    doors_close(&p->doors);
    loop_timer_init(&p->stop_limit, p->loop, on_limit, p);
    loop_timer_start(&p->stop_limit, STOP_LIMIT_MS);
    stop_advance(p);
}
