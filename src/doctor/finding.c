/* doctor/finding.c - walks the tables: which row an answer belongs to, and every row by id.
 *
 * Never decides on an overloaded number alone: 5.7.139, 5.2.0 and 5.2.252 each stand for several matters, so their
 * rows ask for words, and what no words matched falls through to the cautious rows by code. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "doctor/doctor_private.h"

enum { SENTENCE_SIZE = 1024, ENHANCED_SIZE = 16 };

struct answer {
    unsigned when;
    int code;
    char enhanced[ENHANCED_SIZE];
    char sentence[SENTENCE_SIZE];
};

static unsigned when_from_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned when;
    } names[] = { { "connect", AT_CONNECT }, { "starttls", AT_CONNECT }, { "idle", AT_CONNECT }, { "auth", AT_AUTH },
                  { "mail", AT_MAIL },       { "rcpt", AT_RCPT },        { "data", AT_DATA },    { "body", AT_BODY } };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_equal(name, names[i].name))
            return names[i].when;
    return AT_CONNECT;
}

/* "4.3.2 words": the enhanced code's length, or 0. */
static size_t enhanced_length(const char *text)
{
    const char *at = text;

    if (*at != '2' && *at != '4' && *at != '5')
        return 0;
    at++;
    for (int part = 0; part < 2; part++) {
        size_t digits = *at == '.' ? strspn(at + 1, "0123456789") : 0;
        if (digits == 0 || digits > 3)
            return 0;
        at += 1 + digits;
    }
    return *at == '\0' || *at == ' ' ? (size_t)(at - text) : 0;
}

/* A sentence that brings its own enhanced code gives it to an answer that has none. */
static void answer_fill(struct answer *a, const char *enhanced, const char *text)
{
    char whole[SENTENCE_SIZE];
    finding_strip(text, whole, sizeof whole);
    const char *sentence = whole;
    size_t length = enhanced_length(sentence);

    if (text_is_empty(enhanced) && length > 0 && length < sizeof a->enhanced) {
        memcpy(a->enhanced, sentence, length);
        a->enhanced[length] = '\0';
    } else {
        snprintf(a->enhanced, sizeof a->enhanced, "%s", enhanced ? enhanced : "");
    }
    sentence += length;
    snprintf(a->sentence, sizeof a->sentence, "%s", sentence + strspn(sentence, " "));
}

/* "4.7.500-699" covers a range of the last number. */
static bool enhanced_matches(const char *pattern, const char *enhanced)
{
    const char *dash = strchr(pattern, '-');
    if (!dash)
        return strcmp(pattern, enhanced) == 0;

    const char *last = strrchr(pattern, '.');
    size_t prefix = (size_t)(last - pattern) + 1;
    uint64_t number;
    if (strncmp(pattern, enhanced, prefix) != 0 || !text_to_u64(enhanced + prefix, 999, &number))
        return false;
    return number >= strtoul(last + 1, NULL, 10) && number <= strtoul(dash + 1, NULL, 10);
}

static bool pattern_is_end(const struct smtp_pattern *p)
{
    return p->code == 0 && !p->enhanced && !p->says && p->when == 0;
}

static bool pattern_matches(const struct smtp_pattern *p, const struct answer *a)
{
    if (p->when != 0 && (p->when & a->when) == 0)
        return false;
    if (p->code != 0 && p->code != (p->code < 10 ? a->code / 100 : a->code))
        return false;
    if (p->enhanced && !enhanced_matches(p->enhanced, a->enhanced))
        return false;
    return !p->says || strcasestr(a->sentence, p->says);
}

static const struct finding *search(const struct smtp_row *table, size_t count, const struct answer *a)
{
    for (size_t i = 0; i < count; i++) {
        const struct smtp_pattern *patterns = table[i].patterns;
        for (size_t j = 0; j < sizeof table[i].patterns / sizeof *patterns && !pattern_is_end(&patterns[j]); j++)
            if (pattern_matches(&patterns[j], a))
                return &table[i].finding;
    }
    return NULL;
}

/* "530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 ...": what counts is the refusal inside. */
static const struct finding *search_embedded(const struct answer *outer)
{
    const char *inside = strcasestr(outer->sentence, "Error: 5");
    struct answer a = { .when = AT_AUTH };

    if (!inside)
        return NULL;
    inside += strlen("Error: ");
    a.code = (int)strtoul(inside, NULL, 10);
    if (a.code < 500 || a.code > 599 || inside[3] != ' ')
        return NULL;
    answer_fill(&a, "", inside + 4);
    return search(table_smtp_sign_in, table_smtp_sign_in_count, &a);
}

const struct finding *finding_of_smtp(const char *when, int code, const char *enhanced, const char *text)
{
    struct answer a = { .when = when_from_name(when), .code = code };
    const struct finding *f;

    answer_fill(&a, enhanced, text);
    f = search_embedded(&a);
    if (!f)
        f = search(table_smtp_sign_in, table_smtp_sign_in_count, &a);
    if (!f)
        f = search(table_smtp_message, table_smtp_message_count, &a);
    if (f && f->kind == FAULT_REJECT && (a.when & AT_SIGN_IN) != 0)
        f = NULL; /* nothing that is said before MAIL may bounce a message */
    if (!f)
        f = search(table_smtp_by_code, table_smtp_by_code_count, &a);
    return f ? f : finding_by_id("smtp.protocol");
}

static const struct finding *search_code(const struct oauth_row *table, size_t count, long aadsts)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof table[i].codes / sizeof *table[i].codes && table[i].codes[j] != 0; j++)
            if (table[i].codes[j] == aadsts)
                return &table[i].finding;
    return NULL;
}

static const struct finding *search_every_code(long aadsts)
{
    const struct finding *f = NULL;

    if (aadsts <= 0)
        return NULL;
    f = search_code(table_oauth_user, table_oauth_user_count, aadsts);
    if (!f)
        f = search_code(table_oauth_tenant, table_oauth_tenant_count, aadsts);
    return f ? f : search_code(table_oauth_app, table_oauth_app_count, aadsts);
}

static const struct finding *search_error(const char *error)
{
    for (size_t i = 0; i < table_oauth_by_error_count; i++) {
        const struct oauth_row *row = &table_oauth_by_error[i];
        for (size_t j = 0; j < sizeof row->errors / sizeof *row->errors && row->errors[j]; j++)
            if (strcmp(row->errors[j], error) == 0)
                return &row->finding;
    }
    return NULL;
}

/* Answers that say nothing about the grant: an outage must never cost one. NULL: this one does say something. */
static const struct finding *transient_oauth(const char *error, int http_status)
{
    if (http_status == 0)
        return finding_by_id("provider.unreachable");
    if (http_status == 429)
        return finding_by_id("oauth.throttled");
    if (http_status >= 500 || strcmp(error, "server_error") == 0 || strcmp(error, "temporarily_unavailable") == 0)
        return finding_by_id("oauth.server-error");
    if (*error == '\0')
        return finding_by_id(http_status == 404 ? "oauth.wrong-address" : "oauth.unreadable");
    return NULL;
}

/* Microsoft promises only `error`; numbers explain, and may make a refusal milder (transient) but never an outage graver. */
const struct finding *finding_of_oauth(const char *error, long aadsts, const char *suberror, int http_status)
{
    const char *name = error ? error : "";
    const struct finding *by_code = search_every_code(aadsts);
    const struct finding *transient = transient_oauth(name, http_status);

    if (transient)
        return by_code && by_code->kind == FAULT_RETRY ? by_code : transient;
    if (strcmp(name, "invalid_grant") == 0 && suberror &&
        (strcmp(suberror, "client_mismatch") == 0 || strcmp(suberror, "protection_policy_required") == 0))
        return finding_by_id("oauth.client-policy");
    if (by_code)
        return by_code;
    const struct finding *by_error = search_error(name);
    return by_error ? by_error : finding_by_id("oauth.refused");
}

/* One numbering over all tables, so that whoever walks them needs not know how many there are. */
#define ROWS(table) \
    { \
        &(table)[0].finding, sizeof *(table), &table##_count \
    }
#define FINDINGS(table) \
    { \
        &(table)[0], sizeof *(table), &table##_count \
    }
static const struct {
    const struct finding *first;
    size_t stride;
    const size_t *count;
} sections[] = {
    ROWS(table_smtp_sign_in),   ROWS(table_smtp_message), ROWS(table_smtp_by_code),    ROWS(table_imap),
    ROWS(table_pop3),           ROWS(table_oauth_user),   ROWS(table_oauth_tenant),    ROWS(table_oauth_app),
    ROWS(table_oauth_by_error), FINDINGS(table_upstream), FINDINGS(table_upstream_in), FINDINGS(table_local),
    FINDINGS(table_handed_in),  FINDINGS(table_handoff),  FINDINGS(table_console),
};

size_t finding_count(void)
{
    size_t total = 0;

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        total += *sections[i].count;
    return total;
}

const struct finding *finding_at(size_t index)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (index < *sections[i].count)
            return (const struct finding *)(const void *)((const char *)sections[i].first + index * sections[i].stride);
        index -= *sections[i].count;
    }
    return NULL;
}

const struct finding *finding_by_id(const char *id)
{
    if (text_is_empty(id))
        return NULL;
    for (size_t i = 0; i < finding_count(); i++)
        if (strcmp(finding_at(i)->id, id) == 0)
            return finding_at(i);
    return NULL;
}
