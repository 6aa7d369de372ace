/* A queue on a virtual loop, with a relay that the test plays, a directory of two mailboxes, and a disk that can fail. */
#ifndef TESTS_QUEUE_BENCH_H
#define TESTS_QUEUE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "queue/queue.h"

#define SHOP "shop@contoso.example"
#define DESK "desk@contoso.example"
#define BENCH_START 1763716500000 /* 2025-11-21T09:15:00Z */
#define BENCH_BODY "From: shop@contoso.example\r\nSubject: hello\r\nMessage-ID: <1@shop>\r\n\r\nGood day.\r\n"

enum { BENCH_ATTEMPTS = 20000, BENCH_TO = 4 };

struct bench_attempt {
    uint64_t tag, id;
    int64_t time, answered;
    char mailbox[128], sender[128], app[1];
    char to[BENCH_TO][128]; /* the first few */
    size_t recipients;
    char *body;
    size_t size;
    bool is_answered, is_8bit, has_fd;
};

struct bench {
    char dir[64];
    struct loop *loop;
    struct conf conf;
    struct queue *q;
    struct bench_attempt attempts[BENCH_ATTEMPTS];
    size_t count;
    uint64_t id; /* of the last submit's answer */
    struct fault why;
    size_t answers;
    bool is_repeated; /* of the last answer */
    bool is_open;
    size_t states, objects, items_changed;
    uint64_t item_id; /* of the last that changed */
    uint32_t item_state;
    json_t *answer; /* of the last bench_ask() */
    uint32_t status;
    char *content; /* that came with it */
};

struct bench *bench_new(const char *limits); /* JSON of the provider's limits, or NULL for generous ones */
void bench_free(struct bench *b);
void bench_reopen(struct bench *b); /* as after a kill: nothing is told to the old one */
void bench_close_unclean(struct bench *b);
int bench_set_up(void **state);
int bench_tear_down(void **state);

uint64_t bench_submit(struct bench *b, const char *mailbox, const char *app, const char *sender,
                      const char *to); /* and turns */
uint64_t bench_submit_many(struct bench *b, const char *mailbox, size_t recipients);
void bench_submit_raw(struct bench *b, const struct submit *m);
void bench_turn(struct bench *b);
void bench_advance(struct bench *b, int64_t seconds);

/* The i-th attempt so far, for it to be answered; fails the test if there is none. */
struct bench_attempt *bench_attempt(struct bench *b, size_t i);
void bench_answer(struct bench *b, size_t i, enum attempt_class class, unsigned code, const char *enhanced,
                  const char *text);
void bench_answer_done(struct bench *b, size_t i, struct attempt_done done); /* tag is filled in */
void bench_deliver(struct bench *b, size_t i);

json_t *bench_ask(struct bench *b, const char *verb, const char *json); /* lent until the next */
const char *bench_state(struct bench *b, uint64_t id);
json_t *bench_recipient(struct bench *b, uint64_t id, size_t i);

/* The disk: writes fail with this SQLite code until 0 again. */
void bench_disk_fails(int sqlite_code);

#endif
