/* An inbox in the test's own loop, with a queue role whose memory outlives it, a vault, and endpoints that the test plays. Time stands
 * still unless moved. */
#ifndef TESTS_INBOX_FIXTURE_H
#define TESTS_INBOX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "inbox/inbox.h"
#include "inbox/inbox_private.h"
#include "loop/loop.h"
#include "mail_server.h"

#define BOX "shop@contoso.example"

enum { KEPT_MAX = 30000, DELIVERIES_MAX = 30000, OBJECTS_MAX = 16 };

struct kept { /* an item as the queue role keeps it; texts are ours */
    struct inbox_item m;
    bool has_body;
};

struct delivery {
    char endpoint[64], subject[200];
    uint64_t id;
    unsigned attempt;
    uint64_t size;
    bool is_test, is_ended;
};

struct fixture {
    struct loop *loop;
    struct resolver *resolver;
    struct mail_server *server;
    struct inbox *inbox;
    struct inbox_settings settings;
    char spool[64];

    /* the queue role */
    struct kept *kept;
    size_t kept_count;
    struct inbox_place places[16];
    size_t places_count;
    char *objects[OBJECTS_MAX]; /* JSON */
    unsigned kinds[OBJECTS_MAX];
    char keys[OBJECTS_MAX][64];
    size_t objects_count;
    uint64_t pending[KEPT_MAX]; /* tags to be answered */
    uint64_t pending_queued[KEPT_MAX];
    bool pending_refused[KEPT_MAX];
    size_t pending_count;
    bool is_full;       /* nothing can be written */
    bool refuses_items; /* but places are */
    bool is_silent;     /* nothing is answered */
    unsigned bounced;
    struct {
        char message_id[200], recipient[200], status[16];
    } last_bounced;

    /* the vault */
    const char *token, *next_token; /* next_token: what a refused one is renewed to; NULL: the same */
    uint64_t serial;
    unsigned tokens_asked;
    bool refuses_token;
    struct token_ask asks[8];
    size_t asks_count;

    /* endpoints */
    struct delivery *deliveries;
    size_t deliveries_count;
    enum handoff_result result;
    uint32_t retry_after_s;
    const char *fails_for; /* a subject that always gets RETRY */
    unsigned running, running_most;
    bool holds;    /* hand-overs do not end */
    bool ends_one; /* but the next one that is asked */

    /* dying */
    unsigned steps, dies_at; /* calls of the host; 0: never */
    bool dies_after;         /* the message still arrives */
    bool is_dead;

    char *answer;
    unsigned answer_status, progress_count;
    bool is_stopped;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_object(struct fixture *f, unsigned kind, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void fixture_remove_object(struct fixture *f, unsigned kind, const char *key);
/* An endpoint of this name; `more` is JSON to add, as in ", \"after\": \"delete\"". */
void fixture_endpoint(struct fixture *f, const char *name, const char *more);
void fixture_start(struct fixture *f);  /* makes an inbox and tells it everything */
void fixture_die(struct fixture *f);    /* the process is gone */
void fixture_recall(struct fixture *f); /* the queue role came back */

void fixture_turn(struct fixture *f);
void fixture_turns(struct fixture *f); /* lets everything happen that can happen without waiting */
/* Until it is so; dies and begins anew where the fixture says so. Time passes second by second where nothing else happens. */
void fixture_until(struct fixture *f, bool (*is_so)(struct fixture *f));
void fixture_pass(struct fixture *f, int64_t ms); /* in steps */

size_t fixture_delivered(const struct fixture *f, const char *subject); /* NULL: all */
size_t fixture_count(const struct fixture *f, enum inbox_state state);
struct kept *fixture_kept(struct fixture *f, const char *subject);
char *fixture_message(const char *subject, const char *more); /* given */
uint32_t fixture_add(struct fixture *f, const char *subject);

/* fake_handoff.c */
extern struct fixture *fake_handoff_fixture;

#endif
