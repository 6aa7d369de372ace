/* role/serve.c - the parent from the configuration to the loop, and back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "jail/jail.h"
#include "role/parent.h"
#include "role/role_private.h"

#define INPUT_MAX 4096

static void on_mistake(void *ctx, const struct fault *mistake)
{
    fprintf(stderr, "postern: %s\n", mistake->text);
    ++*(unsigned *)ctx;
}

static bool load(struct parent *p, const char *conf_path, struct fault *why)
{
    unsigned mistakes = 0;
    p->conf_arena = arena_new();
    p->conf = arena_alloc(p->conf_arena, sizeof *p->conf);
    if (!conf_load(conf_path, p->conf_arena, p->conf, on_mistake, &mistakes, why)) {
        if (mistakes > 0)
            fault_set(why, FAULT_CONFIG, "", "the configuration can't be used (see above)");
        return false;
    }
    log_set_level(role_log_level(p->conf));
    return true;
}

static bool read_input(uint8_t *data, size_t *size)
{
    for (*size = 0; *size < INPUT_MAX;) {
        ssize_t n = read(STDIN_FILENO, data + *size, INPUT_MAX - *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        *size += (size_t)n;
    }
    return true;
}

/* The key is read once from standard input, but the vault may have to be started several times. */
static bool keep_input(struct parent *p, struct fault *why)
{
    uint8_t data[INPUT_MAX];
    size_t size;
    if (!text_equal(p->conf->master_key.source, "stdin"))
        return true;
    p->input_fd = memfd_create("postern-key", MFD_CLOEXEC);
    bool is_kept = p->input_fd >= 0 && read_input(data, &size) && write(p->input_fd, data, size) == (ssize_t)size;
    int error = errno;
    secret_wipe(data, sizeof data);
    return is_kept || fault_errno(why, FAULT_LOCAL, error, "the master key can't be read from standard input");
}

/* A bridged session takes two descriptors. */
static void raise_limits(void)
{
    enum { FILES_MIN = 65536 };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return;
    rlim_t wanted = files.rlim_max < FILES_MIN ? FILES_MIN : files.rlim_max;
    files.rlim_cur = files.rlim_max;
    /* Only root may raise the hard limit; anybody may use up to it. */
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, wanted }) < 0)
        (void)setrlimit(RLIMIT_NOFILE, &files);
}

static bool prepare(struct parent *p, struct fault *why)
{
    struct list doors;
    if (!keep_input(p, why) || !jail_no_new_privs(why) || !jail_no_dump(why) || !state_prepare(p, why) ||
        !events_open(p, why) || !doors_prepare(p, p->conf, &doors, why))
        return false;
    doors_commit(p, &doors);
    return doors_write(p, why);
}

static void on_stop_signal(void *ctx, int signal)
{
    stop_begin(ctx, signal == SIGINT ? "interrupted" : "asked to stop", 0);
}

static void on_reload_signal(void *ctx, int signal)
{
    struct fault why;
    struct buf mistakes;
    buf_init(&mistakes, 65536);
    reload(ctx, &mistakes, &why); /* logs what was wrong */
    buf_fini(&mistakes);
}

static void on_child_signal(void *ctx, int signal)
{
    children_reap(ctx);
}

static void watch_signals(struct parent *p)
{
    signal(SIGPIPE, SIG_IGN);
    p->signals[0] = loop_signal_new(p->loop, SIGTERM, on_stop_signal, p);
    p->signals[1] = loop_signal_new(p->loop, SIGINT, on_stop_signal, p);
    p->signals[2] = loop_signal_new(p->loop, SIGHUP, on_reload_signal, p);
    p->signals[3] = loop_signal_new(p->loop, SIGCHLD, on_child_signal, p);
}

static void finish(struct parent *p)
{
    wiring_fini(p);
    doors_close(&p->doors);
    for (struct child *c = p->children; c < p->children + p->children_count; c++)
        channel_free(c->control);
    for (size_t i = 0; i < sizeof p->signals / sizeof *p->signals; i++)
        loop_signal_free(p->signals[i]);
    loop_timer_stop(&p->stop_limit);
    loop_timer_stop(&p->events_check);
    loop_timer_stop(&p->watchdog);
    loop_free(p->loop);
    state_release(p);
    free(p->children);
    arena_free(p->conf_arena);
    if (p->input_fd >= 0)
        close(p->input_fd);
}

static bool run(struct parent *p, const char *conf_path, struct fault *why)
{
    if (!load(p, conf_path, why) || !prepare(p, why))
        return false;
    log_to_stderr(p->conf->log.is_stderr);
    if (geteuid() == 0 && text_equal(p->conf->user, "root"))
        log_warn("daemon.root",
                 LOG_TEXT("text",
                          "roles keep root: make a user for them (useradd --system postern), or name one as `user`"));
    log_info("daemon.starting", LOG_TEXT("version", POSTERN_VERSION), LOG_TEXT("text", p->conf->file));
    watch_signals(p);
    events_watch(p);
    notify_watchdog_start(p);
    children_init(p);
    if (!children_start(p, why)) {
        log_error("daemon.failed", LOG_FAULT(why));
        stop_begin(p, "a role could not start", 1);
    }
    loop_run(p->loop);
    log_info("daemon.stopped", LOG_NUMBER("status", p->exit_status));
    return true;
}

int parent_run(const char *conf_path, const struct role_hooks *const *hooks)
{
    struct parent p = { .hooks = hooks, .lock_fd = -1, .input_fd = -1 };
    struct fault why;
    log_init("parent", LOG_LEVEL_INFO);
    umask(077);
    raise_limits();
    list_init(&p.doors);
    list_init(&p.lost);
    p.loop = loop_new();
    int status = 0;
    if (run(&p, conf_path, &why)) {
        status = p.exit_status;
    } else {
        fprintf(stderr, "postern: %s\n", why.text);
        status = 1;
    }
    finish(&p);
    log_flush();
    log_to_events(-1);
    return status;
}
