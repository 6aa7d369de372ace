/* Reading messages back: one, its parts, all that are open, and the administrator's lists. */
#include "store/sqlite_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Columns as in MESSAGE_COLUMNS. Texts are the statement's until `arena` copies them. */
static void read_message(sqlite3_stmt *q, struct store_message *m)
{
    *m = (struct store_message){
        .id = (uint64_t)sqlite3_column_int64(q, 0),
        .mailbox = sqlite_text(q, 1),
        .state = (enum store_state)sqlite3_column_int(q, 2),
        .flags = (uint32_t)sqlite3_column_int64(q, 3),
        .accepted = sqlite3_column_int64(q, 4),
        .expires = sqlite3_column_int64(q, 5),
        .next_attempt = sqlite3_column_int64(q, 6),
        .finished = sqlite3_column_int64(q, 7),
        .attempts = (uint32_t)sqlite3_column_int64(q, 8),
        .size = (uint64_t)sqlite3_column_int64(q, 9),
        .ret = (uint32_t)sqlite3_column_int64(q, 10),
        .app = sqlite_text(q, 11),
        .sender = sqlite_text(q, 12),
        .peer = sqlite_text(q, 13),
        .session = sqlite_text(q, 14),
        .envid = sqlite_text(q, 15),
        .message_id = sqlite_text(q, 16),
        .subject = sqlite_text(q, 17),
    };
}

bool store_message_get(struct store *s, uint64_t id, struct arena *arena, struct store_message *out, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_MESSAGE_GET, VALUES(NUMBER(id)), why);
    if (!q)
        return false;
    enum sqlite_row row = sqlite_next(s, q, why);
    if (row == SQLITE_ROW_THERE) {
        read_message(q, out);
        const char **texts[] = { &out->mailbox, &out->app,   &out->sender,     &out->peer,
                                 &out->session, &out->envid, &out->message_id, &out->subject };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            *texts[i] = arena_strdup(arena, *texts[i]);
    }
    sqlite_end(q);
    if (row == SQLITE_ROW_NONE)
        fault_set(why, FAULT_REJECT, "queue.unknown",
                  "there is no message %016llx; finished ones are forgotten after a while", (unsigned long long)id);
    return row == SQLITE_ROW_THERE;
}

static void read_recipient(sqlite3_stmt *q, struct arena *arena, struct store_recipient *r)
{
    *r = (struct store_recipient){
        .number = (uint32_t)sqlite3_column_int64(q, 0),
        .address = arena_strdup(arena, sqlite_text(q, 1)),
        .orcpt = arena_strdup(arena, sqlite_text(q, 2)),
        .notify = (uint32_t)sqlite3_column_int64(q, 3),
        .state = (enum store_recipient_state)sqlite3_column_int(q, 4),
        .attempts = (uint32_t)sqlite3_column_int64(q, 5),
        .next_attempt = sqlite3_column_int64(q, 6),
        .code = (uint32_t)sqlite3_column_int64(q, 7),
        .enhanced = arena_strdup(arena, sqlite_text(q, 8)),
        .last = arena_strdup(arena, sqlite_text(q, 9)),
        .finding = arena_strdup(arena, sqlite_text(q, 10)),
    };
}

/* Rows into an array that doubles in the arena: what is left behind is at most as much again. */
static bool read_recipients(struct store *s, sqlite3_stmt *q, struct arena *arena, struct store_recipient **out,
                            size_t *count, struct fault *why)
{
    size_t room = 0;
    enum sqlite_row row;
    *out = NULL;
    *count = 0;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        if (*count == room) {
            struct store_recipient *more = arena_array(arena, room ? room * 2 : 1, sizeof *more);
            if (room)
                memcpy(more, *out, room * sizeof *more);
            room = room ? room * 2 : 1;
            *out = more;
        }
        read_recipient(q, arena, &(*out)[(*count)++]);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

bool store_recipient_list(struct store *s, uint64_t id, struct arena *arena, struct store_recipient **out,
                          size_t *count, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_RECIPIENT_LIST, VALUES(NUMBER(id)), why);
    return q && read_recipients(s, q, arena, out, count, why);
}

bool store_recipient_due(struct store *s, uint64_t id, int64_t due, size_t max, struct arena *arena,
                         struct store_recipient **out, size_t *count, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_RECIPIENT_DUE, VALUES(NUMBER(id), NUMBER(due), NUMBER(max)), why);
    return q && read_recipients(s, q, arena, out, count, why);
}

bool store_attempt_list(struct store *s, uint64_t id, struct arena *arena, struct store_attempt **out, size_t *count,
                        struct fault *why)
{
    enum { MOST = STORE_ATTEMPTS_KEPT + 2 };
    *out = arena_array(arena, MOST, sizeof **out);
    *count = 0;
    sqlite3_stmt *q = sqlite_query(s, SQL_ATTEMPT_LIST, VALUES(NUMBER(id)), why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE && *count < MOST)
        (*out)[(*count)++] = (struct store_attempt){
            .number = (uint32_t)sqlite3_column_int64(q, 0),
            .time = sqlite3_column_int64(q, 1),
            .host = arena_strdup(arena, sqlite_text(q, 2)),
            .outcome = arena_strdup(arena, sqlite_text(q, 3)),
            .dialogue = arena_strdup(arena, sqlite_text(q, 4)),
        };
    sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

bool store_open_each(struct store *s, store_open_fn *each, void *ctx, struct fault *why)
{
    sqlite3_stmt *q = sqlite_query(s, SQL_MESSAGE_OPEN, NO_VALUES, why);
    if (!q)
        return false;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE) {
        struct store_open_message m = {
            .message = {
                .id = (uint64_t)sqlite3_column_int64(q, 0),
                .mailbox = sqlite_text(q, 1),
                .flags = (uint32_t)sqlite3_column_int64(q, 2),
                .accepted = sqlite3_column_int64(q, 3),
                .expires = sqlite3_column_int64(q, 4),
                .next_attempt = sqlite3_column_int64(q, 5),
                .attempts = (uint32_t)sqlite3_column_int64(q, 6),
                .size = (uint64_t)sqlite3_column_int64(q, 7),
                .app = sqlite_text(q, 8),
            },
        };
        for (int i = 0; i < STORE_R_STATES; i++)
            m.recipients[i] = (uint32_t)sqlite3_column_int64(q, 9 + i);
        each(ctx, &m);
    }
    sqlite_end(q);
    return row == SQLITE_ROW_NONE;
}

/* The filter as it is compared: lower case. */
struct needles {
    char mailbox[1024], sender[1024], recipient[1024], subject[1024], any[1024];
};

void sqlite_lower(const char *text, char *out, size_t size)
{
    size_t i = 0;
    for (; text && text[i] && i + 1 < size; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[i] = '\0';
}

static bool holds(const char *text, const char *needle)
{
    char lowered[1024];
    if (!*needle)
        return true;
    sqlite_lower(text, lowered, sizeof lowered);
    return strstr(lowered, needle) != NULL;
}

static bool has_recipient(struct store *s, uint64_t id, const char *needle)
{
    int64_t found = 0;
    return !*needle ||
           (sqlite_number(s, SQL_RECIPIENT_LIKE, VALUES(NUMBER(id), TEXT(needle)), 0, &found, NULL) && found);
}

static bool is_of_mailboxes(const struct store_message *m, const struct store_filter *f)
{
    for (size_t i = 0; i < f->mailboxes_count; i++)
        if (strcasecmp(m->mailbox, f->mailboxes[i]) == 0)
            return true;
    return f->mailboxes_count == 0;
}

static bool holds_any(struct store *s, const struct store_message *m, const char *needle)
{
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)m->id);
    return !*needle || strncmp(id, needle, strlen(needle)) == 0 || holds(m->sender, needle) ||
           holds(m->subject, needle) || has_recipient(s, m->id, needle);
}

/* Recipients come last: they are a look-up each. */
static bool matches(struct store *s, const struct store_message *m, const struct store_filter *f,
                    const struct needles *n)
{
    return (!f->app || strcmp(m->app, f->app) == 0) && is_of_mailboxes(m, f) &&
           (f->state < 0 || (int)m->state == f->state) && (!*n->mailbox || strcmp(m->mailbox, n->mailbox) == 0) &&
           holds(m->sender, n->sender) && holds(m->subject, n->subject) && has_recipient(s, m->id, n->recipient) &&
           holds_any(s, m, n->any);
}

/* What SQL would filter it would also search without an end; here the looking is counted. */
bool store_message_each(struct store *s, const struct store_filter *filter, store_message_fn *each, void *ctx,
                        uint64_t *stopped_at, struct fault *why)
{
    struct needles n;
    sqlite_lower(filter->mailbox, n.mailbox, sizeof n.mailbox);
    sqlite_lower(filter->sender, n.sender, sizeof n.sender);
    sqlite_lower(filter->recipient, n.recipient, sizeof n.recipient);
    sqlite_lower(filter->subject, n.subject, sizeof n.subject);
    sqlite_lower(filter->any, n.any, sizeof n.any);
    int64_t before = filter->before ? (int64_t)filter->before : INT64_MAX;
    int64_t oldest = filter->since > 0 && filter->since < INT64_MAX >> 20 ? filter->since << 20 : 0;
    if (filter->until > 0 && filter->until < INT64_MAX >> 20 && filter->until << 20 < before)
        before = filter->until << 20;
    sqlite3_stmt *q = sqlite_query(s, filter->only_open ? SQL_MESSAGE_LIST_OPEN : SQL_MESSAGE_LIST,
                                   VALUES(NUMBER(before), NUMBER(oldest)), why);
    struct store_message m = { .id = (uint64_t)before };
    enum sqlite_row row = SQLITE_ROW_FAULT;
    *stopped_at = 0;
    for (size_t scanned = 0; q && (row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE; scanned++) {
        uint64_t last = m.id;
        read_message(q, &m);
        if (scanned == filter->scan_max || (matches(s, &m, filter, &n) && !each(ctx, &m))) {
            *stopped_at = last;
            break;
        }
    }
    if (q)
        sqlite_end(q);
    return row != SQLITE_ROW_FAULT;
}

/* Ids grow with time, so the old are at the low end of the table and no index is needed to find them. */
bool store_history_prune(struct store *s, int64_t before, size_t max, size_t *removed, struct fault *why)
{
    enum { MOST = 1000 };
    int64_t ids[MOST], hashes[MOST];
    *removed = 0;
    sqlite3_stmt *q = sqlite_query(
        s, SQL_MESSAGE_OLD,
        VALUES(NUMBER(before), NUMBER(before > 0 ? before << 20 : 0), NUMBER(max < MOST ? max : MOST)), why);
    if (!q)
        return false;
    size_t count = 0;
    enum sqlite_row row;
    while ((row = sqlite_next(s, q, why)) == SQLITE_ROW_THERE && count < MOST) {
        hashes[count] = sqlite_message_hash(sqlite_text(q, 1));
        ids[count++] = sqlite3_column_int64(q, 0);
    }
    sqlite_end(q);
    if (row == SQLITE_ROW_FAULT)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!sqlite_write(s, SQL_MESSAGE_ID_REMOVE, VALUES(NUMBER(hashes[i]), NUMBER(ids[i])), why) ||
            !sqlite_write(s, SQL_MESSAGE_REMOVE, VALUES(NUMBER(ids[i])), why))
            return false;
    *removed = count;
    return true;
}

static bool is_owned(void *ctx, uint64_t id)
{
    int64_t open = 1; /* a store that can't answer keeps every file */
    return !sqlite_number(ctx, SQL_MESSAGE_IS_OPEN, VALUES(NUMBER(id)), 0, &open, NULL) || open;
}

void store_spool_tidy(struct store *s, int64_t grace_ms)
{
    spool_tidy(&s->spool, grace_ms, is_owned, s);
}
