/* tests/bench/floor.c - how often a second this disk makes 4 KB durable: no server can accept faster one by one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

int floor_main(int argc, char **argv)
{
    char block[4096];
    unsigned count = 0;

    if (argc != 3)
        return 2;
    int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        die(argv[1]);
    memset(block, 'x', sizeof block);
    uint64_t start = now_ns(), end = start + (uint64_t)number_of(argv[2], 1, 600000) * 1000000u, now;
    do {
        if (write(fd, block, sizeof block) != sizeof block || fdatasync(fd) != 0)
            die(argv[1]);
        count++;
        now = now_ns();
    } while (now < end);
    unlink(argv[1]);
    printf("%.0f\n", count * 1e9 / (double)(now - start));
    return 0;
}
