/* cli/secret_input.c - every byte read passes through one room that is wiped at once. */
#include "cli/secret_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_MOST 65536

static struct secret *read_secret(int fd, const char *name, bool is_line, struct fault *why)
{
    static char room[SECRET_MOST];
    size_t size = 0;
    ssize_t n = 1;
    while (n > 0 && size < sizeof room && !(is_line && size && room[size - 1] == '\n')) {
        n = read(fd, room + size, sizeof room - size);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            size += (size_t)n;
    }
    int error = errno;
    struct secret *s = NULL;
    if (n < 0)
        fault_errno(why, FAULT_LOCAL, error, "the secret can't be read from %s", name);
    else if (size == sizeof room)
        fault_set(why, FAULT_REJECT, "", "%s is far too long for a secret", name);
    else {
        size -= size && room[size - 1] == '\n';
        size -= size && room[size - 1] == '\r';
        if (size)
            s = secret_new(room, size);
        else
            fault_set(why, FAULT_REJECT, "", "the secret is empty (from %s)", name);
    }
    secret_wipe(room, sizeof room);
    return s;
}

static struct secret *ask(const char *prompt, struct fault *why)
{
    struct termios before, silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        fault_errno(why, FAULT_LOCAL, errno, "the terminal's echo can't be turned off; use --secret-file");
        return NULL;
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    struct secret *s = read_secret(STDIN_FILENO, "the terminal", true, why);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return s;
}

struct secret *secret_input(const char *file, const char *prompt, struct fault *why)
{
    if (!file && isatty(STDIN_FILENO))
        return ask(prompt, why);
    if (!file || strcmp(file, "-") == 0)
        return read_secret(STDIN_FILENO, "standard input", false, why);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fault_errno(why, FAULT_LOCAL, errno, "%s can't be opened", file);
        return NULL;
    }
    struct secret *s = read_secret(fd, file, false, why);
    close(fd);
    return s;
}

/* A terminal that edits lines cuts them at 4,095 octets, and an address with a code in it may be longer. */
struct secret *secret_input_line(struct fault *why)
{
    struct termios before, raw;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)ICANON;
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    }
    struct secret *s = read_secret(STDIN_FILENO, "standard input", true, why);
    if (is_terminal)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    return s;
}
