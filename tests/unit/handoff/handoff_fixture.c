#include "handoff_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct stage stage;

static bool sign(void *ctx, uint64_t tag, const char *endpoint, const char *text)
{
    if (stage.cannot_sign)
        return false;
    assert_string_equal(endpoint, "files");
    stage.sign_tag = tag;
    snprintf(stage.sign_text, sizeof stage.sign_text, "%s", text);
    if (stage.signs_at_once)
        handoff_signed(stage.handoff, tag, "5160000000000000000000000000000000000000000000000000000000000000", NULL);
    return true;
}

static void open_on(struct loop *loop)
{
    static const struct handoff_host host = { sign };
    memset(&stage, 0, sizeof stage);
    log_to_stderr(false);
    strcpy(stage.dir, "/tmp/postern-handoff-XXXXXX");
    assert_non_null(mkdtemp(stage.dir));
    stage.loop = loop;
    stage.resolver = resolver_new(stage.loop);
    stage.handoff = handoff_new(stage.loop, stage.resolver, "gate.example", &host, NULL);
    stage.signs_at_once = true;
    stage.endpoint = (struct endpoint){ .name = "files", .mailbox = "box@corp.example", .folder = "" };
    stage.job = (struct handoff_job){
        .endpoint = &stage.endpoint,
        /* Made a second after the hand-off began. */
        .id = (uint64_t)(loop_wall_ms(stage.loop) + 1000) << 20 | 7,
        .mailbox = "box@corp.example",
        .folder = "INBOX",
        .fd = -1,
        .attempt = 1,
        .received_ms = 1764363600123,
        .queued_id = "",
        .raw_link = "",
    };
    stage_message("Return-Path: <joe@example.org>\r\nFrom: Joe <joe@example.org>\r\nTo: box@corp.example\r\nSubject: "
                  "Hello\r\nMessage-ID: <1@example.org>\r\n\r\nline one\r\n.\r\nend\r\n");
}

int stage_open_virtual(void **state)
{
    open_on(loop_new_virtual(1764363600000));
    return 0;
}

int stage_open(void **state)
{
    open_on(loop_new());
    return 0;
}

static int drop(const char *path, const struct stat *s, int flag, struct FTW *at)
{
    return remove(path);
}

int stage_close(void **state)
{
    handoff_free(stage.handoff);
    loop_turn(stage.loop, 0);
    resolver_free(stage.resolver);
    loop_free(stage.loop);
    close(stage.job.fd);
    chmod(stage.dir, 0700);
    nftw(stage.dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

const char *stage_path(const char *name)
{
    static char paths[8][256];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", stage.dir, name);
    return path;
}

void stage_octets(struct bytes octets)
{
    if (stage.job.fd >= 0)
        close(stage.job.fd);
    stage.job.fd = open(stage.dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    assert_true(stage.job.fd >= 0);
    for (size_t at = 0; at < octets.size;) {
        ssize_t n = write(stage.job.fd, octets.data + at, octets.size - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    stage.job.size = octets.size;
}

void stage_message(const char *text)
{
    stage_octets(bytes_of(text));
}

void stage_file(const char *name, const char *text, int mode)
{
    int fd = open(stage_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

const char *stage_read(const char *name)
{
    static char text[65536];
    int fd = open(stage_path(name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n >= 0);
    text[n] = '\0';
    return text;
}

static void on_done(void *ctx, const struct handoff_outcome *outcome)
{
    stage.outcomes++;
    stage.run = NULL;
    stage.result = outcome->result;
    stage.retry_after_s = outcome->retry_after_s;
    snprintf(stage.text, sizeof stage.text, "%s", outcome->text);
    snprintf(stage.finding, sizeof stage.finding, "%s", outcome->finding);
}

void stage_start(void)
{
    int before = stage.outcomes;
    stage.wanted = before + 1;
    stage.run = handoff_start(stage.handoff, &stage.job, on_done, NULL);
    assert_int_equal(stage.outcomes, before); /* never from inside the call */
}

void stage_turn(void)
{
    /* A virtual loop does not wait for descriptors by itself. */
    poll(NULL, 0, 1);
    loop_turn(stage.loop, 5);
}

void stage_wait(void)
{
    for (int i = 0; i < 10000 && stage.outcomes < stage.wanted; i++)
        stage_turn();
    assert_int_equal(stage.outcomes, stage.wanted);
}

void stage_run(void)
{
    stage_start();
    stage_wait();
}

void stage_expect(enum handoff_result result, const char *finding, const char *text)
{
    if (!strstr(stage.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, stage.text);
    assert_string_equal(stage.finding, finding);
    assert_int_equal(stage.result, result);
}
