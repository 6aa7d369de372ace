/* tests/bench/load.h - the load generator: `source` says mail to a server, `poster` posts it to the API, `sink` takes it at the other end, `reader` fetches it,
 * `floor` asks the disk.
 *
 * One thread and one epoll each, lines parsed where they lie, replies gathered: some ten microseconds a message, so that what is
 * measured is the server. Source and sink note when each message was accepted and delivered in one shared file. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEQUENCE_HEADER "X-Bench: " /* the first header of each message, then the sequence in decimal digits */
#define STAMPS_MAX 4000000u

/* The shared file: read by run.py. */
struct stamps {
    uint64_t delivered; /* messages the sink took, all runs together */
    uint64_t accepted;
    struct {
        uint64_t accepted_ns, delivered_ns; /* CLOCK_MONOTONIC; 0: not yet */
    } at[STAMPS_MAX];
};

struct stamps *stamps_open(const char *path); /* made if it is not there */
uint64_t now_ns(void);
_Noreturn void die(const char *what);                 /* with errno */
int number_of(const char *text, int least, int most); /* a command line's number; dies of anything else */

int source_main(int argc, char **argv);
int sink_main(int argc, char **argv);
int floor_main(int argc, char **argv);
int reader_main(int argc, char **argv);
int poster_main(int argc, char **argv);

#endif
