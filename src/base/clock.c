/* base/clock.c - reading the clocks, and times as text. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#ifdef POSTERN_TEST_CLOCK

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const volatile int64_t *moved_by;

static const volatile int64_t *map_offset_file(void)
{
    const char *path = getenv("POSTERN_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return NULL;
    void *at = lseek(fd, 0, SEEK_END) >= (off_t)sizeof *moved_by
                   ? mmap(NULL, sizeof *moved_by, PROT_READ, MAP_SHARED, fd, 0)
                   : MAP_FAILED;
    close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static int64_t offset_ms(void)
{
    static bool is_looked_up;
    if (!is_looked_up)
        moved_by = map_offset_file();
    is_looked_up = true;
    return moved_by ? *moved_by : 0;
}

bool clock_is_moved(void)
{
    offset_ms();
    return moved_by != NULL;
}

int64_t clock_steady_ms(void)
{
    static int64_t latest; /* a test may move the offset back; steady time stays */
    int64_t now = read_ms(CLOCK_MONOTONIC) + offset_ms();
    return latest = now > latest ? now : latest;
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME) + offset_ms();
}

#else

bool clock_is_moved(void)
{
    return false;
}

int64_t clock_steady_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

#endif

static void split(int64_t wall_ms, struct tm *tm, int *ms)
{
    int64_t part = wall_ms % 1000;
    if (part < 0)
        part += 1000;
    time_t seconds = (time_t)((wall_ms - part) / 1000);
    gmtime_r(&seconds, tm);
    *ms = (int)part;
}

void clock_iso(int64_t wall_ms, char *out, size_t size)
{
    struct tm tm;
    int ms;
    split(wall_ms, &tm, &ms);
    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
             tm.tm_min, tm.tm_sec, ms);
}

void clock_rfc5322(int64_t wall_ms, char *out, size_t size)
{
    /* Not strftime: the names must not follow the locale. */
    static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[][4] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
    };
    struct tm tm;
    int ms;
    split(wall_ms, &tm, &ms);
    snprintf(out, size, "%s, %d %s %04d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool take_number(const char **at, unsigned digits, int *out)
{
    *out = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* ".5", ".123", ".123456": milliseconds, further digits dropped. */
static bool take_fraction(const char **at, int *ms)
{
    if (!take_char(at, '.'))
        return true;
    int weight = 100, digits = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, digits++, weight /= 10)
        *ms += (**at - '0') * weight;
    return digits > 0;
}

static bool take_time(const char **at, struct tm *tm, int *ms)
{
    return (take_char(at, 'T') || take_char(at, 't') || take_char(at, ' ')) && take_number(at, 2, &tm->tm_hour) &&
           take_char(at, ':') && take_number(at, 2, &tm->tm_min) && take_char(at, ':') &&
           take_number(at, 2, &tm->tm_sec) && take_fraction(at, ms) && (take_char(at, 'Z') || take_char(at, 'z'));
}

bool clock_parse(const char *text, int64_t *wall_ms)
{
    struct tm tm = { 0 };
    int ms = 0;
    if (!text || !take_number(&text, 4, &tm.tm_year) || !take_char(&text, '-') || !take_number(&text, 2, &tm.tm_mon) ||
        !take_char(&text, '-') || !take_number(&text, 2, &tm.tm_mday))
        return false;
    if (*text && !take_time(&text, &tm, &ms))
        return false;
    if (*text || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    /* timegm() would turn 31 April into 1 May: what comes back must be what went in. */
    struct tm same = tm;
    time_t seconds = timegm(&same);
    if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday)
        return false;
    *wall_ms = (int64_t)seconds * 1000 + ms;
    return true;
}
