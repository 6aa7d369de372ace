/* doctor/session.c - answers of IMAP and POP3 servers, walked from the top like SMTP's: the first row that fits counts, and each table
 * ends with rows for whatever came, so there is always a finding. */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "doctor/doctor_private.h"

enum { SENTENCE_SIZE = 1024 };

static unsigned when_from_name(const char *name)
{
    if (text_equal(name, "auth"))
        return IN_AUTH;
    if (!name || strcmp(name, "connect") == 0 || strcmp(name, "starttls") == 0 || strcmp(name, "idle") == 0)
        return IN_CONNECT;
    return IN_COMMAND;
}

static bool pattern_is_end(const struct session_pattern *p)
{
    return !p->code && !p->says && p->when == 0;
}

static bool pattern_matches(const struct session_pattern *p, unsigned when, const char *code, const char *sentence)
{
    if (p->when != 0 && (p->when & when) == 0)
        return false;
    if (p->code && strcasecmp(p->code, code) != 0)
        return false;
    return !p->says || strcasestr(sentence, p->says);
}

static const struct finding *search(const struct session_row *table, size_t count, const char *when, const char *code,
                                    const char *text)
{
    unsigned at = when_from_name(when);
    char sentence[SENTENCE_SIZE];

    finding_strip(text, sentence, sizeof sentence);
    for (size_t i = 0; i < count; i++) {
        const struct session_pattern *patterns = table[i].patterns;
        for (size_t j = 0; j < sizeof table[i].patterns / sizeof *patterns && !pattern_is_end(&patterns[j]); j++)
            if (pattern_matches(&patterns[j], at, code ? code : "", sentence))
                return &table[i].finding;
    }
    assert(!"the last rows take whatever comes");
    return NULL;
}

const struct finding *finding_of_imap(const char *when, const char *code, const char *text)
{
    return search(table_imap, table_imap_count, when, code, text);
}

const struct finding *finding_of_pop3(const char *when, const char *code, const char *text)
{
    return search(table_pop3, table_pop3_count, when, code, text);
}

const struct finding *finding_for_password(const struct finding *f)
{
    static const struct {
        const char *of_token, *of_password;
    } pairs[] = { { "imap.auth.refused", "imap.auth.password" }, { "pop3.auth.refused", "pop3.auth.password" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(f->id, pairs[i].of_token) == 0)
            return finding_by_id(pairs[i].of_password);
    return f;
}
