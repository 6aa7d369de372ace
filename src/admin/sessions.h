/* admin/sessions.h - who is signed in to the console. In memory only: a restart of the role signs everybody out.
 *
 * A session is known by 256 random bits that only the browser keeps; here lies their hash. It ends when nothing was asked for too
 * long, when it is too old, or when it is ended; at most SESSIONS_MOST are kept, and then the one longest unused makes room. */
#ifndef ADMIN_SESSIONS_H
#define ADMIN_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSIONS_MOST 1000
#define SESSION_ID_SIZE 44 /* 256 bits in base64url, and a NUL */

struct sessions;

struct session {
    const char *name; /* the operator's */
    char csrf[SESSION_ID_SIZE];
    int64_t opened_ms, used_ms;
};

struct session_limits {
    int64_t idle_ms, whole_ms;
};

/* Past tense: the session is about to go, and whatever it still feeds must end. */
typedef void session_ended_fn(void *ctx, const struct session *s);

struct sessions *sessions_new(session_ended_fn *ended, void *ctx);
void sessions_free(struct sessions *all); /* tells nobody; takes NULL */
/* `id` is for the cookie. Lent until it ends, as all of these. */
const struct session *sessions_open(struct sessions *all, const char *name, int64_t now_ms, char id[SESSION_ID_SIZE]);
/* The living one of that id, which is used now; NULL: none. Any text may be asked for. */
const struct session *sessions_find(struct sessions *all, const char *id, const struct session_limits *limits,
                                    int64_t now_ms);
/* The same without using it: a page that looks for news by itself must not keep somebody signed in who went away. */
const struct session *sessions_peek(struct sessions *all, const char *id, const struct session_limits *limits,
                                    int64_t now_ms);
void sessions_end(struct sessions *all, const struct session *s);
/* All of that operator but `kept` (NULL: all). */
void sessions_end_of(struct sessions *all, const char *name, const struct session *kept);
void sessions_sweep(struct sessions *all, const struct session_limits *limits, int64_t now_ms);
size_t sessions_count(const struct sessions *all);
/* In constant time. */
bool session_csrf_is(const struct session *s, const char *text);

#endif
