#include "inbox_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "object/object.h"

#define WALL_MS 1795251600000

/* -- dying: any call of the host may be the last one -- */

static bool survives(struct fixture *f, bool *arrives)
{
    if (f->is_dead) {
        *arrives = false;
        return false;
    }
    f->is_dead = f->dies_at && ++f->steps == f->dies_at;
    *arrives = !f->is_dead || f->dies_after;
    return !f->is_dead;
}

/* -- the queue role -- */

static void answer_later(struct fixture *f, uint64_t tag, uint64_t queued, bool is_refused)
{
    if (f->pending_count == KEPT_MAX)
        abort();
    f->pending[f->pending_count] = tag;
    f->pending_refused[f->pending_count] = is_refused || f->is_full;
    f->pending_queued[f->pending_count++] = queued;
}

static struct inbox_place *place_of(struct fixture *f, const char *endpoint, const char *mailbox, const char *folder)
{
    for (size_t n = 0; n < f->places_count; n++)
        if (text_equal(f->places[n].endpoint, endpoint) && text_equal(f->places[n].folder, folder) &&
            text_equal_nocase(f->places[n].mailbox, mailbox))
            return &f->places[n];
    return NULL;
}

static void forget_place(struct fixture *f, const struct inbox_place *m)
{
    struct inbox_place *p = place_of(f, m->endpoint, m->mailbox, m->folder);

    if (!p)
        return;
    free((char *)p->endpoint);
    free((char *)p->mailbox);
    free((char *)p->folder);
    *p = f->places[--f->places_count];
}

static bool host_place(void *ctx, const struct inbox_place *m)
{
    struct fixture *f = ctx;
    bool arrives;

    survives(f, &arrives);
    if (!arrives)
        return true;
    answer_later(f, m->tag, 0, false);
    if (f->is_full)
        return true;
    struct inbox_place *p = place_of(f, m->endpoint, m->mailbox, m->folder);
    if (m->is_removed) {
        forget_place(f, m);
        return true;
    }
    if (!p)
        p = &f->places[f->places_count++];
    struct inbox_place old = *p;
    *p = *m;
    p->endpoint = mem_strdup(m->endpoint);
    p->mailbox = mem_strdup(m->mailbox);
    p->folder = mem_strdup(m->folder);
    free((char *)old.endpoint);
    free((char *)old.mailbox);
    free((char *)old.folder);
    return true;
}

static const size_t texts[] = {
    offsetof(struct inbox_item, endpoint),    offsetof(struct inbox_item, mailbox),
    offsetof(struct inbox_item, folder),      offsetof(struct inbox_item, uidl),
    offsetof(struct inbox_item, fingerprint), offsetof(struct inbox_item, message_id),
    offsetof(struct inbox_item, sender),      offsetof(struct inbox_item, recipients),
    offsetof(struct inbox_item, subject),     offsetof(struct inbox_item, in_reply_to),
    offsetof(struct inbox_item, last),        offsetof(struct inbox_item, finding),
};

static const char **text_at(struct inbox_item *m, size_t n)
{
    return (const char **)(void *)((char *)m + texts[n]);
}

static void free_kept(struct kept *k)
{
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        free((char *)*text_at(&k->m, n));
}

static struct kept *kept_by_id(struct fixture *f, uint64_t id)
{
    for (size_t n = f->kept_count; n > 0; n--)
        if (f->kept[n - 1].m.id == id)
            return &f->kept[n - 1];
    return NULL;
}

static bool host_item(void *ctx, const struct inbox_item *m)
{
    struct fixture *f = ctx;
    bool arrives;

    survives(f, &arrives);
    if (!arrives)
        return true;
    assert_true(place_of(f, m->endpoint, m->mailbox, m->folder) || f->is_full);
    uint64_t queued = text_equal(m->in_reply_to, "<sent@ours>") ? 0xabc : 0;
    answer_later(f, m->tag, queued, f->refuses_items);
    if (f->is_full || f->refuses_items)
        return true;
    struct kept *k = kept_by_id(f, m->id), old = { 0 };
    if (!k) {
        if (f->kept_count == KEPT_MAX)
            abort();
        k = &f->kept[f->kept_count++];
    }
    old = *k;
    k->m = *m;
    k->has_body = old.has_body || m->fd >= 0;
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        *text_at(&k->m, n) = mem_strdup(*text_at(&k->m, n));
    free_kept(&old);
    return true;
}

static bool is_known(struct fixture *f, const struct inbox_lookup_ask *ask, const struct inbox_mark *mark)
{
    for (size_t n = 0; n < f->kept_count; n++) {
        const struct inbox_item *m = &f->kept[n].m;
        bool is_here = text_equal_nocase(m->mailbox, ask->mailbox) && text_equal(m->folder, ask->folder);
        if (!text_equal(m->endpoint, ask->endpoint))
            continue;
        if (is_here && *mark->fingerprint && text_equal(m->fingerprint, mark->fingerprint))
            return true;
        if (*mark->message_id && m->state != INBOX_SKIPPED && text_equal(m->message_id, mark->message_id))
            return true;
    }
    return false;
}

/* Answered at once: a lookup changes nothing, so there is nothing to die between. */
static bool host_lookup(void *ctx, const struct inbox_lookup_ask *ask)
{
    struct fixture *f = ctx;
    uint8_t known[INBOX_LOOKUP_MAX] = { 0 };
    bool arrives;

    if (!survives(f, &arrives))
        return true;
    for (size_t n = 0; n < ask->marks_count; n++)
        known[n] = is_known(f, ask, &ask->marks[n]);
    const struct inbox_lookup_answer m = { .tag = ask->tag, .is_ok = true, .known = { known, ask->marks_count } };
    inbox_lookup_answer(f->inbox, &m);
    return true;
}

static bool host_bounced(void *ctx, const struct inbox_bounced *m)
{
    struct fixture *f = ctx;

    f->bounced++;
    snprintf(f->last_bounced.message_id, sizeof f->last_bounced.message_id, "%s", m->message_id);
    snprintf(f->last_bounced.recipient, sizeof f->last_bounced.recipient, "%s", m->recipient);
    snprintf(f->last_bounced.status, sizeof f->last_bounced.status, "%s", m->status);
    return true;
}

/* -- vault and admin -- */

static bool host_token(void *ctx, const struct token_ask *ask)
{
    struct fixture *f = ctx;

    f->tokens_asked++;
    assert_non_null(strstr(ask->mailbox, "@contoso.example"));
    if (f->asks_count < 8)
        f->asks[f->asks_count++] = *ask;
    return true;
}

static bool host_sign(void *ctx, const struct sign_ask *ask)
{
    return true;
}

static void host_progress(void *ctx, const struct admin_progress *step)
{
    ((struct fixture *)ctx)->progress_count++;
}

static void host_answer(void *ctx, const struct admin_answer *a)
{
    struct fixture *f = ctx;

    free(f->answer);
    f->answer = mem_strdup(a->json);
    f->answer_status = a->status;
}

static void host_stopped(void *ctx)
{
    ((struct fixture *)ctx)->is_stopped = true;
}

/* -- what they say -- */

static void answer_saves(struct fixture *f)
{
    size_t count = f->pending_count;

    if (f->is_silent)
        return;
    for (size_t n = 0; n < count && !f->is_dead && f->inbox; n++) {
        const struct inbox_saved m = { .tag = f->pending[n],
                                       .is_ok = !f->pending_refused[n],
                                       .queued_id = f->pending_queued[n],
                                       .text = f->pending_refused[n] ? "full" : "" };
        inbox_saved(f->inbox, &m);
    }
    if (f->is_dead)
        return;
    memmove(f->pending, f->pending + count, (f->pending_count - count) * sizeof *f->pending);
    memmove(f->pending_queued, f->pending_queued + count, (f->pending_count - count) * sizeof *f->pending_queued);
    memmove(f->pending_refused, f->pending_refused + count, (f->pending_count - count) * sizeof *f->pending_refused);
    f->pending_count -= count;
}

static void answer_tokens(struct fixture *f)
{
    for (size_t n = 0; n < f->asks_count; n++) {
        if (f->asks[n].refused == f->serial) {
            f->serial++;
            f->token = f->next_token ? f->next_token : f->token;
        }
        const struct token_answer t = { .tag = f->asks[n].tag,
                                        .is_ok = !f->refuses_token,
                                        .sasl = OBJECT_SASL_XOAUTH2,
                                        .user = BOX,
                                        .secret = bytes_of(f->token),
                                        .serial = f->serial,
                                        .kind = FAULT_HOLD,
                                        .id = f->refuses_token ? "grant.missing" : "",
                                        .text = "nobody signed in" };
        inbox_token(f->inbox, &t);
    }
    f->asks_count = 0;
}

void fixture_turn(struct fixture *f)
{
    loop_turn(f->loop, 0);
    if (f->inbox && !f->is_dead)
        answer_saves(f);
    if (f->inbox && !f->is_dead)
        answer_tokens(f);
    if (f->is_dead) {
        fixture_die(f);
        fixture_start(f);
    }
}

void fixture_turns(struct fixture *f)
{
    for (int n = 0; n < 300; n++) {
        fixture_turn(f);
        if (n % 10 == 9)
            usleep(200); /* the kernel's own time, for loopback to carry what was written */
    }
}

void fixture_until(struct fixture *f, bool (*is_so)(struct fixture *f))
{
    for (int n = 0; n < 400000 && !is_so(f); n++) {
        fixture_turn(f);
        if (n % 40 == 39) {
            usleep(100);
            loop_advance(f->loop, 50);
        }
    }
    if (!is_so(f)) {
        for (size_t n = 0; n < f->kept_count && n < 20; n++)
            print_message("item %s state %u attempts %u uid %llu last %s\n", f->kept[n].m.subject, f->kept[n].m.state,
                          f->kept[n].m.attempts, (unsigned long long)f->kept[n].m.uid, f->kept[n].m.last);
        const char *heard = mail_server_heard(f->server);
        size_t size = strlen(heard);
        print_message("heard: ...%s\n", size > 2000 ? heard + size - 2000 : heard);
        fail_msg("it did not come to that");
    }
}

void fixture_pass(struct fixture *f, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms < 1000 ? ms : 1000;
        for (int n = 0; n < 12; n++)
            fixture_turn(f);
        loop_advance(f->loop, step);
        ms -= step;
    }
    fixture_turns(f);
}

/* -- its life -- */

static const struct inbox_host host = { host_token,   host_sign,     host_place,  host_item,   host_lookup,
                                        host_bounced, host_progress, host_answer, host_stopped };

static void tell_known(struct fixture *f, const struct inbox_place *p)
{
    for (size_t n = 0; n < f->kept_count; n++) {
        const struct inbox_item *m = &f->kept[n].m;
        bool is_open = m->state == INBOX_WAITING || m->state == INBOX_HANDED || m->state == INBOX_PARKED;
        struct inbox_key key = { .id = m->id, .uid = m->uid, .uidl = m->uidl };
        const struct inbox_known known = {
            .endpoint = p->endpoint, .mailbox = p->mailbox, .folder = p->folder, .keys = &key, .keys_count = 1
        };
        uint64_t number = p->protocol == OBJECT_POP3 ? m->id : m->uid;
        if (!is_open && text_equal(m->endpoint, p->endpoint) && text_equal(m->folder, p->folder) &&
            text_equal_nocase(m->mailbox, p->mailbox) && m->uidvalidity == p->uidvalidity && number >= p->floor)
            inbox_known(f->inbox, &known);
    }
}

void fixture_recall(struct fixture *f)
{
    struct inbox_recalled recalled = { 0 };

    f->pending_count = 0;
    inbox_queue_up(f->inbox);
    for (size_t n = 0; n < f->objects_count; n++) {
        const struct directory_object o = { .kind = f->kinds[n], .key = f->keys[n], .json = f->objects[n] };
        inbox_directory_object(f->inbox, &o);
    }
    inbox_directory_done(f->inbox);
    for (size_t n = 0; n < f->places_count; n++)
        inbox_place(f->inbox, &f->places[n]);
    for (size_t n = 0; n < f->kept_count; n++) {
        struct inbox_item m = f->kept[n].m;
        m.fd = -1;
        recalled.last_id = m.id > recalled.last_id ? m.id : recalled.last_id;
        if (m.state == INBOX_WAITING || m.state == INBOX_HANDED || m.state == INBOX_PARKED)
            inbox_item(f->inbox, &m);
    }
    for (size_t n = 0; n < f->places_count; n++)
        tell_known(f, &f->places[n]);
    inbox_recalled(f->inbox, &recalled);
}

void fixture_start(struct fixture *f)
{
    f->is_dead = false;
    f->asks_count = 0;
    f->inbox = inbox_new(f->loop, f->resolver, &f->settings, &host, f);
    inbox_vault_up(f->inbox);
    fixture_recall(f);
}

void fixture_die(struct fixture *f)
{
    struct inbox *old = f->inbox;

    f->is_dead = true; /* nothing of what it says while it is freed arrives */
    f->inbox = NULL;
    inbox_free(old);
    f->pending_count = 0;
}

int fixture_setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);

    log_init("test", LOG_LEVEL_DEBUG);
    log_to_stderr(getenv("TEST_LOG") != NULL);
    fake_handoff_fixture = f;
    f->kept = mem_alloc(KEPT_MAX * sizeof *f->kept);
    f->deliveries = mem_alloc(DELIVERIES_MAX * sizeof *f->deliveries);
    f->loop = loop_new_virtual(WALL_MS);
    f->resolver = resolver_new(f->loop);
    f->server = mail_server_new(f->loop);
    f->token = "token-one";
    f->serial = 1;
    snprintf(f->spool, sizeof f->spool, "/tmp/inbox-spool-XXXXXX");
    assert_non_null(mkdtemp(f->spool));
    f->settings = (struct inbox_settings){ .hostname = "gate.example",
                                           .spool = f->spool,
                                           .link_url = "",
                                           .idle_renew_ms = 9 * 60 * 1000,
                                           .retry_first_ms = 30 * 1000,
                                           .retry_max_ms = 30 * 60 * 1000,
                                           .connections = 2,
                                           .at_once = 4 };
    fixture_object(f, OBJECT_PROVIDER, "test",
                   "{\"name\":\"test\",\"issuer\":\"https://login.example/\","
                   "\"scopes\":{\"smtp\":\"s\",\"common\":\"openid\"},"
                   "\"smtp\":{\"host\":\"127.0.0.1\",\"port\":25,\"tls\":\"none\"},"
                   "\"imap\":{\"host\":\"127.0.0.1\",\"port\":%u,\"tls\":\"none\",\"sasl\":\"xoauth2\"},"
                   "\"pop3\":{\"host\":\"127.0.0.1\",\"port\":%u,\"tls\":\"none\",\"sasl\":\"xoauth2\"}}",
                   mail_server_imap_port(f->server), mail_server_pop3_port(f->server));
    fixture_object(f, OBJECT_REGISTRATION, "reg",
                   "{\"name\":\"reg\",\"provider\":\"test\",\"tenant\":\"contoso.example\",\"client_id\":\"c\"}");
    fixture_object(f, OBJECT_MAILBOX, BOX, "{\"address\":\"" BOX "\",\"registration\":\"reg\",\"grant\":\"code\"}");
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    if (f->inbox)
        fixture_die(f);
    mail_server_free(f->server);
    resolver_free(f->resolver);
    loop_turn(f->loop, 0);
    loop_free(f->loop);
    for (size_t n = 0; n < f->kept_count; n++)
        free_kept(&f->kept[n]);
    while (f->places_count > 0)
        forget_place(f, &f->places[0]);
    for (size_t n = 0; n < f->objects_count; n++)
        free(f->objects[n]);
    rmdir(f->spool);
    free(f->kept);
    free(f->deliveries);
    free(f->answer);
    free(f);
    return 0;
}

/* -- objects -- */

void fixture_object(struct fixture *f, unsigned kind, const char *key, const char *format, ...)
{
    char json[2048];
    va_list args;
    size_t n = 0;

    va_start(args, format);
    vsnprintf(json, sizeof json, format, args);
    va_end(args);
    while (n < f->objects_count && (f->kinds[n] != kind || strcmp(f->keys[n], key) != 0))
        n++;
    if (n == f->objects_count)
        f->objects_count++;
    else
        free(f->objects[n]);
    f->objects[n] = mem_strdup(json);
    f->kinds[n] = kind;
    snprintf(f->keys[n], sizeof f->keys[n], "%s", key);
    const struct directory_object o = { .kind = kind, .key = key, .json = json };
    if (f->inbox)
        inbox_directory_object(f->inbox, &o);
}

void fixture_remove_object(struct fixture *f, unsigned kind, const char *key)
{
    const struct directory_object o = { .kind = kind, .key = key, .is_removed = true, .json = "" };

    for (size_t n = 0; n < f->objects_count; n++)
        if (f->kinds[n] == kind && strcmp(f->keys[n], key) == 0) {
            free(f->objects[n]);
            f->objects_count--;
            f->objects[n] = f->objects[f->objects_count];
            f->kinds[n] = f->kinds[f->objects_count];
            memcpy(f->keys[n], f->keys[f->objects_count], sizeof f->keys[n]);
        }
    if (f->inbox)
        inbox_directory_object(f->inbox, &o);
}

void fixture_endpoint(struct fixture *f, const char *name, const char *more)
{
    fixture_object(f, OBJECT_ENDPOINT, name,
                   "{\"name\":\"%s\",\"mailbox\":\"" BOX "\",\"kind\":\"maildir\",\"maildir\":\"/tmp/nowhere\"%s}",
                   name, more);
}

/* -- looking at what came of it -- */

size_t fixture_delivered(const struct fixture *f, const char *subject)
{
    size_t count = 0;

    for (size_t n = 0; n < f->deliveries_count; n++)
        count += !subject || strcmp(f->deliveries[n].subject, subject) == 0;
    return count;
}

size_t fixture_count(const struct fixture *f, enum inbox_state state)
{
    size_t count = 0;

    for (size_t n = 0; n < f->kept_count; n++)
        count += f->kept[n].m.state == state;
    return count;
}

struct kept *fixture_kept(struct fixture *f, const char *subject)
{
    for (size_t n = 0; n < f->kept_count; n++)
        if (strcmp(f->kept[n].m.subject, subject) == 0)
            return &f->kept[n];
    return NULL;
}

char *fixture_message(const char *subject, const char *more)
{
    return mem_printf(
        "From: Anna <anna@fabrikam.example>\r\nTo: " BOX "\r\nSubject: %s\r\n"
        "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\nMessage-ID: <%s@fabrikam.example>\r\n%s\r\nhello %s\r\n",
        subject, subject, more, subject);
}

uint32_t fixture_add(struct fixture *f, const char *subject)
{
    char *text = fixture_message(subject, "");
    uint32_t uid = mail_server_add(f->server, text);

    free(text);
    return uid;
}
