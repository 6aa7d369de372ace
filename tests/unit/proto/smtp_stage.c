#include "smtp_stage.h"

#include <assert.h>
#include <string.h>

#define ENOUGH (64u << 20)

static void settle(struct stage *t)
{
    t->has_owed = false;
    if (t->is_owed_to_auth)
        smtp_server_auth_done(t->server, &t->owed);
    else
        smtp_server_decided(t->server, &t->owed);
}

static void decide(struct stage *t, bool is_auth, struct smtp_verdict verdict)
{
    assert(!t->has_owed);
    t->has_owed = true;
    t->is_owed_to_auth = is_auth;
    t->owed = verdict;
    if (!t->decides_late)
        settle(t);
}

static struct smtp_verdict verdict_of(const char *address)
{
    if (strstr(address, "refused"))
        return (struct smtp_verdict){ 550, "5.7.1", "Not\r\nyou" };
    if (strstr(address, "later"))
        return (struct smtp_verdict){ 450, NULL, "Not now" };
    if (strstr(address, "closing"))
        return (struct smtp_verdict){ 421, "4.3.2", "Going down" };
    return (struct smtp_verdict){ 0 };
}

static void on_send(void *ctx, struct bytes out)
{
    struct stage *t = ctx;
    assert(t->is_open && out.size > 0);
    assert(buf_add_bytes(&t->out, out));
}

static void on_start_tls(void *ctx)
{
    struct stage *t = ctx;
    t->is_starting_tls = true;
    buf_add_str(&t->events, "tls;");
}

static void on_auth(void *ctx, const char *user, struct bytes password)
{
    struct stage *t = ctx;
    bool is_right = bytes_equal(password, BYTES_LIT("secret"));
    buf_addf(&t->events, "auth %s;", user);
    decide(t, true, is_right ? (struct smtp_verdict){ 0 } : (struct smtp_verdict){ 535, "5.7.8", "Wrong password" });
}

static void on_mail(void *ctx, const struct smtp_envelope *env)
{
    struct stage *t = ctx;
    buf_addf(&t->events, "mail %s", env->sender);
    if (env->is_8bit)
        buf_add_str(&t->events, " 8bit");
    if (env->is_smtputf8)
        buf_add_str(&t->events, " utf8");
    if (env->size)
        buf_addf(&t->events, " size=%llu", (unsigned long long)env->size);
    if (env->ret)
        buf_addf(&t->events, " ret=%d", env->ret);
    if (env->envid[0])
        buf_addf(&t->events, " envid=%s", env->envid);
    buf_add_str(&t->events, ";");
    decide(t, false, verdict_of(env->sender));
}

static void on_rcpt(void *ctx, const struct smtp_envelope *env, const struct smtp_recipient *rcpt)
{
    struct stage *t = ctx;
    buf_addf(&t->events, "rcpt %s", rcpt->address);
    if (rcpt->notify)
        buf_addf(&t->events, " notify=%u", rcpt->notify);
    if (rcpt->orcpt[0])
        buf_addf(&t->events, " orcpt=%s", rcpt->orcpt);
    buf_add_str(&t->events, ";");
    decide(t, false, verdict_of(rcpt->address));
}

static void on_data_begin(void *ctx, const struct smtp_envelope *env)
{
    struct stage *t = ctx;
    buf_addf(&t->events, "begin %zu;", env->recipients_count);
    t->is_unkept = false;
    bool is_refused = strstr(env->sender, "nodata");
    decide(t, false, is_refused ? (struct smtp_verdict){ 451, "4.3.0", "No data now" } : (struct smtp_verdict){ 0 });
}

static bool on_data(void *ctx, struct bytes chunk)
{
    struct stage *t = ctx;
    assert(chunk.size > 0 && !t->is_unkept);
    assert(buf_add_bytes(&t->body, chunk));
    t->is_unkept = bytes_find(buf_bytes(&t->body), BYTES_LIT("DISKFULL")) != SIZE_MAX;
    return !t->is_unkept;
}

static void on_data_end(void *ctx, const struct smtp_envelope *env, bool is_whole)
{
    struct stage *t = ctx;
    bool is_poison = bytes_find(buf_bytes(&t->body), BYTES_LIT("POISON")) != SIZE_MAX;
    buf_addf(&t->events, "end %s%s;", is_whole ? "whole" : "broken", env->is_8bit ? " 8bit" : "");
    if (!is_whole)
        return;
    struct smtp_verdict stored = { 0, NULL, "queued as 1" }, poison = { 554, "5.7.1", "Poison" },
                        full = { 452, "4.3.1", "Disk full" };
    decide(t, false, t->is_unkept ? full : is_poison ? poison : stored);
}

static void on_reset(void *ctx)
{
    struct stage *t = ctx;
    buf_add_str(&t->events, "reset;");
}

static void on_quit(void *ctx)
{
    struct stage *t = ctx;
    assert(t->is_open);
    buf_add_str(&t->events, "quit;");
    t->is_open = false;
    t->has_owed = false;
}

static void on_pause(void *ctx, uint32_t ms)
{
    struct stage *t = ctx;
    t->is_paused = ms > 0;
}

static void on_noticed(void *ctx, const struct fault *what)
{
    struct stage *t = ctx;
    buf_addf(&t->events, "noticed %s;", what->id);
}

static const struct smtp_server_host host = {
    .send = on_send,
    .start_tls = on_start_tls,
    .auth = on_auth,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .data_begin = on_data_begin,
    .data = on_data,
    .data_end = on_data_end,
    .reset = on_reset,
    .quit = on_quit,
    .pause = on_pause,
    .noticed = on_noticed,
};

void stage_init(struct stage *t)
{
    *t = (struct stage){ .is_open = true };
    t->policy = (struct smtp_server_policy){
        .hostname = "gate.example",
        .offers_auth = true,
        .size_limit = 1000,
        .recipients_limit = 3,
        .errors_limit = 20,
    };
    buf_init(&t->out, ENOUGH);
    buf_init(&t->events, ENOUGH);
    buf_init(&t->body, ENOUGH);
}

void stage_fini(struct stage *t)
{
    smtp_server_free(t->server);
    buf_fini(&t->out);
    buf_fini(&t->events);
    buf_fini(&t->body);
}

void stage_open(struct stage *t, bool is_secure, bool is_trusted)
{
    t->server = smtp_server_new(&t->policy, &host, t);
    if (is_secure)
        smtp_server_set_secure(t->server);
    if (is_trusted)
        smtp_server_set_trusted(t->server);
    smtp_server_greet(t->server);
}

static void unblock(struct stage *t)
{
    while (t->has_owed) /* BDAT 0 LAST asks twice in a row */
        settle(t);
    if (t->is_starting_tls)
        smtp_server_tls_done(t->server);
    t->is_starting_tls = false;
    if (t->is_paused)
        smtp_server_resume(t->server);
    t->is_paused = false;
}

void stage_play(struct stage *t, struct bytes in, size_t step)
{
    for (size_t at = 0; at < in.size;) {
        size_t end = step && in.size - at > step ? at + step : in.size;
        size_t used = smtp_server_feed(t->server, bytes_slice(in, at, end));
        assert(used > 0 && used <= end - at);
        assert(used == end - at || smtp_server_is_waiting(t->server));
        at += used;
        unblock(t);
        assert(!smtp_server_is_waiting(t->server));
    }
}
