/* A folder of its own, a message in a file, an endpoint, and the loop that is turned until the outcome came. */
#ifndef TESTS_HANDOFF_FIXTURE_H
#define TESTS_HANDOFF_FIXTURE_H

#include "base/bytes.h"
#include "handoff/handoff.h"

struct stage {
    struct loop *loop;
    struct resolver *resolver;
    struct handoff *handoff;
    char dir[64];
    struct endpoint endpoint;
    struct handoff_job job;
    struct handoff_run *run;
    int outcomes, wanted;
    enum handoff_result result;
    uint32_t retry_after_s;
    char text[1024], finding[64];
    /* What was to be signed; answered by stage_sign() */
    uint64_t sign_tag;
    char sign_text[512];
    bool signs_at_once, cannot_sign;
};

extern struct stage stage;

int stage_open_virtual(void **state);
int stage_open(void **state); /* the clock is the real one */
int stage_close(void **state);
void stage_message(const char *text); /* replaces the job's message */
void stage_octets(struct bytes octets);
const char *stage_path(const char *name); /* in the folder; lent until the eighth call from here */
void stage_file(const char *name, const char *text, int mode);
/* NULL: it is not there. Lent until the next call. */
const char *stage_read(const char *name);
void stage_start(void);
void stage_turn(void); /* a little */
void stage_wait(void); /* until the outcome came */
void stage_run(void);  /* both */
void stage_expect(enum handoff_result result, const char *finding, const char *text /* part of it */);

#define STAGE_TEST(name, open) cmocka_unit_test_setup_teardown(name, open, stage_close)

#endif
