/* handoff/command_child.c - between fork() and exec() only what is safe there: no memory is taken, nothing is locked. */
#include "handoff/command_child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_LIMIT = 256 };

static void limit(int what, rlim_t to)
{
    struct rlimit now;
    if (getrlimit(what, &now) == 0 && now.rlim_max != RLIM_INFINITY && now.rlim_max < to)
        to = now.rlim_max;
    setrlimit(what, &(struct rlimit){ to, to });
}

static void reset_signals(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void become(const struct command_child *c)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    reset_signals();
    umask(077);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, FILES_LIMIT);
    limit(RLIMIT_CPU, c->timeout_s);
    if (dup2(c->in, STDIN_FILENO) < 0 || dup2(c->out, STDOUT_FILENO) < 0 || dup2(c->out, STDERR_FILENO) < 0 ||
        close_range(STDERR_FILENO + 1, ~0u, 0) < 0 || chdir("/") < 0) {
        say("descriptors can't be set");
        _exit(COMMAND_NOT_RUN);
    }
    limit(RLIMIT_AS, (rlim_t)c->memory_mb << 20);
    execve(c->path, c->arguments, c->environment);
    int error = errno;
    say(strerrordesc_np(error));
    _exit(error == ENOENT ? COMMAND_NOT_FOUND : COMMAND_NOT_RUN);
}

pid_t command_child_start(const struct command_child *child)
{
    sigset_t all, before;
    /* A signal meant for us must not run our handlers in the child. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(child);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}
