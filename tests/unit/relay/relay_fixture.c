#include "relay_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "object/object.h"

/* -- the roles around it -- */

static bool ask_token(void *ctx, const struct token_ask *ask)
{
    struct fixture *f = ctx;

    if (f->vault_is_down)
        return false;
    assert_true(f->asks_count < ASKS_MAX);
    assert_string_equal(ask->mailbox, BOX);
    f->asks[f->asks_count++] = *ask;
    return true;
}

static void answer_asks(struct fixture *f)
{
    while (f->asks_answered < f->asks_count && f->asks_answered < f->vault_answers) {
        const struct vault_says *v = f->vault;
        for (unsigned i = 0; i < f->asks_answered && (v[1].token || v[1].id); i++)
            v++;
        const struct token_answer t = {
            .tag = f->asks[f->asks_answered++].tag,
            .is_ok = v->token,
            .sasl = v->sasl ? v->sasl : OBJECT_SASL_XOAUTH2,
            .user = BOX,
            .secret = bytes_of(v->token),
            .serial = v->serial,
            .expires_ms = v->expires_ms,
            .kind = v->kind,
            .id = v->id ? v->id : "",
            .text = v->token ? "" : "the vault's reason",
        };
        relay_token(f->relay, &t);
    }
}

static void attempt_done(void *ctx, const struct attempt_done *done)
{
    struct fixture *f = ctx;
    struct heard_done *d = &f->done[f->done_count++];

    assert_true(f->done_count <= DONE_MAX && done->results_count <= RECIPIENTS_MAX);
    d->tag = done->tag;
    d->count = done->results_count;
    d->is_mailbox_fault = done->is_mailbox_fault;
    d->is_uncertain = done->is_uncertain;
    d->dsn_relayed = done->dsn_relayed;
    snprintf(d->host, sizeof d->host, "%s", done->host);
    d->dialogue = mem_strdup(done->dialogue);
    for (size_t i = 0; i < d->count; i++) {
        const struct attempt_result *r = &done->results[i];
        d->results[i] = (struct outcome){ .class = r->class, .code = r->code, .retry_after_s = r->retry_after_s };
        snprintf(d->results[i].enhanced, sizeof d->results[i].enhanced, "%s", r->enhanced);
        snprintf(d->results[i].text, sizeof d->results[i].text, "%s", r->text);
        snprintf(d->results[i].id, sizeof d->results[i].id, "%s", r->id);
    }
}

static void progress(void *ctx, const struct admin_progress *step)
{
    struct fixture *f = ctx;
    f->progress[f->progress_count++] = mem_strdup(step->json);
}

static void answer(void *ctx, const struct admin_answer *a)
{
    struct fixture *f = ctx;
    assert_null(f->answer);
    f->answer = mem_strdup(a->json);
    f->answer_status = a->status;
}

static void stopped(void *ctx)
{
    struct fixture *f = ctx;
    f->is_stopped = true;
}

/* -- life -- */

static void write_authority(struct fixture *f)
{
    snprintf(f->ca_file, sizeof f->ca_file, "/tmp/relay-ca-XXXXXX");
    int fd = mkstemp(f->ca_file);
    struct bytes pem = buf_bytes(&f->authority.certificate);
    assert_int_equal(write(fd, pem.data, pem.size), pem.size);
    close(fd);
}

int fixture_setup(void **state)
{
    static const struct relay_host host = { ask_token, attempt_done, progress, answer, stopped };
    static const struct vault_says plain_token[] = { { .token = "token-one", .serial = 1 }, { 0 } };
    struct fixture *f = mem_alloc(sizeof *f);

    log_init("test", LOG_LEVEL_ERROR);
    log_to_stderr(false);
    f->loop = loop_new_virtual(1795251600000);
    f->resolver = resolver_new(f->loop);
    f->relay = relay_new(f->loop, f->resolver, "gate.example", &host, f);
    f->vault = plain_token;
    f->vault_answers = ASKS_MAX;
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    relay_free(f->relay);
    if (f->server)
        script_server_free(f->server);
    resolver_free(f->resolver);
    loop_turn(f->loop, 0);
    loop_free(f->loop);
    tls_context_free(f->server_tls);
    if (f->ca_file[0]) {
        unlink(f->ca_file);
        test_pem_fini(&f->authority);
        test_pem_fini(&f->certificate);
    }
    for (unsigned i = 0; i < f->done_count; i++)
        free(f->done[i].dialogue);
    for (unsigned i = 0; i < f->progress_count; i++)
        free(f->progress[i]);
    free(f->answer);
    free(f);
    return 0;
}

/* -- objects -- */

void fixture_object(struct fixture *f, unsigned kind, const char *key, const char *format, ...)
{
    char json[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(json, sizeof json, format, args);
    va_end(args);
    const struct directory_object o = { .kind = kind, .key = key, .json = json };
    relay_directory_object(f->relay, &o);
}

void fixture_provider(struct fixture *f, const char *tls, const char *sasl)
{
    fixture_object(f, OBJECT_PROVIDER, "test",
                   "{\"name\":\"test\",\"issuer\":\"https://login.example/\","
                   "\"scopes\":{\"smtp\":\"s\",\"common\":\"openid\"},"
                   "\"smtp\":{\"host\":\"127.0.0.1\",\"port\":%u,\"tls\":\"%s\",\"sasl\":\"%s\"},\"ca_file\":\"%s\"}",
                   script_server_port(f->server), tls, sasl, f->ca_file);
}

void fixture_plain(struct fixture *f, const char *const *const *scripts)
{
    f->server = script_server_new(f->loop, scripts, NULL);
    fixture_provider(f, "none", "none");
    fixture_object(f, OBJECT_MAILBOX, BOX, "{\"address\":\"" BOX "\",\"provider\":\"test\",\"grant\":\"none\"}");
}

void fixture_oauth(struct fixture *f, const char *const *const *scripts)
{
    struct fault why;

    test_authority(&f->authority);
    test_certificate(&f->authority, "IP:127.0.0.1", -100, 100000, &f->certificate);
    write_authority(f);
    f->server_tls = tls_server_new(buf_bytes(&f->certificate.certificate), buf_bytes(&f->certificate.key), &why);
    assert_non_null(f->server_tls);
    f->server = script_server_new(f->loop, scripts, f->server_tls);
    fixture_provider(f, "starttls", "xoauth2");
    fixture_object(
        f, OBJECT_REGISTRATION, "reg",
        "{\"name\":\"reg\",\"provider\":\"test\",\"tenant\":\"contoso.example\",\"client_id\":\"client-1\"}");
    fixture_object(f, OBJECT_MAILBOX, BOX, "{\"address\":\"" BOX "\",\"registration\":\"reg\",\"grant\":\"code\"}");
}

/* -- doing -- */

void fixture_attempt_with(struct fixture *f, struct attempt a)
{
    a.mailbox = BOX;
    if (!a.sender)
        a.sender = BOX;
    if (!a.envid)
        a.envid = "";
    if (a.body.data)
        a.fd = -1;
    relay_attempt(f->relay, &a);
}

void fixture_attempt(struct fixture *f, uint64_t tag, const char *const *recipients, const char *body)
{
    struct submit_recipient list[RECIPIENTS_MAX];
    size_t count = 0;

    for (; recipients && recipients[count]; count++)
        list[count] = (struct submit_recipient){ .address = recipients[count], .orcpt = "" };
    if (!recipients)
        list[count++] = (struct submit_recipient){ .address = "to@fabrikam.example", .orcpt = "" };
    fixture_attempt_with(f, (struct attempt){ .tag = tag,
                                              .recipients = list,
                                              .recipients_count = count,
                                              .body = bytes_of(body ? body : "Subject: x\r\n\r\nhello\r\n") });
}

static void turn(struct fixture *f)
{
    loop_turn(f->loop, 0);
    answer_asks(f);
}

void fixture_turns(struct fixture *f)
{
    for (int i = 0; i < 300; i++) {
        turn(f);
        if (i % 10 == 9)
            usleep(200); /* the kernel's own time, for loopback to carry what was written */
    }
}

void fixture_until(struct fixture *f, bool (*is_so)(struct fixture *f))
{
    for (int i = 0; i < 200000 && !is_so(f); i++) {
        turn(f);
        if (i > 1000)
            usleep(50);
    }
    assert_true(is_so(f));
}

void fixture_until_done(struct fixture *f, unsigned count)
{
    for (int i = 0; i < 200000 && f->done_count < count; i++) {
        turn(f);
        if (i > 1000)
            usleep(50);
    }
    if (f->done_count < count)
        fail_msg("no outcome; %u connections; heard:\n%s\nsurprise: %s",
                 f->server ? script_server_connections(f->server) : 0, f->server ? script_server_heard(f->server) : "",
                 f->server && script_server_surprise(f->server) ? script_server_surprise(f->server) : "none");
    turn(f);
}
