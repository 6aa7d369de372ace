/* tests/bench/reader_people.c - who signs in, and how long answers took. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

enum { PEOPLE_MAX = 1000, STALL_MS = 35 }; /* Nagle and delayed acknowledgement make 40 ms together */

struct person *people_load(const char *path, unsigned *count)
{
    struct person *people = calloc(PEOPLE_MAX, sizeof *people);
    char how[16], plain[4500];
    FILE *file = fopen(path, "r");

    if (!people || !file)
        die(path);
    for (*count = 0; *count < PEOPLE_MAX; ++*count) {
        struct person *p = &people[*count];
        if (fscanf(file, "%15s %299s %3999s", how, p->user, p->secret) != 3)
            break;
        p->by_token = strcmp(how, "xoauth2") == 0;
        int size = snprintf(plain, sizeof plain, "user=%s\1auth=Bearer %s\1\1", p->user, p->secret);
        EVP_EncodeBlock((unsigned char *)p->blob, (unsigned char *)plain, size);
    }
    fclose(file);
    if (*count == 0) {
        fprintf(stderr, "%s names nobody\n", path);
        exit(2);
    }
    return people;
}

static uint32_t *times; /* microseconds */
static size_t count, room;

void times_add(uint64_t ns)
{
    if (count == room) {
        room = room ? room * 2 : 65536;
        times = realloc(times, room * sizeof *times);
        if (!times)
            die("reader");
    }
    times[count++] = ns / 1000 < UINT32_MAX ? (uint32_t)(ns / 1000) : UINT32_MAX;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void times_print(void)
{
    size_t stalls = 0;

    if (count == 0)
        return;
    qsort(times, count, sizeof *times, by_size);
    while (stalls < count && times[count - 1 - stalls] >= STALL_MS * 1000u)
        stalls++;
    printf("\"p50_us\": %u, \"p90_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"stalls\": %zu, ", times[count / 2],
           times[count * 9 / 10], times[count * 99 / 100], times[count - 1], stalls);
}
