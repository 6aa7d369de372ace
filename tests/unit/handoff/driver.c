/* handoff_driver ENDPOINT.json MESSAGE [ID [ATTEMPT]]: hands one message over and prints the outcome, for the system tests. Webhooks
 * are signed with the key in the environment, KEY. */
#include <fcntl.h>
#include <jansson.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "handoff/handoff.h"

static struct loop *loop;
static struct handoff *handoff;

static bool sign(void *ctx, uint64_t tag, const char *endpoint, const char *text)
{
    const char *key = getenv("KEY");
    unsigned char mac[32];
    unsigned size = sizeof mac;
    char hex[65];
    if (!key)
        return false;
    HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, strlen(text), mac, &size);
    hex_encode((struct bytes){ mac, sizeof mac }, hex, sizeof hex);
    handoff_signed(handoff, tag, hex, NULL);
    return true;
}

static void on_done(void *ctx, const struct handoff_outcome *o)
{
    static const char *const names[] = { "done", "retry", "park" };
    json_t *out = json_pack("{s:s,s:s,s:s,s:i}", "result", names[o->result], "text", o->text, "finding", o->finding,
                            "retry_after", (int)o->retry_after_s);
    json_dumpf(out, stdout, 0);
    json_decref(out);
    loop_stop(loop);
}

int main(int argc, char **argv)
{
    static const struct handoff_host host = { sign };
    struct arena *arena = arena_new();
    struct fault why = { .text = "usage: handoff_driver ENDPOINT.json MESSAGE [ID [ATTEMPT]]" };
    struct stat s = { .st_size = 0 };
    int fd = argc > 2 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
    json_t *json = argc > 2 ? json_load_file(argv[1], 0, NULL) : NULL;
    const struct endpoint *endpoint = json ? object_from_json(OBJECT_ENDPOINT, json, arena, &why) : NULL;
    if (!endpoint || fd < 0 || fstat(fd, &s) < 0) {
        fprintf(stderr, "%s\n", why.text);
        return 2;
    }
    loop = loop_new();
    struct resolver *resolver = resolver_new(loop);
    handoff = handoff_new(loop, resolver, "gate.example", &host, NULL);
    struct handoff_job job = {
        .endpoint = endpoint,
        .id = argc > 3 ? strtoull(argv[3], NULL, 16) : (uint64_t)loop_wall_ms(loop) << 20,
        .mailbox = endpoint->mailbox,
        .folder = "INBOX",
        .fd = fd,
        .size = (uint64_t)s.st_size,
        .attempt = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1,
        .received_ms = loop_wall_ms(loop),
        .queued_id = "",
        .raw_link = "",
    };
    handoff_start(handoff, &job, on_done, NULL);
    loop_run(loop);
    handoff_free(handoff);
    loop_turn(loop, 0);
    resolver_free(resolver);
    loop_free(loop);
    json_decref(json);
    arena_free(arena);
    return 0;
}
