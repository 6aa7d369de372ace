/* The API, asked by curl over a real Unix socket, with scripted roles behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/arena.h"
#include "object/object.h"

/* What the far role heard, and what it will say. */
struct stage {
    char dir[64], socket[96], console[96], out[96];
    struct loop *loop;
    struct conf conf;
    struct admin *admin;
    struct channel *ours, *theirs;
    bool is_silent, was_cancelled, lists_operators;
    unsigned status, link_status;        /* of link.check */
    const char *json, *secret, *content; /* content: comes as a descriptor */
    char heard_verb[64], heard_json[2048], heard_secret[256];
    char audited[2048]; /* the last line for the audit */
    char sender[128], recipient[128], mailbox[128], body[512], app[64], subject[256], repeat[256];
    uint64_t body_size;
    bool body_in_fd;
    char answer[8192];
};

static void heard_ask(void *ctx, const void *message)
{
    struct stage *s = ctx;
    const struct admin_ask *m = message;
    if (strcmp(m->verb, "operator.list") == 0 && !s->lists_operators) {
        channel_send(s->theirs, ADMIN_ANSWER,
                     &(struct admin_answer){ .tag = m->tag, .status = 503, .json = "", .fd = -1 });
        return;
    }
    if (strcmp(m->verb, "audit.add") == 0) {
        snprintf(s->audited, sizeof s->audited, "%s", m->json);
        return;
    }
    snprintf(s->heard_verb, sizeof s->heard_verb, "%s", m->verb);
    snprintf(s->heard_json, sizeof s->heard_json, "%s", m->json);
    snprintf(s->heard_secret, sizeof s->heard_secret, "%.*s", (int)m->secret.size, (const char *)m->secret.data);
    if (s->is_silent)
        return;
    struct admin_progress step = { .tag = m->tag, .json = "{\"step\":\"name\",\"ok\":true}" };
    if (strcmp(m->verb, "mailbox.test") == 0)
        channel_send(s->theirs, ADMIN_PROGRESS, &step);
    bool is_link = strcmp(m->verb, "link.check") == 0;
    struct admin_answer a = { .tag = m->tag,
                              .status = is_link ? s->link_status : s->status,
                              .json = s->json,
                              .secret = bytes_of(s->secret),
                              .fd = -1 };
    if (s->content && strcmp(m->verb, "inbound.content") == 0) {
        a.fd = memfd_create("content", MFD_CLOEXEC);
        assert_int_equal(write(a.fd, s->content, strlen(s->content)), strlen(s->content));
    }
    channel_send(s->theirs, ADMIN_ANSWER, &a);
    if (a.fd >= 0)
        close(a.fd);
}

static void heard_cancel(void *ctx, const void *message)
{
    ((struct stage *)ctx)->was_cancelled = true;
}

static void heard_submit(void *ctx, const void *message)
{
    struct stage *s = ctx;
    const struct submit *m = message;
    snprintf(s->sender, sizeof s->sender, "%s", m->sender);
    snprintf(s->mailbox, sizeof s->mailbox, "%s", m->mailbox);
    snprintf(s->app, sizeof s->app, "%s", m->app);
    snprintf(s->subject, sizeof s->subject, "%s", m->subject);
    snprintf(s->repeat, sizeof s->repeat, "%s %s %zu", m->repeat_of, m->repeat_key, strlen(m->digest));
    snprintf(s->recipient, sizeof s->recipient, "%s", m->recipients[0].address);
    snprintf(s->body, sizeof s->body, "%.*s", (int)m->body.size, (const char *)m->body.data);
    struct stat st = { 0 };
    s->body_in_fd = m->fd >= 0 && fstat(m->fd, &st) == 0;
    s->body_size = s->body_in_fd ? (uint64_t)st.st_size : m->body.size;
    if (m->fd >= 0)
        close(m->fd);
    struct submit_done done = { .tag = m->tag, .id = 0xabc, .enhanced = "", .text = "" };
    channel_send(s->theirs, EDGE_SUBMIT_DONE, &done);
}

static void heard_answer(void *ctx, const void *message)
{
    admin_heard_answer(((struct stage *)ctx)->admin, message);
}

static void heard_progress(void *ctx, const void *message)
{
    admin_heard_progress(((struct stage *)ctx)->admin, message);
}

static void heard_submit_done(void *ctx, const void *message)
{
    admin_heard_submit_done(((struct stage *)ctx)->admin, message);
}

static const struct channel_row far_rows[] = {
    ADMIN_ROWS(heard_ask, NULL, NULL, heard_cancel),
    CHANNEL_ROW(EDGE_SUBMIT, submit, heard_submit),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, NULL),
    { 0 },
};
static const struct channel_row near_rows[] = {
    ADMIN_ROWS(NULL, heard_answer, heard_progress, NULL),
    CHANNEL_ROW(EDGE_SUBMIT, submit, NULL),
    CHANNEL_ROW(EDGE_SUBMIT_DONE, submit_done, heard_submit_done),
    { 0 },
};

static void channel_over(void *ctx, const struct fault *why)
{
}

static void ask_parent(void *ctx, uint64_t tag, const char *json)
{
    struct stage *s = ctx;
    admin_parent_answered(s->admin, tag,
                          strstr(json, "reload") ? "{\"title\":\"Bad file\",\"detail\":\"x:1:2: no\",\"findings\":[]}"
                                                 : "{\"roles\":[]}");
}

static int stage_up(void **state)
{
    struct stage *s = mem_alloc(sizeof *s);
    strcpy(s->dir, "/tmp/test-admin-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->socket, sizeof s->socket, "%s/admin.sock", s->dir);
    snprintf(s->out, sizeof s->out, "%s/out", s->dir);
    char spool[96];
    snprintf(spool, sizeof spool, "%s/spool", s->dir);
    mkdir(spool, 0700);
    s->conf = (struct conf){ .state = s->dir, .hostname = "host.test" };
    s->conf.limits.message_size = 1 << 20;
    s->conf.limits.recipients = 1000;
    s->conf.console.address = "127.0.0.1:8025";
    s->conf.console.public_url = s->conf.console.certificate = s->conf.console.key = "";
    s->conf.console.session_s = 3600;
    s->conf.console.session_idle_s = 600;
    s->conf.console.originals = "administrators";
    s->conf.sendmail.mailbox = "";
    s->conf.log.events = s->out;
    s->status = 200;
    s->json = "{\"name\":\"x\"}";
    s->loop = loop_new();
    struct fault why;
    int fd = admin_socket_open(s->socket, "", &why);
    assert_true(fd >= 0);
    snprintf(s->console, sizeof s->console, "%s/console.sock", s->dir);
    int console = admin_socket_open(s->console, "", &why);
    s->admin = admin_new(s->loop, fd, &s->conf, ask_parent, s, &why);
    assert_non_null(s->admin);
    admin_console(s->admin, &(struct parent_listener){ .number = 1, .address = "127.0.0.1:8025", .fd = console });
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    s->ours = channel_new(s->loop, pair[0], near_rows, channel_over, s);
    s->theirs = channel_new(s->loop, pair[1], far_rows, channel_over, s);
    for (int peer = ADMIN_PEER_QUEUE; peer <= ADMIN_PEER_INBOX; peer++)
        admin_set_peer(s->admin, (enum admin_peer)peer, s->ours);
    *state = s;
    return 0;
}

static int stage_down(void **state)
{
    struct stage *s = *state;
    admin_free(s->admin);
    channel_free(s->ours);
    channel_free(s->theirs);
    loop_turn(s->loop, 0);
    loop_free(s->loop);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

static pid_t curl_start(struct stage *s, const char *const *args)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    const char *argv[32] = { "curl", "-sS", "--max-time", "20", "--unix-socket", s->socket, "-w", "\n%{http_code}" };
    size_t n = 8;
    while (*args)
        argv[n++] = *args++;
    int out = open(s->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, 1);
    execvp("curl", (char **)(uintptr_t)argv);
    _exit(127);
}

/* Status of the answer; its body stands in s->answer. */
static int curl(struct stage *s, const char *const *args)
{
    pid_t child = curl_start(s, args);
    int status;
    while (waitpid(child, &status, WNOHANG) == 0)
        loop_turn(s->loop, 10);
    FILE *f = fopen(s->out, "r");
    s->answer[fread(s->answer, 1, sizeof s->answer - 1, f)] = '\0';
    fclose(f);
    char *code = strrchr(s->answer, '\n');
    assert_non_null(code);
    *code = '\0';
    return atoi(code + 1);
}

#define API "http://localhost/api/v1"
#define CURL(s, ...) curl(s, (const char *const[]){ __VA_ARGS__, NULL })

static void a_request_becomes_a_verb(void **state)
{
    struct stage *s = *state;
    assert_int_equal(CURL(s, API "/apps/my%20erp"), 200);
    assert_string_equal(s->heard_verb, "object.get");
    assert_string_equal(s->heard_json, "{\"kind\":\"app\",\"key\":\"my erp\"}");
    assert_string_equal(s->answer, "{\"name\":\"x\"}");
}

static void what_is_not_there_is_said(void **state)
{
    struct stage *s = *state;
    assert_int_equal(CURL(s, API "/nothing"), 404);
    assert_int_equal(CURL(s, API "/status/", "-X", "GET"), 404);
    assert_int_equal(CURL(s, API "/status", "-X", "DELETE"), 405);
    assert_int_equal(CURL(s, API "/apps/a", "-X", "PUT", "-d", "{nonsense"), 400);
    assert_non_null(strstr(s->answer, "column"));
    assert_int_equal(CURL(s, API "/apps/a", "-X", "PUT", "-d", "[1]"), 400);
}

static void a_refusal_keeps_its_status_and_findings(void **state)
{
    struct stage *s = *state;
    s->status = 409;
    s->json = "{\"title\":\"In use\",\"detail\":\"d\",\"findings\":[]}";
    assert_int_equal(CURL(s, API "/providers/p", "-X", "DELETE"), 409);
    assert_non_null(strstr(s->answer, "\"status\":409"));
    assert_non_null(strstr(s->answer, "In use"));
}

static void a_secret_travels_apart_from_the_json(void **state)
{
    struct stage *s = *state;
    s->status = 204;
    s->json = "";
    assert_int_equal(CURL(s, API "/registrations/r/secret", "-X", "PUT", "-d", "{\"secret\":\"s3cret\"}"), 204);
    assert_string_equal(s->heard_verb, "registration.secret");
    assert_string_equal(s->heard_secret, "s3cret");
    assert_null(strstr(s->heard_json, "s3cret"));
    assert_int_equal(CURL(s, API "/registrations/r/secret", "-X", "PUT", "-d", "{}"), 422);
    assert_non_null(strstr(s->audited, "\"action\":\"secret\""));
    assert_non_null(strstr(s->audited, "\"kind\":\"local\""));
}

static void a_password_is_shown_once(void **state)
{
    struct stage *s = *state;
    s->secret = "abcd-efgh";
    assert_int_equal(CURL(s, API "/apps/a/password", "-X", "POST"), 200);
    assert_string_equal(s->answer, "{\"name\":\"x\",\"password\":\"abcd-efgh\"}");
}

static void a_role_that_is_away_is_a_503(void **state)
{
    struct stage *s = *state;
    admin_set_peer(s->admin, ADMIN_PEER_QUEUE, NULL);
    assert_int_equal(CURL(s, API "/apps"), 503);
    assert_non_null(strstr(s->answer, "queue role"));
}

static void a_role_that_dies_while_asked_is_a_503(void **state)
{
    struct stage *s = *state;
    s->is_silent = true;
    pid_t child = curl_start(s, (const char *const[]){ API "/apps", NULL });
    while (!s->heard_verb[0])
        loop_turn(s->loop, 10);
    admin_set_peer(s->admin, ADMIN_PEER_QUEUE, NULL);
    int status;
    while (waitpid(child, &status, WNOHANG) == 0)
        loop_turn(s->loop, 10);
    char text[1024] = "";
    FILE *f = fopen(s->out, "r");
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_non_null(strstr(text, "\n503"));
}

static void an_asker_that_goes_away_cancels(void **state)
{
    struct stage *s = *state;
    s->is_silent = true;
    pid_t child = curl_start(s, (const char *const[]){ API "/authorizations/1/wait", NULL });
    while (!s->heard_verb[0])
        loop_turn(s->loop, 10);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (!s->was_cancelled)
        loop_turn(s->loop, 10);
}

static void a_test_streams_its_steps(void **state)
{
    struct stage *s = *state;
    s->json = "{\"ok\":true,\"steps\":[],\"findings\":[]}";
    assert_int_equal(CURL(s, API "/mailboxes/a@b.example/test", "-X", "POST", "-d", "{}"), 200);
    assert_string_equal(s->answer, "{\"step\":\"name\",\"ok\":true}\n{\"ok\":true,\"steps\":[],\"findings\":[]}\n");
}

#define LINK "http://localhost/raw/0000000000000abc?ends=99999999999&signature=00ff"
#define CONSOLE(s, ...) CURL(s, "--unix-socket", (s)->console, __VA_ARGS__)

static void a_signed_link_leads_to_the_message_and_nothing_else_does(void **state)
{
    static const char *const wrong[] = {
        "http://localhost/raw/0000000000000abc",
        "http://localhost/raw/0000000000000abc?ends=1&signature=00ff",
        "http://localhost/raw/xyz?ends=99999999999&signature=00ff",
        "http://localhost/raw/abc",
    };
    struct stage *s = *state;
    s->link_status = 204;
    s->content = "Subject: x\r\n\r\nhello\r\n";
    assert_int_equal(CONSOLE(s, LINK), 200);
    assert_string_equal(s->answer, s->content);
    assert_string_equal(s->heard_json, "{\"id\":\"0000000000000abc\"}");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s->heard_verb[0] = '\0';
        assert_int_equal(CONSOLE(s, wrong[i]), 404);
        assert_string_equal(s->heard_verb, ""); /* nobody is even asked */
    }
    assert_int_equal(CONSOLE(s, "-X", "POST", LINK), 405);
    s->link_status = 404;
    assert_int_equal(CONSOLE(s, LINK), 404);
    assert_string_equal(s->heard_verb, "link.check");
    assert_string_equal(s->heard_json,
                        "{\"text\":\"postern raw link\\n0000000000000abc\\n99999999999\",\"signature\":\"00ff\"}");
    s->link_status = 204;
    s->status = 404;
    s->content = NULL; /* not kept any more */
    assert_int_equal(CONSOLE(s, LINK), 404);
    assert_string_equal(s->answer, "There is nothing here, or not any more.\n");
}

static void a_stranger_gets_pages_and_learns_nothing_else(void **state)
{
    struct stage *s = *state;
    static const char *const paths[] = { "/status", "/nothing", "/apps/x", "/messages" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char url[128];
        snprintf(url, sizeof url, API "%s", paths[i]);
        assert_int_equal(CONSOLE(s, url), 401);
        assert_non_null(strstr(s->answer, "\"console.sign-in\""));
        assert_int_equal(CONSOLE(s, url, "-X", "POST", "-d", "{}"), 401);
    }
    assert_string_equal(s->heard_verb, "");
    assert_int_equal(CONSOLE(s, "http://localhost/"), 200);
    assert_non_null(strstr(s->answer, "<!doctype html>"));
    assert_int_equal(CONSOLE(s, "http://localhost/mailboxes/shop@contoso.example"), 200);
    assert_int_equal(CONSOLE(s, "http://localhost/ui/index.html", "--compressed"), 200);
    assert_non_null(strstr(s->answer, "<!doctype html>"));
    assert_int_equal(CONSOLE(s, "http://localhost/ui/../../../etc/passwd", "--path-as-is"), 404);
    assert_int_equal(CONSOLE(s, "http://localhost/ui/%2e%2e/index.html", "--path-as-is"), 404);
    assert_int_equal(CONSOLE(s, "http://localhost/a/..%2f..%2fetc/passwd", "--path-as-is"), 404);
    assert_int_equal(CONSOLE(s, "http://localhost/ui/none.js"), 404);
    assert_int_equal(CONSOLE(s, "http://localhost/", "-X", "POST", "-d", "{}"), 404);
}

static void other_sites_and_other_names_are_turned_away(void **state)
{
    struct stage *s = *state;
    assert_int_equal(CONSOLE(s, "http://evil.example/"), 421);
    assert_non_null(strstr(s->answer, "console.host"));
    assert_int_equal(CONSOLE(s, "http://127.0.0.1/"), 200);
    assert_int_equal(CONSOLE(s, "http://[::1]:8025/"), 200);
    assert_int_equal(CONSOLE(s, "http://host.test/"), 200);
    s->conf.console.public_url = "https://Mail.Example.org:8443/x/";
    assert_int_equal(CONSOLE(s, "http://mail.example.org/"), 200);
    assert_int_equal(CONSOLE(s, API "/session", "-d", "{}", "-H", "Origin: https://evil.example"), 403);
    assert_non_null(strstr(s->answer, "console.csrf"));
    assert_int_equal(CONSOLE(s, API "/session", "-d", "{}", "-H", "Origin: null"), 403);
    assert_int_equal(CONSOLE(s, API "/session", "-d", "{}", "-H", "Sec-Fetch-Site: cross-site"), 403);
    assert_int_equal(CONSOLE(s, API "/session", "-d", "{}", "-H", "Sec-Fetch-Site: same-site"), 403);
    /* A form can't have this type. */
    assert_int_equal(CONSOLE(s, API "/session", "-d", "{}", "-H", "Origin: http://localhost"), 415);
    assert_int_equal(CONSOLE(s, API "/session", "-d", "{}", "-H", "Origin: https://mail.example.org:8443", "-H",
                             "Content-Type: application/json; charset=utf-8"),
                     422);
    assert_non_null(strstr(s->answer, "\"pointer\":\"/name\""));
    assert_string_equal(s->heard_verb, "");
}

static void what_the_vault_says_of_a_password_is_passed_on(void **state)
{
    struct stage *s = *state;
    const char *json = "Content-Type: application/json", *body = "{\"name\":\"anna\",\"password\":\"s3cret\"}";
    s->status = 401;
    s->json = "{}";
    assert_int_equal(CONSOLE(s, API "/session", "-H", json, "-d", body), 401);
    assert_string_equal(s->heard_verb, "operator.check");
    assert_string_equal(s->heard_secret, "s3cret");
    assert_null(strstr(s->heard_json, "s3cret"));
    assert_non_null(strstr(s->answer, "console.password"));
    s->status = 429;
    s->json = "{\"retry_after\":17}";
    assert_int_equal(CONSOLE(s, API "/session", "-H", json, "-d", body, "-i"), 429);
    assert_non_null(strstr(s->answer, "Retry-After: 17\r\n"));
    s->status = 404; /* a vault that does not know the question */
    assert_int_equal(CONSOLE(s, API "/session", "-H", json, "-d", body), 503);
    s->status = 401;
    assert_int_equal(CONSOLE(s, API "/status", "-H", "Authorization: Bearer postern.a.b", "-i"), 401);
    assert_string_equal(s->heard_verb, "key.check");
    assert_string_equal(s->heard_secret, "postern.a.b");
    assert_non_null(strstr(s->answer, "console.key"));
    assert_non_null(strstr(s->answer, "WWW-Authenticate: Bearer"));
    assert_int_equal(CONSOLE(s, API "/status", "-u", "erp:pass word:x"), 401);
    assert_string_equal(s->heard_verb, "app.check");
    assert_string_equal(s->heard_secret, "pass word:x");
    assert_int_equal(CONSOLE(s, API "/status", "-H", "Authorization: Basic !!!"), 401);
    assert_int_equal(CONSOLE(s, API "/status", "-H", "Authorization: Digest x"), 401);
    assert_int_equal(CONSOLE(s, API "/status", "-H", "Cookie: postern=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                     401);
    assert_int_equal(CURL(s, API "/roles", "-H", "Authorization: Bearer nonsense"), 200); /* the socket asks nobody */
}

static void an_app_sends_and_does_nothing_else(void **state)
{
    struct stage *s = *state;
    struct directory_object app = { .kind = OBJECT_APP,
                                    .key = "erp",
                                    .json = "{\"name\":\"erp\",\"mailboxes\":[\"shop@b.example\"]}" };
    admin_heard_object(s->admin, &app);
    s->json = "{\"app\":\"erp\",\"mailbox\":\"shop@b.example\"}";
    assert_int_equal(CONSOLE(s, API "/session", "-u", "erp:x"), 200);
    assert_non_null(strstr(s->answer, "\"kind\":\"app\""));
    assert_non_null(strstr(s->answer, "\"rights\":[\"send\",\"inbox\"]"));
    assert_int_equal(CONSOLE(s, API "/apps", "-u", "erp:x"), 403);
    assert_non_null(strstr(s->answer, "lacks the right 'read'"));
    assert_int_equal(CONSOLE(s, API "/mailboxes/shop@b.example/inbox", "-u", "erp:x"), 404); /* no endpoint keeps it */
    assert_int_equal(CONSOLE(s, API "/mailboxes/other@b.example/inbox", "-u", "erp:x"), 403);
    assert_non_null(strstr(s->answer, "console.mailbox"));
    assert_int_equal(CONSOLE(s, API "/nothing", "-u", "erp:x"), 404);
}

static void an_app_sends_as_its_mailboxes_and_sees_its_own(void **state)
{
    struct stage *s = *state;
    const char *json = "Content-Type: application/json";
    struct directory_object objects[] = {
        { .kind = OBJECT_PROVIDER,
          .key = "p",
          .json = "{\"name\":\"p\",\"smtp\":{\"host\":\"h\",\"port\":25,\"tls\":\"none\",\"sasl\":\"none\"}}" },
        { .kind = OBJECT_MAILBOX,
          .key = "shop@b.example",
          .json = "{\"address\":\"shop@b.example\",\"provider\":\"p\",\"grant\":\"none\"}" },
        { .kind = OBJECT_MAILBOX,
          .key = "crm@b.example",
          .json = "{\"address\":\"crm@b.example\",\"provider\":\"p\",\"grant\":\"none\"}" },
        { .kind = OBJECT_APP, .key = "erp", .json = "{\"name\":\"erp\",\"mailboxes\":[\"shop@b.example\"]}" },
        { .kind = OBJECT_APP,
          .key = "forced",
          .json = "{\"name\":\"forced\",\"mailboxes\":[\"shop@b.example\"],\"force_sender\":\"shop@b.example\"}" },
    };
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        admin_heard_object(s->admin, &objects[i]);
    s->json = "{\"app\":\"erp\",\"mailbox\":\"shop@b.example\"}";
    assert_int_equal(CONSOLE(s, API "/messages", "-u", "erp:x", "-H", json, "-H", "Idempotency-Key: 17", "-d",
                             "{\"from\":\"shop@b.example\",\"to\":\"a@c.example\",\"subject\":\"Gr\\u00fc\\u00dfe\"}"),
                     202);
    assert_string_equal(s->app, "erp");
    assert_string_equal(s->mailbox, "shop@b.example");
    assert_string_equal(s->subject, "Gr\xc3\xbc\xc3\x9f\x65");
    assert_string_equal(s->repeat, "app:erp 17 64");
    assert_int_equal(CONSOLE(s, API "/messages", "-u", "erp:x", "-H", json, "-d",
                             "{\"from\":\"crm@b.example\",\"to\":\"a@c.example\"}"),
                     403);
    assert_non_null(strstr(s->answer, "app 'erp' may not send as crm@b.example"));
    assert_int_equal(CONSOLE(s, API "/messages", "-u", "erp:x", "-H", json, "-d",
                             "{\"from\":\"shop@b.example\",\"to\":\"a@c.example\",\"mailbox\":\"crm@b.example\"}"),
                     403);
    /* The envelope says one thing, From another. */
    assert_int_equal(CONSOLE(s, API "/messages", "-u", "erp:x", "-H", "Content-Type: message/rfc822", "-H",
                             "X-Postern-Sender: shop@b.example", "-H", "X-Postern-Recipient: a@c.example",
                             "--data-binary", "From: crm@b.example\r\n\r\nx\r\n"),
                     403);
    s->json = "{\"app\":\"forced\",\"mailbox\":\"shop@b.example\"}";
    assert_int_equal(CONSOLE(s, API "/messages", "-u", "forced:x", "-H", json, "-d",
                             "{\"from\":\"Me <me@home.example>\",\"to\":\"a@c.example\"}"),
                     202);
    assert_string_equal(s->sender, "shop@b.example");
    assert_non_null(strstr(s->body, "From: Me <shop@b.example>\r\n"));
    assert_non_null(strstr(s->body, "Reply-To: Me <me@home.example>\r\n"));
    assert_int_equal(CONSOLE(s, API "/messages/0000000000000abc", "-u", "forced:x"), 200);
    assert_string_equal(s->heard_verb, "message.get");
    assert_non_null(strstr(s->heard_json, "\"own\":\"forced\""));
    assert_int_equal(CONSOLE(s, API "/messages?q=x", "-u", "forced:x"), 200);
    assert_non_null(strstr(s->heard_json, "\"own\":\"forced\""));
    assert_int_equal(CONSOLE(s, API "/messages/0000000000000abc/content", "-u", "forced:x"), 403);
}

static void a_setup_link_is_for_who_is_here_and_works_once(void **state)
{
    struct stage *s = *state;
    char token[64], body[256];
    s->json = "{\"items\":[]}";
    assert_int_equal(CONSOLE(s, API "/session"), 200);
    assert_non_null(strstr(s->answer, "\"setup\":false")); /* the vault is away: who knows */
    s->lists_operators = true;
    assert_int_equal(CONSOLE(s, API "/session"), 200);
    assert_non_null(strstr(s->answer, "\"setup\":true"));
    assert_int_equal(CONSOLE(s, API "/setup/link", "-X", "POST"), 401);
    assert_int_equal(CURL(s, API "/setup/link", "-X", "POST"), 200);
    const char *at = strstr(s->answer, "http://127.0.0.1:8025/setup#");
    assert_non_null(at);
    snprintf(token, sizeof token, "%.43s", strchr(at, '#') + 1);
    snprintf(body, sizeof body, "{\"token\":\"%.42s!\",\"name\":\"anna\",\"password\":\"p\"}", token);
    assert_int_equal(CONSOLE(s, API "/setup", "-H", "Content-Type: application/json", "-d", body), 403);
    assert_non_null(strstr(s->answer, "console.setup-link"));
    snprintf(body, sizeof body, "{\"token\":\"%s\",\"name\":\"anna\",\"password\":\"p\"}", token);
    s->status = 422; /* too short: the link is still good */
    assert_int_equal(CONSOLE(s, API "/setup", "-H", "Content-Type: application/json", "-d", body), 422);
    assert_int_equal(CURL(s, API "/setup/link", "-X", "POST"), 200); /* a newer one: this is worthless */
    assert_int_equal(CONSOLE(s, API "/setup", "-H", "Content-Type: application/json", "-d", body), 403);
}

static void a_key_is_made_for_an_endpoint_that_is_there(void **state)
{
    struct stage *s = *state;
    s->secret = "00ff";
    assert_int_equal(CURL(s, API "/endpoints/e/key", "-X", "POST", "-d", "{\"key\":\"our own words here\"}"), 200);
    assert_string_equal(s->heard_verb, "endpoint.key");
    assert_string_equal(s->heard_secret, "our own words here");
    assert_null(strstr(s->heard_json, "our own"));
    assert_non_null(strstr(s->answer, "\"key\":\"00ff\""));
    s->status = 404;
    s->json = "{\"title\":\"No\",\"detail\":\"there is no endpoint e\",\"findings\":[]}";
    assert_int_equal(CURL(s, API "/endpoints/e/key", "-X", "POST"), 404);
    assert_string_equal(s->heard_verb, "object.get");
}

static void the_status_survives_what_is_missing(void **state)
{
    struct stage *s = *state;
    s->status = 503;
    assert_int_equal(CURL(s, API "/status"), 200);
    assert_non_null(strstr(s->answer, "\"roles\":[]"));
    assert_int_equal(CURL(s, API "/reload", "-X", "POST"), 422);
    assert_non_null(strstr(s->answer, "x:1:2"));
}

static void give_mailbox(struct stage *s)
{
    const char *provider = "{\"name\":\"p\",\"smtp\":{\"host\":\"h\",\"port\":25,\"tls\":\"none\",\"sasl\":\"none\"}}";
    const char *mailbox = "{\"address\":\"shop@b.example\",\"provider\":\"p\",\"grant\":\"none\"}";
    struct directory_object objects[] = {
        { .kind = OBJECT_PROVIDER, .key = "p", .json = provider },
        { .kind = OBJECT_MAILBOX, .key = "shop@b.example", .json = mailbox },
    };
    for (size_t i = 0; i < 2; i++)
        admin_heard_object(s->admin, &objects[i]);
}

static void a_message_is_handed_to_the_queue(void **state)
{
    struct stage *s = *state;
    give_mailbox(s);
    assert_int_equal(
        CURL(s, API "/messages", "-H", "X-Postern-Sender: shop@b.example", "-H", "X-Postern-Recipient: a@c.example",
             "-H", "Content-Type: message/rfc822", "--data-binary",
             "From: shop@b.example\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"),
        202);
    assert_string_equal(s->answer, "{\"id\":\"0000000000000abc\"}");
    assert_string_equal(s->sender, "shop@b.example");
    assert_string_equal(s->mailbox, "shop@b.example");
    assert_string_equal(s->recipient, "a@c.example");
    assert_string_equal(
        s->body, "From: shop@b.example\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n");
}

static void a_large_message_goes_by_descriptor(void **state)
{
    struct stage *s = *state;
    give_mailbox(s);
    char path[96], at_path[100];
    snprintf(path, sizeof path, "%s/large", s->dir);
    snprintf(at_path, sizeof at_path, "@%s", path);
    FILE *f = fopen(path, "w");
    fputs("From: shop@b.example\r\nDate: x\r\nMessage-ID: <1@x>\r\n\r\n", f);
    for (int i = 0; i < 3000; i++)
        fprintf(f, "%098d\r\n", i);
    long size = ftell(f);
    fclose(f);
    assert_int_equal(CURL(s, API "/messages", "-H", "X-Postern-Sender: shop@b.example", "-H",
                          "X-Postern-Recipient: a@c.example", "-H", "Content-Type: message/rfc822", "--data-binary",
                          at_path),
                     202);
    assert_true(s->body_in_fd);
    assert_int_equal(s->body_size, size);
}

static void a_message_that_can_not_be_taken_is_refused(void **state)
{
    struct stage *s = *state;
    assert_int_equal(CURL(s, API "/messages", "-X", "POST"), 422);
    assert_int_equal(CURL(s, API "/messages", "-d", "x", "-H", "X-Postern-Sender: a@b.example"), 422);
    assert_int_equal(CURL(s, API "/messages", "-d", "x", "-H", "X-Postern-Sender: a@b.example", "-H",
                          "X-Postern-Recipient: nonsense"),
                     422);
    assert_non_null(strstr(s->answer, "\"part\":\"X-Postern-Recipient\""));
    give_mailbox(s);
    assert_int_equal(CURL(s, API "/messages", "-H", "X-Postern-Sender: shop@b.example", "-H",
                          "X-Postern-Recipient: a@b.example", "-H", "Content-Type: message/rfc822", "--data-binary",
                          "From: shop@b.example\r\n\r\na\n.\nb"),
                     400);
    assert_non_null(strstr(s->answer, "bare LF"));
    s->conf.limits.message_size = 10;
    assert_int_equal(CURL(s, API "/messages", "-d", "From: shop@b.example and more", "-H",
                          "X-Postern-Sender: shop@b.example", "-H", "X-Postern-Recipient: a@b.example"),
                     413);
    assert_non_null(strstr(s->answer, "message-size"));
}

static void the_log_is_filtered(void **state)
{
    struct stage *s = *state;
    char events[96];
    snprintf(events, sizeof events, "%s/events", s->dir);
    s->conf.log.events = events;
    FILE *f = fopen(events, "w");
    fputs("{\"level\":\"info\",\"event\":\"mail.accepted\",\"message\":\"01\"}\n"
          "{\"level\":\"info\",\"event\":\"mail.accepted\",\"message\":\"02\"}\n"
          "not json\n"
          "{\"level\":\"debug\",\"event\":\"x\",\"message\":\"02\"}\n",
          f);
    fclose(f);
    assert_int_equal(CURL(s, API "/log?message=02&level=info"), 200);
    assert_string_equal(s->answer, "{\"level\":\"info\",\"event\":\"mail.accepted\",\"message\":\"02\"}\n");
    assert_int_equal(CURL(s, API "/log?level=loud"), 400);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct stage *s = *state;
    struct fault why;
    assert_int_equal(admin_socket_open(s->socket, "", &why), -1);
    assert_non_null(strstr(why.text, "another daemon"));
    char stale[96];
    snprintf(stale, sizeof stale, "%s/stale.sock", s->dir);
    int fd = admin_socket_open(stale, "", &why);
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(stat(stale, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(fd);
    fd = admin_socket_open(stale, "", &why);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(admin_socket_open(stale, "no-such-group", &why), -1);
    assert_non_null(strstr(why.text, "no-such-group"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_up, stage_down)
    const struct CMUnitTest tests[] = {
        CASE(a_request_becomes_a_verb),
        CASE(what_is_not_there_is_said),
        CASE(a_refusal_keeps_its_status_and_findings),
        CASE(a_secret_travels_apart_from_the_json),
        CASE(a_password_is_shown_once),
        CASE(a_role_that_is_away_is_a_503),
        CASE(a_role_that_dies_while_asked_is_a_503),
        CASE(an_asker_that_goes_away_cancels),
        CASE(a_test_streams_its_steps),
        CASE(a_signed_link_leads_to_the_message_and_nothing_else_does),
        CASE(a_stranger_gets_pages_and_learns_nothing_else),
        CASE(other_sites_and_other_names_are_turned_away),
        CASE(what_the_vault_says_of_a_password_is_passed_on),
        CASE(an_app_sends_and_does_nothing_else),
        CASE(an_app_sends_as_its_mailboxes_and_sees_its_own),
        CASE(a_setup_link_is_for_who_is_here_and_works_once),
        CASE(a_key_is_made_for_an_endpoint_that_is_there),
        CASE(the_status_survives_what_is_missing),
        CASE(a_message_is_handed_to_the_queue),
        CASE(a_large_message_goes_by_descriptor),
        CASE(a_message_that_can_not_be_taken_is_refused),
        CASE(the_log_is_filtered),
        CASE(a_stale_socket_is_replaced_and_a_live_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
