/* tests/bench/load.c - which of the five it is. */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *what)
{
    perror(what);
    exit(1);
}

int number_of(const char *text, int least, int most)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || number < least || number > most) {
        fprintf(stderr, "%s is not a number from %d to %d\n", text, least, most);
        exit(2);
    }
    return (int)number;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } parts[] = { { "source", source_main },
                  { "sink", sink_main },
                  { "reader", reader_main },
                  { "poster", poster_main },
                  { "floor", floor_main } };

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof *parts; i++)
        if (strcmp(argv[1], parts[i].name) == 0)
            return parts[i].run(argc - 1, argv + 1);
    fputs("usage: bench-load source PORT STAMPS SESSIONS SIZE MS FIRST | sink STAMPS | floor FILE MS\n"
          "       bench-load poster SOCKET SESSIONS SIZE MS\n"
          "       bench-load reader imap|pop3 plain|tls PORT PEOPLE fetch|stream|signin|hold SESSIONS MS\n",
          stderr);
    return 2;
}
