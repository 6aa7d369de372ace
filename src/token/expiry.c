/* token/expiry.c - before a secret, a certificate or an idle refresh token expires, say so: 30, 14, 7 and 1 days ahead. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "token/tokens_private.h"

#define DAY_MS (24 * 3600 * 1000LL)

struct warning {
    int said; /* the mark that was last said */
};

/* The mark just reached: 30, 14, 7, 1, or 0 once it is over; -1 before the first. */
static int mark_of(int64_t left_ms)
{
    static const int marks[] = { 1, 7, 14, 30 };
    if (left_ms <= 0)
        return 0;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (left_ms <= marks[i] * DAY_MS)
            return marks[i];
    }
    return -1;
}

static void consider(struct tokens *t, const char *what, const char *name, int64_t end_ms)
{
    int64_t left_ms = end_ms - loop_wall_ms(t->parts.loop);
    int mark = mark_of(left_ms);
    char end[32], *key = mem_printf("%s:%s", what, name);
    struct warning *w = map_get(t->warned, key);
    if (!w) {
        w = mem_alloc(sizeof *w);
        w->said = -1;
        map_put(t->warned, key, w);
    }
    free(key);
    if (w->said == mark)
        return;
    w->said = mark;
    if (mark < 0)
        return; /* it was replaced by a later one */
    clock_iso(end_ms, end, sizeof end);
    log_event(mark <= 1 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "secret.expiring", LOG_TEXT("what", what),
              LOG_TEXT("name", name), LOG_TEXT("expires", end), LOG_NUMBER("days", left_ms > 0 ? left_ms / DAY_MS : 0));
}

static bool consider_registration(void *ctx, const void *object)
{
    const struct registration *r = object;
    bool is_certificate = r->credential == OBJECT_CREDENTIAL_CERTIFICATE;
    const char *end = is_certificate ? r->certificate_expires : r->secret_expires;
    int64_t end_ms;
    if (r->credential != OBJECT_CREDENTIAL_NONE && end[0] && clock_parse(end, &end_ms))
        consider(ctx, is_certificate ? "certificate" : "client-secret", r->name, end_ms);
    return true;
}

static bool consider_grant(void *ctx, const char *key, void *value)
{
    const struct grant *g = value;
    if (g->refresh && g->used_ms > 0)
        consider(ctx, "sign-in", g->name, g->used_ms + REFRESH_IDLE_MS);
    return true;
}

void expiry_check(struct tokens *t)
{
    directory_each(t->parts.directory, OBJECT_REGISTRATION, consider_registration, t);
    map_each(t->grants, consider_grant, t);
}
