/* bridge/report.c - what went wrong, for two readers: the log gets the whole finding, the program one line. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bridge/bridge_private.h"

enum front_refusal report_kind(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_HOLD:
    case FAULT_CONFIG:
    case FAULT_REJECT:
        return FRONT_NEEDS_PERSON;
    default:
        return FRONT_UNAVAILABLE;
    }
}

/* The finding with this mailbox's values in it; given. */
static json_t *told(const struct bridge *b, const char *app, const char *mailbox, const struct finding *f,
                    const char *words)
{
    const struct finding_facts facts = { .mailbox = mailbox,
                                         .tenant = b->entry ? b->entry->tenant : NULL,
                                         .app = app,
                                         .host = b->entry ? b->entry->server_host : NULL };
    return finding_json(f, words, &facts);
}

static void add_fix(json_t *finding, struct buf *out)
{
    json_t *step;
    size_t i;
    json_array_foreach(json_object_get(finding, "fix"), i, step)
        buf_addf(out, "%s%s", i ? "; " : "", json_string_value(step));
}

static const char *text_of(json_t *finding, const char *key)
{
    const char *text = json_string_value(json_object_get(finding, key));
    return text ? text : "";
}

static const char *const report_names[] = {
    [REPORT_REFUSED] = "bridge.refused",
    [REPORT_NOT_CONNECTED] = "bridge.not-connected",
    [REPORT_THROTTLED] = "bridge.throttled",
    [REPORT_REFUSED_MAIL] = "bridge.refused-mail",
};

void report_of(struct bridge *b, const char *app, const char *mailbox, enum report what, const struct finding *f,
               const char *words)
{
    json_t *finding = f ? told(b, app, mailbox, f, words) : NULL;
    struct buf fix;
    buf_init(&fix, 4096);
    add_fix(finding, &fix);
    log_warn(report_names[what], LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
             LOG_TEXT("app", app), LOG_TEXT("mailbox", mailbox), LOG_TEXT("host", b->far_name ? b->far_name : ""),
             LOG_TEXT("text", words), LOG_TEXT("finding", f ? f->id : ""), LOG_TEXT("cause", text_of(finding, "cause")),
             LOG_TEXT("fix", buf_str(&fix)), LOG_TEXT("who", f ? finding_who_name(f->who) : ""));
    buf_fini(&fix);
    json_decref(finding);
}

void report(struct bridge *b, enum report what, const struct finding *f, const char *words)
{
    report_of(b, b->app, b->mailbox, what, f, words);
}

void report_line(const struct bridge *b, const struct finding *f, const char *words, char out[TEXT_SIZE])
{
    json_t *finding = f ? told(b, b->app, b->mailbox, f, words) : NULL;
    char line[TEXT_SIZE];
    snprintf(line, sizeof line, "%s: %s", b->mailbox, f ? text_of(finding, "cause") : words);
    text_sanitize(bytes_of(line), out, TEXT_SIZE);
    json_decref(finding);
}

/* -- What the server said in passing -- */

/* "[UNAVAILABLE] text": the word in the bracket, and what stands behind it. */
static const char *take_code(const char *text, char code[64])
{
    size_t size = *text == '[' ? strcspn(text, "]") : 0;
    code[0] = '\0';
    if (size == 0 || text[size] != ']')
        return text;
    snprintf(code, 64, "%.*s", (int)size - 1, text + 1);
    return text + size + 1 + strspn(text + size + 1, " ");
}

static const char *behind_word(const char *text)
{
    text += strcspn(text, " ");
    return text + strspn(text, " ");
}

static const struct finding *judge_smtp(const char *when, const char *line)
{
    int code = (int)strtol(line, NULL, 10);
    const char *text = strlen(line) > 4 ? line + 4 : "";
    return finding_of_smtp(when, code, NULL, text);
}

const struct finding *report_judge(const struct bridge *b, const char *when, const char *line)
{
    char code[64];
    if (b->terms->protocol == FRONT_SMTP)
        return judge_smtp(when, line);
    const char *text = behind_word(line); /* the tag, "*" or "-ERR" */
    if (b->terms->protocol == FRONT_POP3) {
        text = take_code(text, code);
        return finding_of_pop3(when, code, text);
    }
    text = take_code(behind_word(text), code);
    return finding_of_imap(when, code, text);
}
