/* tools/manual.c - the parts of the manual that are tables in the program, as mdoc. tools/update-manual puts them into the pages, so
 * that no setting, finding or switch can be there and not be written down. For developers; never installed. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "doctor/doctor_private.h"
#include "object/object.h"
#include "sandbox/switches.h"

/* ---- mdoc ---- */

static bool ends_sentence(char before, const char *at)
{
    return strchr(".!?", before) && *at == ' ' && isupper((unsigned char)at[1]);
}

/* Running text, each sentence on its line. A dash that begins a word is a minus sign, to be pasted. */
static void put_text(const char *text)
{
    char before = ' ';
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; before = *text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-' && (isspace((unsigned char)before) || strchr("-(\"", before)))
            fputs("\\-", stdout);
        else
            putchar(ends_sentence(before, text) ? '\n' : *text);
    }
}

static void put_line(const char *text)
{
    put_text(text);
    putchar('\n');
}

/* "queue" of "queue.lifetime", "" of "state". */
static size_t family_size(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? (size_t)(dot - name) : 0;
}

/* Closes the list before and opens one with a heading when a name belongs to another family than the one before it. */
static void begin_family(const char **last, const char *name)
{
    size_t size = family_size(name);
    if (*last && family_size(*last) == size && strncmp(*last, name, size) == 0)
        return;
    if (*last)
        puts(".El");
    if (size)
        printf(".Ss %.*s\n", (int)size, name);
    puts(".Bl -tag -width Ds");
    *last = name;
}

/* ---- postern.yaml(5) ---- */

static int put_settings(void)
{
    const char *last = NULL;
    struct conf_setting s;
    for (size_t i = 0; conf_setting_at(i, &s); i++) {
        begin_family(&last, s.name);
        printf(".It Cm %s\n", s.name);
        put_line(s.text);
        puts(".br");
        printf("Type: %s", s.type);
        if (*s.range && strcmp(s.range, "true, false") != 0)
            printf("; %s", s.range);
        if (*s.initial) {
            printf(".\nDefault: ");
            put_text(s.initial);
        }
        printf(".\n%s\n", s.is_reloadable ? "Taken over by a reload." : "Needs a restart.");
    }
    puts(".El");
    return 0;
}

/* ---- postern-provider(5) ---- */

static bool put_field(void *ctx, const struct object_field *f)
{
    char key[128];
    if (f->is_read_only)
        return true;
    snprintf(key, sizeof key, "%s", f->key);
    for (char *at = key; *at; at++)
        *at = *at == '_' ? '-' : *at; /* as it is written in YAML */
    printf(".It Cm %s\n", key);
    put_line(f->help);
    puts(".br");
    printf("Type: %s", f->type);
    if (*f->range) {
        fputs("; ", stdout);
        put_text(f->range);
    }
    printf(".%s\n", f->is_required ? "\nIt must be given." : "");
    return true;
}

static int put_provider(void)
{
    puts(".Bl -tag -width Ds");
    object_each_field(OBJECT_PROVIDER, put_field, NULL);
    puts(".El");
    return 0;
}

/* ---- postern-endpoint(5) ---- */

static int put_endpoint(void)
{
    puts(".Bl -tag -width Ds");
    object_each_field(OBJECT_ENDPOINT, put_field, NULL);
    puts(".El");
    return 0;
}

/* ---- postern-sandbox(1) ---- */

static int put_switches(void)
{
    puts(".Bl -tag -width Ds");
    for (size_t i = 0; i < SWITCH_COUNT; i++) {
        const struct switch_row *row = &switch_rows[i];
        printf(".It Cm %s\n", row->name);
        put_line(row->text);
        puts(".br");
        fputs("Takes: ", stdout);
        put_text(row->values);
        puts(".");
        if (*row->initial) {
            fputs("At first: ", stdout);
            put_text(row->initial);
            puts(".");
        }
        if (row->flags & SWITCH_COUNTED)
            puts("May be set for a number of uses.");
        if (row->flags & SWITCH_PROPAGATES)
            puts("Waits for\n.Cm propagation .");
    }
    puts(".El");
    return 0;
}

/* ---- postern-findings(7) ---- */

/* A row of any table. Several may share an id: the same matter in other words. */
struct row {
    const struct finding *finding;
    const struct smtp_row *smtp; /* or NULL, like the others */
    const struct session_row *session;
    const struct oauth_row *oauth;
};

static struct row rows[1024];
static size_t rows_count;

static void gather_smtp(const struct smtp_row *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows[rows_count++] = (struct row){ .finding = &table[i].finding, .smtp = &table[i] };
}

static void gather_session(const struct session_row *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows[rows_count++] = (struct row){ .finding = &table[i].finding, .session = &table[i] };
}

static void gather_oauth(const struct oauth_row *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows[rows_count++] = (struct row){ .finding = &table[i].finding, .oauth = &table[i] };
}

static void gather_plain(const struct finding *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows[rows_count++] = (struct row){ .finding = &table[i] };
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    int by_id = strcmp(left->finding->id, right->finding->id);
    return by_id ? by_id : (left->finding > right->finding) - (left->finding < right->finding);
}

static void gather(void)
{
    assert(finding_count() <= sizeof rows / sizeof rows[0]);
    gather_smtp(table_smtp_sign_in, table_smtp_sign_in_count);
    gather_smtp(table_smtp_message, table_smtp_message_count);
    gather_smtp(table_smtp_by_code, table_smtp_by_code_count);
    gather_session(table_imap, table_imap_count);
    gather_session(table_pop3, table_pop3_count);
    gather_oauth(table_oauth_user, table_oauth_user_count);
    gather_oauth(table_oauth_tenant, table_oauth_tenant_count);
    gather_oauth(table_oauth_app, table_oauth_app_count);
    gather_oauth(table_oauth_by_error, table_oauth_by_error_count);
    gather_plain(table_upstream, table_upstream_count);
    gather_plain(table_upstream_in, table_upstream_in_count);
    gather_plain(table_local, table_local_count);
    gather_plain(table_handed_in, table_handed_in_count);
    gather_plain(table_handoff, table_handoff_count);
    gather_plain(table_console, table_console_count);
    assert(rows_count == finding_count());
    qsort(rows, rows_count, sizeof rows[0], compare_rows);
}

static void begin_sign(bool *is_begun)
{
    fputs(*is_begun ? "; " : "Seen as: ", stdout);
    *is_begun = true;
}

static void put_smtp_sign(const struct smtp_pattern *p)
{
    if (p->code >= 10)
        printf("%d", p->code);
    else if (p->code)
        printf("any %d..", p->code);
    if (p->enhanced)
        printf("%s%s", p->code ? " " : "", p->enhanced);
    if (!p->says)
        return;
    printf("%s\\(dq", p->code || p->enhanced ? " " : "");
    put_text(p->says);
    fputs("\\(dq", stdout);
}

static void put_session_sign(const struct session_pattern *p)
{
    if (p->code)
        printf("[%s]", p->code);
    if (!p->says)
        return;
    printf("%s\\(dq", p->code ? " " : "");
    put_text(p->says);
    fputs("\\(dq", stdout);
}

static void put_signs(const struct row *row)
{
    bool is_begun = false;
    for (size_t i = 0; row->smtp && i < sizeof row->smtp->patterns / sizeof row->smtp->patterns[0]; i++) {
        const struct smtp_pattern *p = &row->smtp->patterns[i];
        if (!p->code && !p->enhanced && !p->says)
            break;
        begin_sign(&is_begun);
        put_smtp_sign(p);
    }
    for (size_t i = 0; row->session && i < sizeof row->session->patterns / sizeof row->session->patterns[0]; i++) {
        const struct session_pattern *p = &row->session->patterns[i];
        if (!p->code && !p->says)
            break;
        begin_sign(&is_begun);
        put_session_sign(p);
    }
    for (size_t i = 0; row->oauth && i < sizeof row->oauth->codes / sizeof row->oauth->codes[0]; i++) {
        if (!row->oauth->codes[i])
            break;
        begin_sign(&is_begun);
        printf("AADSTS%ld", row->oauth->codes[i]);
    }
    for (size_t i = 0; row->oauth && i < sizeof row->oauth->errors / sizeof row->oauth->errors[0]; i++) {
        if (!row->oauth->errors[i])
            break;
        begin_sign(&is_begun);
        put_text(row->oauth->errors[i]);
    }
    if (is_begun)
        puts(".");
}

static const char *doing_of(const struct finding *f)
{
    switch (f->kind) {
    case FAULT_HOLD:
        return f->pause_s ? "Mail waits; Postern tests the way out now and then." : "Mail waits for a person.";
    case FAULT_RETRY:
        return f->tries_before_hold ? "Postern tries again; if that goes on, mail waits for a person."
                                    : "Postern tries again by itself.";
    case FAULT_REJECT:
        return "Refused for good: the same again would fail again.";
    case FAULT_AUTH:
        return "The program is not let in.";
    default:
        return NULL;
    }
}

static void put_finding(const struct finding *f)
{
    put_line(f->cause);
    if (f->certainty != FINDING_CERTAIN)
        puts(f->certainty == FINDING_LIKELY ? "(Likely.)" : "(Possible.)");
    if (doing_of(f))
        puts(doing_of(f));
    puts(".Bl -enum -compact");
    for (size_t i = 0; f->fix && f->fix[i]; i++) {
        puts(".It");
        put_line(f->fix[i]);
    }
    puts(".El");
    printf("Who:\n.Sy %s .\n", finding_who_name(f->who));
}

static bool is_same(const struct finding *a, const struct finding *b)
{
    size_t i = 0;
    if (strcmp(a->cause, b->cause) != 0 || a->kind != b->kind || a->who != b->who)
        return false;
    while (a->fix[i] && b->fix[i] && strcmp(a->fix[i], b->fix[i]) == 0)
        i++;
    return !a->fix[i] && !b->fix[i];
}

static int put_findings(void)
{
    const char *last = NULL;
    gather();
    for (size_t i = 0; i < rows_count; i++) {
        const struct finding *f = rows[i].finding, *before = i ? rows[i - 1].finding : NULL;
        bool is_new = !before || strcmp(before->id, f->id) != 0;
        bool is_last = i + 1 == rows_count || strcmp(rows[i + 1].finding->id, f->id) != 0;
        if (is_new) {
            begin_family(&last, f->id);
            printf(".It Sy %s\n", f->id);
        }
        put_signs(&rows[i]);
        /* Rows that say the same are told together, after the last one's signs. */
        if (is_last || !is_same(f, rows[i + 1].finding))
            put_finding(f);
    }
    puts(".El");
    return 0;
}

/* ---- which one ---- */

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*put)(void);
    } parts[] = {
        { "settings", put_settings }, { "provider", put_provider }, { "endpoint", put_endpoint },
        { "switches", put_switches }, { "findings", put_findings },
    };
    for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[1]) == 0)
            return parts[i].put();
    }
    fputs("usage: manual settings|provider|endpoint|switches|findings\n", stderr);
    return 2;
}
