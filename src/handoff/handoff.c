/* handoff/handoff.c - the frame of a run: its copy of the job, its one outcome, and its end. What it does in between is its kind's. */
#include "handoff/handoff.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "handoff/handoff_private.h"

#define CA_LIMIT (1u << 20)

static const struct handoff_kind *const kinds[] = {
    [ENDPOINT_KEEP] = NULL,          [ENDPOINT_WEBHOOK] = &handoff_webhook, [ENDPOINT_COMMAND] = &handoff_command,
    [ENDPOINT_LMTP] = &handoff_lmtp, [ENDPOINT_MAILDIR] = &handoff_maildir,
};

struct handoff *handoff_new(struct loop *l, struct resolver *r, const char *hostname, const struct handoff_host *host,
                            void *ctx)
{
    struct handoff *h = mem_alloc(sizeof *h);
    h->loop = l;
    h->resolver = r;
    h->hostname = mem_strdup(hostname);
    h->host = *host;
    h->ctx = ctx;
    h->began_ms = loop_wall_ms(l);
    list_init(&h->runs);
    return h;
}

static void let_go(struct handoff_run *run)
{
    if (run->kind)
        run->kind->stop(run);
    run->kind = NULL;
    if (run->message.data)
        munmap((void *)(uintptr_t)run->message.data, run->message.size);
    run->message = BYTES_NONE;
}

static void free_run(struct handoff_run *run)
{
    list_remove(&run->node);
    loop_undefer(&run->over);
    let_go(run);
    arena_free(run->life);
}

void handoff_free(struct handoff *h)
{
    if (!h)
        return;
    LIST_EACH (node, &h->runs)
        free_run(LIST_OF(node, struct handoff_run, node));
    http_free(h->http);
    free(h->hostname);
    free(h);
}

static void on_over(void *ctx)
{
    struct handoff_run *run = ctx;
    let_go(run);
    if (!run->is_cancelled)
        run->done(run->ctx, &run->outcome);
    free_run(run);
}

void handoff_finish(struct handoff_run *run, enum handoff_result result, const char *finding, const char *format, ...)
{
    char text[HANDOFF_TEXT_SIZE];
    va_list args;
    if (run->is_over)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_sanitize(bytes_of(text), run->text, sizeof run->text);
    run->is_over = true;
    run->outcome.result = result;
    run->outcome.text = run->text;
    run->outcome.finding = finding;
    loop_defer(run->home->loop, &run->over);
}

void handoff_finish_errno(struct handoff_run *run, const char *finding, int error, const char *format, ...)
{
    char text[HANDOFF_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    handoff_finish(run, HANDOFF_RETRY, finding, "%s: %s", text, strerror(error));
}

static const char **copy_texts(struct arena *life, const char *const *texts, size_t count)
{
    const char **copy = arena_array(life, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(life, texts[i]);
    return copy;
}

/* What the kinds read of it. */
static const struct endpoint *copy_endpoint(struct arena *life, const struct endpoint *e)
{
    struct endpoint *copy = arena_alloc(life, sizeof *copy);
    *copy = *e;
    const char **texts[] = { &copy->name,         &copy->mailbox,         &copy->folder,
                             &copy->webhook.url,  &copy->webhook.ca_file, &copy->maildir,
                             &copy->command.path, &copy->lmtp.host,       &copy->lmtp.recipient,
                             &copy->lmtp.ca_file };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = *texts[i] ? arena_strdup(life, *texts[i]) : "";
    copy->command.arguments = copy_texts(life, (const char *const *)e->command.arguments, e->command.arguments_count);
    memset(&copy->filter, 0, sizeof copy->filter);
    copy->move_to = "";
    return copy;
}

static void copy_job(struct handoff_run *run, const struct handoff_job *job)
{
    run->job = *job;
    run->endpoint = run->job.endpoint = copy_endpoint(run->life, job->endpoint);
    const char **texts[] = { &run->job.mailbox, &run->job.folder, &run->job.queued_id, &run->job.raw_link };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = *texts[i] ? arena_strdup(run->life, *texts[i]) : "";
}

struct handoff_run *handoff_start(struct handoff *h, const struct handoff_job *job, handoff_done_fn *done, void *ctx)
{
    struct arena *life = arena_new();
    struct handoff_run *run = arena_alloc(life, sizeof *run);
    assert(job->endpoint->kind < sizeof kinds / sizeof *kinds && kinds[job->endpoint->kind]);
    run->home = h;
    run->life = life;
    run->done = done;
    run->ctx = ctx;
    run->outcome = (struct handoff_outcome){ .text = "", .finding = "" };
    copy_job(run, job);
    loop_deferred_init(&run->over, on_over, run);
    list_append(&h->runs, &run->node);
    run->kind = kinds[job->endpoint->kind];
    run->kind->start(run);
    return run;
}

void handoff_cancel(struct handoff_run *run)
{
    if (run->is_cancelled)
        return;
    run->is_over = run->is_cancelled = true;
    loop_defer(run->home->loop, &run->over);
}

bool handoff_map(struct handoff_run *run)
{
    struct stat file;
    if (run->message.data || run->job.size == 0)
        return true;
    /* Behind the file's end there is no memory to look at. */
    if (fstat(run->job.fd, &file) < 0 || (uint64_t)file.st_size < run->job.size) {
        handoff_finish(run, HANDOFF_RETRY, "spool.failed", "the message's file is shorter than the message");
        return false;
    }
    void *at = mmap(NULL, run->job.size, PROT_READ, MAP_PRIVATE, run->job.fd, 0);
    if (at == MAP_FAILED) {
        handoff_finish_errno(run, "spool.failed", errno, "reading the message");
        return false;
    }
    run->message = (struct bytes){ at, run->job.size };
    return true;
}

bool handoff_read_ca(struct handoff_run *run, const char *path, const char *finding, struct bytes *out)
{
    struct stat s = { 0 };
    *out = BYTES_NONE;
    if (!*path)
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 || fstat(fd, &s) < 0 ? errno : 0;
    bool is_good = !error && S_ISREG(s.st_mode) && s.st_size > 0 && s.st_size <= (off_t)CA_LIMIT;
    char *text = is_good ? arena_alloc(run->life, (size_t)s.st_size) : NULL;
    ssize_t n = is_good ? read(fd, text, (size_t)s.st_size) : 0;
    error = n < 0 ? errno : error;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        handoff_finish(run, HANDOFF_RETRY, finding, "%s: %s", path, error ? strerror(error) : "no certificates in it");
    else
        *out = (struct bytes){ (const uint8_t *)text, (size_t)n };
    return n > 0;
}

const struct letter *handoff_letter(struct handoff_run *run, bool whole)
{
    return whole ? letter_parse_undigested(run->message, run->life) : letter_parse(run->message, false, run->life);
}

const char *handoff_kind_of(const struct letter *l)
{
    return l->is_bounce ? "bounce" : l->is_automatic ? "automatic" : l->is_reply ? "reply" : "message";
}
