#include "bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

/* --- a disk that fails when told: SQLite's own file layer with its sync and write in our hands --- */

static int disk_code;
static sqlite3_io_methods wrapped[8]; /* database and log have methods of their own */
static const sqlite3_io_methods *real[8];
static sqlite3_vfs failing;

static int disk_write(sqlite3_file *f, const void *data, int size, sqlite3_int64 at)
{
    return disk_code ? disk_code : real[0]->xWrite(f, data, size, at);
}

static int disk_sync(sqlite3_file *f, int flags)
{
    return disk_code ? disk_code : real[0]->xSync(f, flags);
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    sqlite3_vfs *below = vfs->pAppData;
    int rc = below->xOpen(below, name, f, flags, out);
    if (rc == SQLITE_OK && f->pMethods) {
        size_t i = 0;
        while (real[i] && real[i] != f->pMethods)
            i++;
        assert_true(i < 8);
        real[i] = f->pMethods;
        wrapped[i] = *real[i];
        wrapped[i].xWrite = disk_write; /* these two are the same in all */
        wrapped[i].xSync = disk_sync;
        f->pMethods = &wrapped[i];
    }
    return rc;
}

static void disk_init(void)
{
    sqlite3_vfs *below = sqlite3_vfs_find(NULL);
    if (failing.pAppData)
        return;
    failing = *below;
    failing.zName = "failing";
    failing.pAppData = below;
    failing.xOpen = disk_open;
    sqlite3_vfs_register(&failing, 1);
}

void bench_disk_fails(int sqlite_code)
{
    disk_code = sqlite_code;
}

/* --- the host --- */

static bool on_attempt(void *ctx, const struct attempt *a)
{
    struct bench *b = ctx;
    assert_true(b->count < BENCH_ATTEMPTS);
    struct bench_attempt *out = &b->attempts[b->count++];
    *out = (struct bench_attempt){ .tag = a->tag, .id = a->id, .time = loop_wall_ms(b->loop), .is_8bit = a->is_8bit };
    snprintf(out->mailbox, sizeof out->mailbox, "%s", a->mailbox);
    snprintf(out->sender, sizeof out->sender, "%s", a->sender);
    out->recipients = a->recipients_count;
    for (size_t i = 0; i < a->recipients_count && i < BENCH_TO; i++)
        snprintf(out->to[i], sizeof out->to[i], "%s", a->recipients[i].address);
    out->size = a->size;
    out->has_fd = a->fd >= 0;
    if (a->fd >= 0) {
        out->body = mem_alloc(a->size + 1);
        assert_int_equal(pread(a->fd, out->body, a->size, 0), a->size);
    } else {
        assert_int_equal(a->body.size, a->size);
        out->body = mem_strndup(a->body.data, a->body.size);
    }
    return true;
}

static void on_object(void *ctx, const struct directory_object *o)
{
    ((struct bench *)ctx)->objects++;
}

static void on_state(void *ctx, const struct queue_state *s)
{
    struct bench *b = ctx;
    b->is_open = s->is_open;
    b->states++;
}

static void on_item(void *ctx, const struct inbox_item *i)
{
    struct bench *b = ctx;
    b->items_changed++;
    b->item_id = i->id;
    b->item_state = i->state;
}

static const struct queue_host host = {
    .attempt = on_attempt, .object_changed = on_object, .state_changed = on_state, .item_changed = on_item
};

static void open_queue(struct bench *b)
{
    struct fault why = { 0 };
    b->q = queue_new(b->loop, &b->conf, &host, b, &why);
    if (!b->q)
        fail_msg("%s", why.text);
    queue_relay_up(b->q);
}

static void put_objects(struct bench *b, const char *limits)
{
    char json[2048];
    snprintf(json, sizeof json,
             "{\"kind\":\"provider\",\"key\":\"plain\",\"is_new\":true,\"object\":{\"name\":\"plain\","
             "\"smtp\":{\"host\":\"localhost\",\"port\":2525,\"tls\":\"none\",\"sasl\":\"plain\"},\"imap\":{\"host\":"
             "\"localhost\","
             "\"tls\":\"none\",\"sasl\":\"plain\"},\"limits\":%s}}",
             limits ? limits : "{\"connections\":50}");
    bench_ask(b, "object.put", json);
    assert_int_equal(b->status, 201);
    const char *addresses[] = { SHOP, DESK };
    for (size_t i = 0; i < 2; i++) {
        snprintf(json, sizeof json,
                 "{\"kind\":\"mailbox\",\"key\":\"%s\",\"object\":{\"address\":\"%s\",\"provider\":\"plain\",\"grant\":"
                 "\"basic\"}}",
                 addresses[i], addresses[i]);
        bench_ask(b, "object.put", json);
        assert_int_equal(b->status, 201);
    }
}

struct bench *bench_new(const char *limits)
{
    struct bench *b = mem_alloc(sizeof *b);
    disk_init();
    log_to_stderr(getenv("BENCH_LOG") != NULL);
    strcpy(b->dir, "/tmp/postern-queue-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->loop = loop_new_virtual(BENCH_START);
    b->is_open = true;
    b->conf.state = b->dir;
    b->conf.hostname = "gate.example";
    b->conf.queue.lifetime_s = 5 * 86400;
    b->conf.queue.bounce_lifetime_s = 86400;
    b->conf.queue.delay_notice_s = 4 * 3600;
    b->conf.queue.retry_first_s = 60;
    b->conf.queue.retry_max_s = 3600;
    b->conf.queue.history_s = 7 * 86400;
    b->conf.inbox.history_s = 90 * 86400;
    b->conf.limits.message_size = 150 << 20;
    b->conf.sendmail.mailbox = "";
    b->conf.sendmail.drop = mem_printf("%s/drop", b->dir);
    (void)mkdir(b->conf.sendmail.drop, 0700); /* as the parent does */
    open_queue(b);
    put_objects(b, limits);
    return b;
}

void bench_free(struct bench *b)
{
    char command[128];
    queue_free(b->q);
    loop_free(b->loop);
    for (size_t i = 0; i < b->count; i++)
        free(b->attempts[i].body);
    json_decref(b->answer);
    free(b->content);
    free((char *)b->conf.sendmail.drop);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    assert_int_equal(system(command), 0);
    free(b);
}

void bench_reopen(struct bench *b)
{
    queue_free(b->q);
    open_queue(b);
    bench_turn(b);
}

int bench_set_up(void **state)
{
    *state = bench_new(NULL);
    return 0;
}

int bench_tear_down(void **state)
{
    bench_disk_fails(0);
    bench_free(*state);
    return 0;
}

void bench_turn(struct bench *b)
{
    loop_turn(b->loop, 0);
}

void bench_advance(struct bench *b, int64_t seconds)
{
    loop_advance(b->loop, seconds * 1000);
    bench_turn(b);
}

static void on_submitted(void *ctx, uint64_t tag, uint64_t id, bool is_repeated, const struct fault *why)
{
    struct bench *b = ctx;
    b->id = id;
    b->is_repeated = is_repeated;
    b->answers++;
    fault_clear(&b->why);
    if (why)
        b->why = *why;
}

void bench_submit_raw(struct bench *b, const struct submit *m)
{
    queue_submit(b->q, m, on_submitted, b);
}

static struct submit submit_of(const char *mailbox, const char *app, const char *sender, struct submit_recipient *r,
                               size_t count)
{
    return (struct submit){ .tag = 1,
                            .app = app,
                            .mailbox = mailbox,
                            .sender = sender,
                            .peer = "[127.0.0.1]",
                            .session = "s",
                            .envid = "",
                            .size = sizeof BENCH_BODY - 1,
                            .recipients = r,
                            .recipients_count = count,
                            .body = BYTES_LIT(BENCH_BODY),
                            .fd = -1 };
}

uint64_t bench_submit(struct bench *b, const char *mailbox, const char *app, const char *sender, const char *to)
{
    struct submit_recipient r = { .address = to, .orcpt = "" };
    struct submit m = submit_of(mailbox, app, sender, &r, 1);
    b->id = 0;
    bench_submit_raw(b, &m);
    bench_turn(b);
    return b->id;
}

uint64_t bench_submit_many(struct bench *b, const char *mailbox, size_t recipients)
{
    struct submit_recipient *r = mem_alloc(recipients * sizeof *r);
    char(*addresses)[64] = mem_alloc(recipients * sizeof *addresses);
    for (size_t i = 0; i < recipients; i++) {
        snprintf(addresses[i], sizeof addresses[i], "r%zu@fabrikam.example", i);
        r[i] = (struct submit_recipient){ .address = addresses[i], .orcpt = "" };
    }
    struct submit m = submit_of(mailbox, "crm", mailbox, r, recipients);
    b->id = 0;
    bench_submit_raw(b, &m);
    bench_turn(b);
    free(r);
    free(addresses);
    return b->id;
}

struct bench_attempt *bench_attempt(struct bench *b, size_t i)
{
    if (i >= b->count)
        fail_msg("only %zu attempts were made", b->count);
    return &b->attempts[i];
}

void bench_answer_done(struct bench *b, size_t i, struct attempt_done done)
{
    struct bench_attempt *a = bench_attempt(b, i);
    assert_false(a->is_answered);
    a->is_answered = true;
    a->answered = loop_wall_ms(b->loop);
    done.tag = a->tag;
    done.host = done.host ? done.host : "smtp.example";
    done.dialogue = done.dialogue ? done.dialogue : "> MAIL\n< 250";
    queue_attempt_done(b->q, &done);
    bench_turn(b);
}

void bench_answer(struct bench *b, size_t i, enum attempt_class class, unsigned code, const char *enhanced,
                  const char *text)
{
    size_t count = bench_attempt(b, i)->recipients;
    struct attempt_result *results = mem_alloc(count * sizeof *results);
    for (size_t k = 0; k < count; k++)
        results[k] =
            (struct attempt_result){ .class = class, .code = code, .enhanced = enhanced, .text = text, .id = "" };
    bench_answer_done(b, i, (struct attempt_done){ .results = results, .results_count = count });
    free(results);
}

void bench_deliver(struct bench *b, size_t i)
{
    bench_answer(b, i, ATTEMPT_DELIVERED, 250, "2.0.0", "OK");
}

static void on_answered(void *ctx, const struct admin_answer *answer)
{
    struct bench *b = ctx;
    json_decref(b->answer);
    b->answer = json_loads(answer->json, 0, NULL);
    b->status = answer->status;
    if (answer->fd < 0)
        return;
    off_t size = lseek(answer->fd, 0, SEEK_END);
    free(b->content);
    b->content = mem_alloc((size_t)size + 1);
    assert_int_equal(pread(answer->fd, b->content, (size_t)size, 0), size);
}

json_t *bench_ask(struct bench *b, const char *verb, const char *json)
{
    struct admin_ask ask = { .tag = 5, .verb = verb, .json = json };
    queue_ask(b->q, &ask, on_answered, b);
    assert_non_null(b->answer);
    return b->answer;
}

static json_t *message(struct bench *b, uint64_t id)
{
    char json[64];
    snprintf(json, sizeof json, "{\"id\":\"%016llx\"}", (unsigned long long)id);
    bench_ask(b, "message.get", json);
    assert_int_equal(b->status, 200);
    return b->answer;
}

const char *bench_state(struct bench *b, uint64_t id)
{
    return json_string_value(json_object_get(message(b, id), "state"));
}

json_t *bench_recipient(struct bench *b, uint64_t id, size_t i)
{
    return json_array_get(json_object_get(message(b, id), "recipients"), i);
}
