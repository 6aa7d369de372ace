/* inbox/trial.c - "endpoint.test": a sample message takes the way of real ones, and a person sees each step. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "doctor/trial_report.h"
#include "inbox/inbox_private.h"

struct trial {
    struct list node; /* in inbox->trials */
    struct inbox *inbox;
    struct handoff_run *run;
    uint64_t tag;
    char *endpoint, *mailbox;
    int fd;
    struct trial_report report;
};

static void forget(struct trial *t)
{
    list_remove(&t->node);
    if (t->run)
        handoff_cancel(t->run);
    if (t->fd >= 0)
        close(t->fd);
    trial_report_fini(&t->report);
    free(t->endpoint);
    free(t->mailbox);
    free(t);
}

static void tell(struct trial *t, const char *step, bool ok, const char *seen)
{
    char *text = trial_report_step(&t->report, loop_now_ms(t->inbox->loop), step, ok, seen);
    const struct admin_progress message = { .tag = t->tag, .json = text };

    t->inbox->host.progress(t->inbox->ctx, &message);
    free(text);
}

static void add_finding(struct trial *t, const char *id, const char *seen)
{
    const struct finding *f = finding_by_id(id);
    const struct finding_facts facts = { .mailbox = t->mailbox, .endpoint = t->endpoint };
    struct fault why;

    fault_set(&why, FAULT_RETRY, id, "%s", seen);
    trial_report_add(&t->report, f ? finding_json(f, seen, &facts) : finding_json_of_fault(&why, &facts));
}

static void finish(struct trial *t)
{
    bool ok = trial_report_is_ok(&t->report);
    char *text = trial_report_end(&t->report, "The endpoint does not take mail yet");
    const struct admin_answer message = { .tag = t->tag, .status = ok ? 200 : 422, .json = text, .fd = -1 };

    t->inbox->host.answer(t->inbox->ctx, &message);
    log_info("endpoint.tested", LOG_TEXT("endpoint", t->endpoint), LOG_BOOL("ok", ok));
    free(text);
    forget(t);
}

static void on_done(void *ctx, const struct handoff_outcome *o)
{
    struct trial *t = ctx;

    t->run = NULL;
    tell(t, "hand-over", o->result == HANDOFF_DONE, o->text);
    if (o->result != HANDOFF_DONE)
        add_finding(t, text_is_empty(o->finding) ? "" : o->finding, o->text);
    finish(t);
}

/* -- the sample -- */

static char *sample(const struct trial *t, uint64_t id)
{
    int64_t now = loop_wall_ms(t->inbox->loop);
    const char *host = t->inbox->settings.hostname;
    char date[40];

    clock_rfc5322(now, date, sizeof date);
    return mem_printf("Received: by %s (Postern); %s\r\n"
                      "From: Postern <%s>\r\nTo: %s\r\nSubject: A test of the endpoint %s\r\nDate: %s\r\n"
                      "Message-ID: <test.%llx@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n\r\n"
                      "Someone tried whether mail for this endpoint arrives. It does.\r\n",
                      host, date, t->mailbox, t->mailbox, t->endpoint, date, (unsigned long long)id, host);
}

static bool write_sample(struct trial *t, const char *message)
{
    size_t size = strlen(message);

    t->fd = inbox_open_unnamed(t->inbox);
    return t->fd >= 0 && pwrite(t->fd, message, size, 0) == (ssize_t)size;
}

static void hand_over(struct trial *t, const struct endpoint *e)
{
    int64_t now = loop_wall_ms(t->inbox->loop);
    uint64_t id = (uint64_t)now << 20;
    char *message = sample(t, id);
    const struct handoff_job job = { .endpoint = e,
                                     .id = id,
                                     .mailbox = t->mailbox,
                                     .folder = text_is_empty(e->folder) ? "INBOX" : e->folder,
                                     .size = strlen(message),
                                     .attempt = 1,
                                     .received_ms = now,
                                     .queued_id = "",
                                     .raw_link = "",
                                     .is_test = true };
    struct handoff_job with_body = job;

    if (write_sample(t, message)) {
        with_body.fd = t->fd;
        tell(t, "sample", true, "a message of a few lines");
        t->run = handoff_start(t->inbox->handoff, &with_body, on_done, t);
    } else {
        tell(t, "sample", false, strerror(errno));
        add_finding(t, "disk.full", "the sample could not be written");
        finish(t);
    }
    free(message);
}

/* How the folder is watched does not keep the sample from being tried. */
static void tell_folder(struct trial *t)
{
    struct desk *d = desk_find(t->inbox, t->endpoint);
    const struct watcher *w = d ? d->watcher : NULL;
    char text[600];

    if (!w || (w->failures == 0 && w->looked_ms == 0))
        return;
    snprintf(text, sizeof text, "%s of %s: %s", w->folder, w->mailbox, w->failures > 0 ? w->text : "watched");
    tell(t, "folder", w->failures == 0, text);
    json_t *finding = w->failures > 0 ? state_finding(t->inbox, w) : NULL;
    if (finding)
        trial_report_add(&t->report, finding);
}

/* -- from admin -- */

void trial_start(struct inbox *i, const struct admin_ask *ask)
{
    json_t *asked = json_loads(*ask->json ? ask->json : "{}", 0, NULL);
    const char *name = json_string_value(json_object_get(asked, "name"));
    const struct endpoint *e = name ? directory_endpoint(i->directory, name) : NULL;

    if (!e) {
        inbox_refuse(i, ask->tag, 404, "There is no such endpoint", name ? name : "");
        json_decref(asked);
        return;
    }
    struct trial *t = mem_alloc(sizeof *t);
    *t = (struct trial){
        .inbox = i, .tag = ask->tag, .endpoint = mem_strdup(e->name), .mailbox = mem_strdup(e->mailbox), .fd = -1
    };
    trial_report_init(&t->report, loop_now_ms(i->loop));
    list_append(&i->trials, &t->node);
    json_decref(asked);
    tell_folder(t);
    if (e->kind == ENDPOINT_KEEP) {
        tell(t, "keep", true, "mail is kept here and fetched from here: there is nobody to hand it to");
        finish(t);
    } else {
        hand_over(t, e);
    }
}

void trial_cancel(struct inbox *i, uint64_t tag)
{
    LIST_EACH (node, &i->trials)
        if (tag == 0 || LIST_OF(node, struct trial, node)->tag == tag)
            forget(LIST_OF(node, struct trial, node));
}
