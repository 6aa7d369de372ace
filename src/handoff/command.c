/* handoff/command.c - a program that takes the message on its standard input, watched: its time, its first words, and how it ended.
 *
 * It has a session and process group of its own, which ends with it: what it leaves running in the background is killed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "handoff/command_child.h"
#include "handoff/handoff_private.h"

#define DEFAULT_TIMEOUT_S 60
#define DEFAULT_MEMORY_MB 512
#define GRACE_MS 5000   /* between SIGTERM and SIGKILL */
#define SAID_LIMIT 2000 /* of its output; the rest is read and thrown away */
#define VALUE_LIMIT 1000

struct command {
    struct handoff_run *run;
    struct loop_child *child;
    pid_t pid;
    int out;
    struct loop_io *io;
    struct buf said;
    bool is_timed_out, is_killed;
    struct loop_timer clock;
};

/* --- what it is told --- */

static char *cleaned(struct arena *life, const char *name, const char *value)
{
    char text[VALUE_LIMIT];
    text_sanitize(bytes_of(value), text, sizeof text);
    return arena_printf(life, "POSTERN_%s=%s", name, text);
}

static char *number(struct arena *life, const char *name, uint64_t value)
{
    return arena_printf(life, "POSTERN_%s=%llu", name, (unsigned long long)value);
}

static const char *sender_of(const struct letter *l)
{
    if (text_equal(l->return_path, "<>"))
        return "";
    if (*l->return_path)
        return l->return_path;
    return l->from.count ? l->from.items[0].address : "";
}

static char **environment(struct handoff_run *run)
{
    const struct handoff_job *job = &run->job;
    const struct letter *l = handoff_letter(run, false);
    struct arena *life = run->life;
    char received[HANDOFF_DATE_SIZE], id[17];
    clock_iso(job->received_ms, received, sizeof received);
    snprintf(id, sizeof id, "%016llx", (unsigned long long)job->id);
    char *all[] = {
        arena_strdup(life, "PATH=/usr/local/bin:/usr/bin:/bin"),
        arena_strdup(life, "LANG=C.UTF-8"),
        arena_strdup(life, "HOME=/"),
        cleaned(life, "ID", id),
        cleaned(life, "ENDPOINT", run->endpoint->name),
        cleaned(life, "MAILBOX", job->mailbox),
        cleaned(life, "FOLDER", job->folder),
        cleaned(life, "KIND", handoff_kind_of(l)),
        cleaned(life, "SENDER", sender_of(l)),
        cleaned(life, "FROM", l->from.count ? l->from.items[0].address : ""),
        cleaned(life, "SUBJECT", l->subject),
        cleaned(life, "MESSAGE_ID", l->message_id),
        cleaned(life, "IN_REPLY_TO", l->in_reply_to),
        cleaned(life, "QUEUED_ID", job->queued_id),
        cleaned(life, "RECEIVED", received),
        number(life, "SIZE", job->size),
        number(life, "ATTEMPT", job->attempt),
        number(life, "TEST", job->is_test),
    };
    size_t count = sizeof all / sizeof *all;
    char **out = arena_array(life, count + 1, sizeof *out);
    memcpy(out, all, sizeof all);
    return out;
}

static char **arguments(struct handoff_run *run)
{
    size_t count = run->endpoint->command.arguments_count;
    char **out = arena_array(run->life, count + 2, sizeof *out);
    out[0] = arena_strdup(run->life, run->endpoint->command.path);
    for (size_t i = 0; i < count; i++)
        out[i + 1] = arena_strdup(run->life, run->endpoint->command.arguments[i]);
    return out;
}

/* --- how it ended --- */

static const struct {
    int code;
    const char *name;
    enum handoff_result result;
    const char *finding;
} exits[] = {
    /* What is wrong with this message or address is wrong tomorrow. */
    { EX_DATAERR, "EX_DATAERR", HANDOFF_PARK, "command.refused" },
    { EX_NOINPUT, "EX_NOINPUT", HANDOFF_PARK, "command.refused" },
    { EX_NOUSER, "EX_NOUSER", HANDOFF_PARK, "command.refused" },
    { EX_NOHOST, "EX_NOHOST", HANDOFF_PARK, "command.refused" },
    { EX_PROTOCOL, "EX_PROTOCOL", HANDOFF_PARK, "command.refused" },
    { EX_CANTCREAT, "EX_CANTCREAT", HANDOFF_RETRY, "command.failed" },
    /* What passes, or what a person mends on this machine. */
    { EX_TEMPFAIL, "EX_TEMPFAIL", HANDOFF_RETRY, "" },
    { EX_UNAVAILABLE, "EX_UNAVAILABLE", HANDOFF_RETRY, "" },
    { EX_SOFTWARE, "EX_SOFTWARE", HANDOFF_RETRY, "command.failed" },
    { EX_OSERR, "EX_OSERR", HANDOFF_RETRY, "command.failed" },
    { EX_OSFILE, "EX_OSFILE", HANDOFF_RETRY, "command.failed" },
    { EX_IOERR, "EX_IOERR", HANDOFF_RETRY, "command.failed" },
    { EX_NOPERM, "EX_NOPERM", HANDOFF_RETRY, "command.failed" },
    { EX_CONFIG, "EX_CONFIG", HANDOFF_RETRY, "command.failed" },
    { EX_USAGE, "EX_USAGE", HANDOFF_RETRY, "command.failed" },
    { COMMAND_NOT_RUN, "it could not be run", HANDOFF_RETRY, "command.missing" },
    { COMMAND_NOT_FOUND, "it was not found", HANDOFF_RETRY, "command.missing" },
};

/* Its first lines, as one. */
static const char *words_of(struct command *c)
{
    struct bytes said = bytes_trim(buf_bytes(&c->said));
    char *text = arena_strndup(c->run->life, said.data ? (const void *)said.data : "", said.size);
    for (char *at = text; *at; at++)
        if (*at == '\n' || *at == '\r' || *at == '\t')
            *at = ' ';
    return *text ? arena_printf(c->run->life, ": %.300s", text) : "";
}

static void exited(struct command *c, int code)
{
    const char *words = words_of(c);
    if (code == 0) {
        handoff_finish(c->run, HANDOFF_DONE, "", "exit 0%s", words);
        return;
    }
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        if (exits[i].code == code) {
            handoff_finish(c->run, exits[i].result, exits[i].finding, "exit %d (%s)%s", code, exits[i].name, words);
            return;
        }
    handoff_finish(c->run, HANDOFF_RETRY, "command.failed", "exit %d%s", code, words);
}

static void ended(struct command *c, int status)
{
    if (c->is_timed_out)
        handoff_finish(c->run, HANDOFF_RETRY, "command.timeout", "it did not end in time and was %s%s",
                       c->is_killed ? "killed" : "ended", words_of(c));
    else if (WIFSIGNALED(status))
        handoff_finish(c->run, HANDOFF_RETRY, "command.killed", "it was killed by signal %d (%s)%s", WTERMSIG(status),
                       strsignal(WTERMSIG(status)), words_of(c));
    else
        exited(c, WEXITSTATUS(status));
}

/* --- while it runs --- */

/* False: nothing more for now, or for ever. */
static bool read_said(struct command *c)
{
    char data[4096];
    ssize_t n = read(c->out, data, sizeof data);
    if (n > 0)
        buf_add(&c->said, data, (size_t)n < c->said.limit - c->said.size ? (size_t)n : c->said.limit - c->said.size);
    if (n == 0)
        loop_io_want(c->io, 0);
    return n > 0;
}

static void on_said(void *ctx, unsigned ready)
{
    read_said(ctx);
}

static void on_ended(void *ctx, int status)
{
    struct command *c = ctx;
    for (int i = 0; i < 16 && read_said(c); i++)
        ;
    kill(-c->pid, SIGKILL); /* what it left behind; the pid is still its own here */
    c->pid = 0;
    ended(c, status);
}

static void on_clock(void *ctx)
{
    struct command *c = ctx;
    c->is_killed = c->is_timed_out;
    c->is_timed_out = true;
    kill(-c->pid, c->is_killed ? SIGKILL : SIGTERM);
    if (!c->is_killed)
        loop_timer_start(&c->clock, GRACE_MS);
}

/* Said here, where there are words for it; between this look and exec() it may still change. */
static bool is_runnable(struct handoff_run *run)
{
    const char *path = run->endpoint->command.path;
    struct stat s;
    bool is_there = stat(path, &s) == 0;
    if (is_there && !S_ISREG(s.st_mode))
        handoff_finish(run, HANDOFF_RETRY, "command.missing", "%s: it is no file", path);
    else if (!is_there || access(path, X_OK) < 0)
        handoff_finish_errno(run, "command.missing", errno, "%s", path);
    else
        return true;
    return false;
}

static void begin(struct command *c, struct command_child *child)
{
    struct handoff_run *run = c->run;
    int out[2];
    if (pipe2(out, O_CLOEXEC) < 0) {
        handoff_finish_errno(run, "command.failed", errno, "no pipe");
        return;
    }
    child->out = out[1];
    pid_t pid = command_child_start(child);
    int error = errno;
    close(out[1]);
    if (pid < 0) {
        close(out[0]);
        handoff_finish_errno(run, "command.failed", error, "no process");
        return;
    }
    c->pid = pid;
    c->out = out[0];
    fcntl(c->out, F_SETFL, O_NONBLOCK); /* this end only: the program's writes may wait */
    c->io = loop_io_new(run->home->loop, c->out, LOOP_READ, on_said, c);
    c->child = loop_child_new(run->home->loop, c->pid, on_ended, c);
    loop_timer_start(&c->clock, (int64_t)child->timeout_s * 1000);
}

/* The file with a place of its own in it, for reading only. */
static int open_again(int fd)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void start(struct handoff_run *run)
{
    const struct endpoint *e = run->endpoint;
    struct command *c = arena_alloc(run->life, sizeof *c);
    c->run = run;
    c->out = -1;
    run->state = c;
    buf_init(&c->said, SAID_LIMIT);
    loop_timer_init(&c->clock, run->home->loop, on_clock, c);
    if (!is_runnable(run) || !handoff_map(run))
        return;
    struct command_child child = {
        .path = e->command.path,
        .arguments = arguments(run),
        .environment = environment(run),
        .in = open_again(run->job.fd),
        .timeout_s = e->command.timeout_s ? e->command.timeout_s : DEFAULT_TIMEOUT_S,
        .memory_mb = e->command.memory_mb ? e->command.memory_mb : DEFAULT_MEMORY_MB,
    };
    if (child.in < 0) {
        handoff_finish_errno(run, "spool.failed", errno, "opening the message");
        return;
    }
    begin(c, &child);
    close(child.in);
}

static void stop(struct handoff_run *run)
{
    struct command *c = run->state;
    loop_timer_stop(&c->clock);
    if (c->pid > 0 && kill(-c->pid, SIGKILL) < 0)
        kill(c->pid, SIGKILL); /* it has not come to a group of its own yet */
    loop_child_free(c->child);
    loop_io_free(c->io);
    if (c->out >= 0)
        close(c->out);
    buf_fini(&c->said);
}

const struct handoff_kind handoff_command = { start, stop };
