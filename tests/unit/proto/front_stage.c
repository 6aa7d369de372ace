#include "front_stage.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

#define ENOUGH (64u << 20)

static void settle(struct front_stage *t)
{
    t->is_owed = false;
    if (t->owes_accept) {
        t->is_done = true;
        front_accept(t->front, "IMAP4rev1 IDLE");
    } else {
        front_refuse(t->front, t->owed, "Because\r\nof [you]");
    }
}

static void decide(struct front_stage *t, bool accepts, enum front_refusal why)
{
    assert(t->is_open && !t->is_owed && !t->is_done);
    t->is_owed = true;
    t->owes_accept = accepts;
    t->owed = why;
    if (!t->is_late)
        settle(t);
}

static void on_send(void *ctx, struct bytes out)
{
    struct front_stage *t = ctx;
    assert(t->is_open && out.size > 0);
    assert(buf_add_bytes(&t->out, out));
}

static void on_start_tls(void *ctx)
{
    struct front_stage *t = ctx;
    t->is_starting_tls = true;
    buf_add_str(&t->events, "tls;");
}

static void on_login(void *ctx, const char *user, struct bytes password)
{
    static const char *const refused[] = {
        [FRONT_UNAVAILABLE] = "busy",
        [FRONT_FORBIDDEN] = "forbidden",
        [FRONT_NEEDS_PERSON] = "person",
        [FRONT_LIMIT] = "limit",
    };
    struct front_stage *t = ctx;
    char shown[256];
    text_sanitize(password, shown, sizeof shown);
    buf_addf(&t->events, "login %s %s;", user, shown);
    enum front_refusal why = FRONT_WRONG;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i] && strcmp(user, refused[i]) == 0)
            why = (enum front_refusal)i;
    bool is_right = bytes_equal(password, BYTES_LIT("secret")) || bytes_equal(password, BYTES_LIT("se cret")) ||
                    bytes_equal(password, BYTES_LIT("s\"c\\t"));
    decide(t, why == FRONT_WRONG && is_right, why);
}

static void on_want_upstream(void *ctx)
{
    struct front_stage *t = ctx;
    buf_add_str(&t->events, "upstream;");
    decide(t, !t->refuses_mail, FRONT_UNAVAILABLE);
}

static void on_quit(void *ctx)
{
    struct front_stage *t = ctx;
    assert(t->is_open);
    buf_add_str(&t->events, "quit;");
    t->is_open = false;
    t->is_owed = false;
}

static void on_noticed(void *ctx, const struct fault *what)
{
    struct front_stage *t = ctx;
    buf_addf(&t->events, "noticed %s;", what->id);
}

static const struct front_host host = {
    .send = on_send,
    .start_tls = on_start_tls,
    .login = on_login,
    .want_upstream = on_want_upstream,
    .quit = on_quit,
    .noticed = on_noticed,
};

void front_stage_init(struct front_stage *t)
{
    *t = (struct front_stage){ .is_open = true };
    t->policy = (struct front_policy){ .hostname = "gate.example", .errors_limit = 20 };
    buf_init(&t->out, ENOUGH);
    buf_init(&t->events, ENOUGH);
}

void front_stage_fini(struct front_stage *t)
{
    front_free(t->front);
    buf_fini(&t->out);
    buf_fini(&t->events);
}

void front_stage_open(struct front_stage *t, enum front_protocol p, bool is_secure, bool is_trusted)
{
    t->front = front_new(p, &t->policy, &host, t);
    if (is_secure)
        front_set_secure(t->front);
    if (is_trusted)
        front_set_trusted(t->front);
    front_greet(t->front);
}

static void unblock(struct front_stage *t)
{
    if (t->is_owed)
        settle(t);
    if (t->is_starting_tls)
        front_tls_done(t->front);
    t->is_starting_tls = false;
}

void front_stage_play(struct front_stage *t, struct bytes in, size_t step)
{
    size_t at = 0, end = 0;
    while (end < in.size) {
        end = step && in.size - end > step ? end + step : in.size;
        for (bool was_waiting = true; was_waiting;) {
            size_t used = front_feed(t->front, bytes_slice(in, at, end));
            assert(used <= end - at);
            at += used;
            was_waiting = front_is_waiting(t->front);
            assert(was_waiting || t->is_done || end - at <= 4);
            assert(!was_waiting || t->is_owed || t->is_starting_tls);
            unblock(t);
        }
    }
    t->rest = bytes_slice(in, at, in.size);
}
