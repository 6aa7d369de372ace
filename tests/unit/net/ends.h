/* A connection as a test sees it: what came, what was told, and how much of the input it takes. */
#ifndef TESTS_ENDS_H
#define TESTS_ENDS_H

#include "base/bytes.h"
#include "net/conn.h"

struct test_end {
    struct loop *loop;
    struct conn *conn;
    struct buf got;
    size_t takes; /* bytes per call of `data`; SIZE_MAX: all */
    unsigned ready, drained, closed, data;
    bool has_why;
    struct fault why;
    void (*on_data)(struct test_end *e); /* after each */
};

extern const struct conn_events test_end_events;

void test_end_init(struct test_end *e, struct loop *l);
void test_end_fini(struct test_end *e);
void test_pair(int fds[2]); /* connected sockets of TCP on loopback, non-blocking */
/* Turns the loop until `condition`; fails the test after ten seconds. */
#define TEST_UNTIL(loop, condition) \
    do { \
        int64_t test_end_ms_ = clock_steady_ms() + 10000; \
        while (!(condition)) { \
            loop_turn(loop, 10); \
            if (clock_steady_ms() > test_end_ms_) \
                fail_msg("waited in vain for " #condition); \
        } \
    } while (0)

#endif
