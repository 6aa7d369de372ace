/* doctor/finding_json.c - findings as the API, the commands and the pages show them, with this installation's values filled in. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"
#include "doctor/doctor_private.h"

enum { STEP_LIMIT = 4096, SEEN_LIMIT = 2048 };

const char *finding_who_name(enum finding_who who)
{
    switch (who) {
    case FINDING_ADMIN:
        return "admin";
    case FINDING_MAILBOX_OWNER:
        return "mailbox-owner";
    case FINDING_APP_OWNER:
        return "app-owner";
    case FINDING_POSTERN_ADMIN:
        return "postern-admin";
    case FINDING_NOBODY:
        break;
    }
    return "nobody";
}

const char *finding_certainty_name(enum finding_certainty certainty)
{
    switch (certainty) {
    case FINDING_LIKELY:
        return "likely";
    case FINDING_POSSIBLE:
        return "possible";
    case FINDING_CERTAIN:
        break;
    }
    return "certain";
}

/* The step may be pasted into PowerShell, and a sender's address comes from a stranger: nothing that a shell would act on. */
static bool is_plain(const char *value)
{
    if (text_is_empty(value) || *value == '-')
        return false;
    for (const char *at = value; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && !strchr("@._+-:%/", *at))
            return false;
    return true;
}

static const char *fact_of(const struct finding_facts *facts, const char *name, size_t size)
{
    const struct {
        const char *name, *value;
    } known[] = {
        { "mailbox", facts->mailbox },     { "tenant", facts->tenant },     { "client-id", facts->client_id },
        { "object-id", facts->object_id }, { "host", facts->host },         { "app", facts->app },
        { "sender", facts->sender },       { "endpoint", facts->endpoint },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == size && memcmp(known[i].name, name, size) == 0)
            return is_plain(known[i].value) ? known[i].value : NULL;
    return NULL;
}

char *finding_step_fill(const char *step, const struct finding_facts *facts)
{
    static const struct finding_facts none;
    struct buf out;
    const char *at = step;

    buf_init(&out, STEP_LIMIT);
    while (*at != '\0') {
        const char *open = strchr(at, '{');
        const char *close = open ? strchr(open, '}') : NULL;
        if (!close) {
            buf_add_str(&out, at);
            break;
        }
        size_t size = (size_t)(close - open) - 1;
        const char *value = fact_of(facts ? facts : &none, open + 1, size);
        buf_add(&out, at, (size_t)(open - at));
        if (value)
            buf_add_str(&out, value);
        else
            buf_addf(&out, "<%.*s>", (int)size, open + 1);
        at = close + 1;
    }
    char *filled = mem_strdup(buf_str(&out));
    buf_fini(&out);
    return filled;
}

/* A server's words may be anything; JSON wants UTF-8. */
static json_t *json_words(const char *text)
{
    char clean[SEEN_LIMIT];

    text_sanitize(bytes_of(text), clean, sizeof clean);
    return json_string(clean);
}

static json_t *json_fix(const struct finding *f, const struct finding_facts *facts)
{
    json_t *steps = json_array();

    for (const char *const *step = f->fix; step && *step; step++) {
        char *filled = finding_step_fill(*step, facts);
        json_array_append_new(steps, json_string(filled));
        free(filled);
    }
    return steps;
}

json_t *finding_json(const struct finding *f, const char *seen, const struct finding_facts *facts)
{
    char *cause = finding_step_fill(f->cause, facts);
    json_t *j = json_pack("{s:s, s:o, s:s, s:o, s:s, s:s}", "id", f->id, "seen", json_words(seen), "cause", cause,
                          "fix", json_fix(f, facts), "who", finding_who_name(f->who), "certainty",
                          finding_certainty_name(f->certainty));
    free(cause);
    return j;
}

/* Refused by our own rooms: the text already says what to do, steps would only repeat it. */
static const struct finding own_refusal = {
    .cause = "What was asked for can't be done as it stands; the words seen say why.",
    .fix = (const char *const[]){ NULL },
    .who = FINDING_POSTERN_ADMIN,
    .certainty = FINDING_CERTAIN,
};

static const struct finding passing = {
    .cause = "This may pass by itself; Postern goes on trying.",
    .fix = FIX("Look at the log around that time: postern log"),
    .who = FINDING_NOBODY,
    .certainty = FINDING_POSSIBLE,
};

static const struct finding unknown = {
    .cause = "Postern has no more to say of this than the words seen.",
    .fix = FIX("Look at the log around that time: postern log"),
    .who = FINDING_POSTERN_ADMIN,
    .certainty = FINDING_POSSIBLE,
};

json_t *finding_json_of_fault(const struct fault *why, const struct finding_facts *facts)
{
    const struct finding *known = finding_by_id(why->id);
    if (known)
        return finding_json(known, why->text, facts);
    bool is_own = why->kind == FAULT_REJECT || why->kind == FAULT_CONFIG;
    struct finding own = why->kind == FAULT_RETRY ? passing : is_own ? own_refusal : unknown;
    own.id = *why->id != '\0' ? why->id : "other";
    return finding_json(&own, why->text, facts);
}
