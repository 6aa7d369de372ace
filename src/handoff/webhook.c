/* handoff/webhook.c - one POST: the message as JSON, signed by the vault; and what its answer means.
 *
 * Only 2xx is success. Nearly everything else is a mistake in a setting or a program, which a person mends while the mail waits within
 * the endpoint's patience; so 410 alone parks at once: it is the one answer that says "for good, and I mean it". */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "handoff/webhook_json.h"

#define SIGN_MS 30000
#define ANSWER_MS 60000
#define ANSWER_LIMIT 4096 /* of the answer's body; the status is what counts */
#define WORDS 200
#define STEP (2u << 20) /* of attachments decoded and hashed in one turn: some ten milliseconds */

struct webhook {
    struct handoff_run *run;
    const struct letter *letter;
    struct letter_digest *digest;
    struct loop_timer next;
    struct buf body;
    int64_t signed_s;
    uint64_t tag;
    struct http_call *call; /* NULL: none is under way */
    struct loop_timer clock;
};

/* --- what an answer means --- */

static const struct {
    int from, to;
    enum handoff_result result;
    const char *finding;
} verdicts[] = {
    { 200, 299, HANDOFF_DONE, "" },
    { 300, 399, HANDOFF_RETRY, "webhook.redirect" },
    { 401, 401, HANDOFF_RETRY, "webhook.denied" },
    { 403, 403, HANDOFF_RETRY, "webhook.denied" },
    { 407, 407, HANDOFF_RETRY, "webhook.denied" },
    { 404, 405, HANDOFF_RETRY, "webhook.missing" },
    { 408, 409, HANDOFF_RETRY, "webhook.busy" }, /* 409: it still works on the attempt before */
    { 410, 410, HANDOFF_PARK, "webhook.gone" },
    { 413, 413, HANDOFF_RETRY, "webhook.too-large" },
    { 425, 425, HANDOFF_RETRY, "webhook.busy" },
    { 429, 429, HANDOFF_RETRY, "webhook.busy" },
    { 503, 503, HANDOFF_RETRY, "webhook.busy" },
    { 500, 599, HANDOFF_RETRY, "webhook.failed" },
    { 0, 999, HANDOFF_RETRY, "webhook.refused" },
};

static const char *const troubles[] = {
    [HTTP_FINE] = "",
    [HTTP_NO_NAME] = "webhook.dns",
    [HTTP_NO_CONNECT] = "webhook.unreachable",
    [HTTP_NO_TLS] = "webhook.tls",
    [HTTP_CERTIFICATE] = "webhook.tls",
    [HTTP_TIMEOUT] = "webhook.unreachable",
    [HTTP_TOO_LARGE] = "webhook.refused",
    [HTTP_BROKEN] = "webhook.unreachable",
};

/* The beginning of what it said, on one line, unless it is a page. */
static void words_of(const struct http_answer *a, char out[WORDS])
{
    struct bytes said = bytes_trim(a->body);
    char flat[WORDS];
    size_t size = 0;
    if (said.size == 0 || said.data[0] == '<') {
        out[0] = '\0';
        return;
    }
    for (; size < said.size && size + 1 < sizeof flat && said.data[size]; size++)
        flat[size] = said.data[size] < ' ' ? ' ' : (char)said.data[size];
    text_sanitize((struct bytes){ (const uint8_t *)flat, size }, out, WORDS);
}

static void judge(struct handoff_run *run, const struct http_answer *a)
{
    char words[WORDS];
    size_t i = 0;
    while (a->status < verdicts[i].from || a->status > verdicts[i].to)
        i++;
    words_of(a, words);
    run->outcome.retry_after_s = verdicts[i].result == HANDOFF_RETRY ? a->retry_after_s : 0;
    if (*a->redirect)
        handoff_finish(run, verdicts[i].result, verdicts[i].finding, "HTTP %d to %.300s", a->status, a->redirect);
    else
        handoff_finish(run, verdicts[i].result, verdicts[i].finding, "HTTP %d%s%s", a->status, words[0] ? ": " : "",
                       words);
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct webhook *w = ctx;
    w->call = NULL;
    loop_timer_stop(&w->clock);
    if (a->status)
        judge(w->run, a);
    else
        handoff_finish(w->run, HANDOFF_RETRY, troubles[a->trouble], "%s", a->why.text);
}

/* --- the call --- */

static void post(struct webhook *w, const char *signature)
{
    struct handoff_run *run = w->run;
    struct handoff *h = run->home;
    char id[17], attempt[12], stamp[120];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)run->job.id);
    snprintf(attempt, sizeof attempt, "%u", run->job.attempt);
    snprintf(stamp, sizeof stamp, "t=%lld,v1=%s", (long long)w->signed_s, signature);
    struct http_field fields[] = {
        { "Content-Type", "application/json" }, { "Postern-Id", id },      { "Postern-Attempt", attempt },
        { "Postern-Signature", stamp },         { "Idempotency-Key", id },
    };
    struct http_request request = {
        .url = run->endpoint->webhook.url,
        .method = "POST",
        .body = buf_bytes(&w->body),
        .fields = fields,
        .fields_count = sizeof fields / sizeof *fields,
        .timeout_s = 2 * ANSWER_MS / 1000, /* ours comes first, by the loop's clock */
        .answer_limit = ANSWER_LIMIT,
        .cut_answer = true,
    };
    if (!handoff_read_ca(run, run->endpoint->webhook.ca_file, "webhook.tls", &request.ca_pem))
        return;
    if (!h->http)
        h->http = http_curl_new(h->loop, "");
    loop_timer_start(&w->clock, ANSWER_MS);
    w->call = http_send(h->http, &request, on_answer, w);
}

static void on_clock(void *ctx)
{
    struct webhook *w = ctx;
    if (w->call)
        handoff_finish(w->run, HANDOFF_RETRY, "webhook.unreachable", "%s: no answer within %d seconds",
                       w->run->endpoint->webhook.url, ANSWER_MS / 1000);
    else
        handoff_finish(w->run, HANDOFF_RETRY, "webhook.key", "the vault does not answer");
}

/* "postern-webhook-1.TIME.SHA256": the words in front keep it from being anything else that the vault signs. */
static void ask_signature(struct webhook *w)
{
    struct handoff *h = w->run->home;
    uint8_t hash[32] = { 0 };
    char hex[65], text[160];
    EVP_Digest(w->body.data, w->body.size, hash, NULL, EVP_sha256(), NULL);
    hex_encode((struct bytes){ hash, sizeof hash }, hex, sizeof hex);
    w->signed_s = loop_wall_ms(h->loop) / 1000;
    snprintf(text, sizeof text, "postern-webhook-1.%lld.%s", (long long)w->signed_s, hex);
    w->tag = ++h->last_tag;
    loop_timer_start(&w->clock, SIGN_MS);
    if (!h->host.sign(h->ctx, w->tag, w->run->endpoint->name, text))
        handoff_finish(w->run, HANDOFF_RETRY, "webhook.key", "the vault can't be asked for a signature");
}

void handoff_signed(struct handoff *h, uint64_t tag, const char *signature, const struct fault *why)
{
    LIST_EACH (node, &h->runs) {
        struct handoff_run *run = LIST_OF(node, struct handoff_run, node);
        struct webhook *w = run->kind == &handoff_webhook ? run->state : NULL;
        if (!w || w->tag != tag || run->is_over)
            continue;
        w->tag = 0;
        if (signature)
            post(w, signature);
        else
            handoff_finish(run, HANDOFF_RETRY, "webhook.key", "no signature: %s", why ? why->text : "refused");
        return;
    }
}

/* Others have their turn between two steps of a large one. */
static void on_step(void *ctx)
{
    struct webhook *w = ctx;
    struct handoff_run *run = w->run;
    if (run->is_over)
        return;
    if (!letter_digest_step(w->digest, STEP))
        loop_timer_start(&w->next, 0);
    else if (!webhook_json(run, w->letter, &w->body))
        handoff_finish(run, HANDOFF_RETRY, "webhook.too-large", "over %u MB of JSON", WEBHOOK_BODY_LIMIT >> 20);
    else
        ask_signature(w);
}

static void start(struct handoff_run *run)
{
    struct webhook *w = arena_alloc(run->life, sizeof *w);
    w->run = run;
    run->state = w;
    buf_init(&w->body, WEBHOOK_BODY_LIMIT);
    loop_timer_init(&w->next, run->home->loop, on_step, w);
    loop_timer_init(&w->clock, run->home->loop, on_clock, w);
    if (!http_url_is_safe(run->endpoint->webhook.url))
        handoff_finish(run, HANDOFF_RETRY, "webhook.url", "%s is neither https nor this machine",
                       run->endpoint->webhook.url);
    if (run->is_over || !handoff_map(run))
        return;
    w->letter = handoff_letter(run, true);
    w->digest = letter_digest_new(w->letter, run->life);
    on_step(w);
}

static void stop(struct handoff_run *run)
{
    struct webhook *w = run->state;
    loop_timer_stop(&w->clock);
    loop_timer_stop(&w->next);
    letter_digest_free(w->digest);
    if (w->call)
        http_cancel(run->home->http, w->call);
    buf_fini(&w->body);
}

const struct handoff_kind handoff_webhook = { start, stop };
