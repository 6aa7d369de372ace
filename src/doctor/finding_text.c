/* doctor/finding_text.c - the server's sentence without the parts that change from one answer to the next. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "doctor/doctor_private.h"

/* "[BN9PR03CA0716.namprd03.prod.outlook.com 2026-07-01T01:57:31.695Z 08DED6A3FAA75B29]" or a shorter "[..]"-like stamp:
 * words of host, time and session, never a sentence. */
static bool is_stamp(const char *inside, size_t size)
{
    size_t words = 1;
    bool has_time = false;

    if (size > 0 && strspn(inside, ".") >= size)
        return true;
    for (size_t i = 0; i + 1 < size; i++) {
        words += inside[i] == ' ';
        has_time = has_time || (inside[i] == 'T' && i >= 10 && inside[i - 3] == '-' && inside[i - 6] == '-');
    }
    return words <= 3 && has_time;
}

/* Length of the bracketed part at `at` (a '[') that is not the sentence's, or 0. */
static size_t bracket_to_drop(const char *at)
{
    static const char diagnostic[] = "[BeginDiagnosticData]", diagnostic_end[] = "[EndDiagnosticData]";
    const char *end;

    if (strncmp(at, diagnostic, sizeof diagnostic - 1) == 0) {
        end = strstr(at, diagnostic_end);
        return end ? (size_t)(end - at) + sizeof diagnostic_end - 1 : strlen(at);
    }
    end = strchr(at, ']');
    if (!end)
        return strncmp(at, "[Hostname=", 10) == 0 ? strlen(at) : 0; /* cut off on its way to us */
    if (strncmp(at, "[Hostname=", 10) == 0 || is_stamp(at + 1, (size_t)(end - at) - 1))
        return (size_t)(end - at) + 1;
    return 0;
}

/* Introduces the diagnostic data and says nothing itself. */
static size_t phrase_to_drop(const char *at)
{
    static const char *const phrases[] = { "Failed to process message due to a permanent exception with message",
                                           "Failed to process message due to a transient exception with message" };

    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (strncmp(at, phrases[i], strlen(phrases[i])) == 0)
            return strlen(phrases[i]);
    return 0;
}

void finding_strip(const char *text, char *out, size_t size)
{
    size_t used = 0;

    if (size == 0)
        return;
    for (const char *at = text ? text : ""; *at != '\0' && used + 1 < size;) {
        size_t drop = *at == '[' ? bracket_to_drop(at) : *at == 'F' ? phrase_to_drop(at) : 0;
        if (drop > 0) {
            at += drop;
            continue;
        }
        bool is_blank = (unsigned char)*at <= ' ';
        if (!is_blank || (used > 0 && out[used - 1] != ' '))
            out[used++] = is_blank ? ' ' : *at;
        at++;
    }
    while (used > 0 && (out[used - 1] == ' ' || out[used - 1] == ';'))
        used--;
    out[used] = '\0';
}

uint32_t finding_backoff_s(const char *text)
{
    static const char phrase[] = "Suggested Backoff Time:";
    const char *at = text ? strcasestr(text, phrase) : NULL;
    char *end;

    if (!at)
        return 0;
    unsigned long long ms = strtoull(at + sizeof phrase - 1, &end, 10);
    if (strncasecmp(end, " milliseconds", 13) != 0)
        return 0;
    if (ms > 86400000ull) /* a day: more is a mistake, or an attack on our patience */
        ms = 86400000ull;
    return (uint32_t)((ms + 999) / 1000);
}
