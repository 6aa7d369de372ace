#include "sandbox/imapd_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/mailboxes.h"

static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static void skip(struct imapd_in *in, size_t size)
{
    in->rest = bytes_slice(in->rest, size, in->rest.size);
}

char imapd_peek(const struct imapd_in *in)
{
    return in->rest.size > 0 ? (char)in->rest.data[0] : 0;
}

bool imapd_is_end(const struct imapd_in *in)
{
    return in->rest.size == 0;
}

bool imapd_take_char(struct imapd_in *in, char c)
{
    if (in->rest.size == 0 || in->rest.data[0] != (uint8_t)c)
        return false;
    skip(in, 1);
    return true;
}

bool imapd_take_word(struct imapd_in *in, const char *word)
{
    if (!bytes_starts_nocase(in->rest, word))
        return false;
    skip(in, strlen(word));
    return true;
}

static bool is_atom_char(uint8_t c)
{
    return c > 32 && c < 127 && strchr("(){%*\"\\]", c) == NULL;
}

static bool is_astring_char(uint8_t c)
{
    return is_atom_char(c) || c == ']';
}

static bool is_pattern_char(uint8_t c)
{
    return is_astring_char(c) || c == '%' || c == '*';
}

static bool take_while(struct imapd_in *in, bool (*fits)(uint8_t c), struct bytes *out)
{
    size_t size = 0;
    while (size < in->rest.size && fits(in->rest.data[size]))
        size++;
    *out = bytes_slice(in->rest, 0, size);
    skip(in, size);
    return size > 0;
}

bool imapd_take_atom(struct imapd_in *in, struct bytes *out)
{
    return take_while(in, is_atom_char, out);
}

bool imapd_take_number64(struct imapd_in *in, uint64_t *out)
{
    size_t size = 0;
    *out = 0;
    for (; size < in->rest.size && in->rest.data[size] >= '0' && in->rest.data[size] <= '9'; size++) {
        if (*out > (UINT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (in->rest.data[size] - '0');
    }
    skip(in, size);
    return size > 0;
}

bool imapd_take_number(struct imapd_in *in, uint32_t *out)
{
    uint64_t number;
    if (!imapd_take_number64(in, &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool take_quoted(struct imapd_in *in, struct bytes *out)
{
    uint8_t *made = arena_alloc(in->arena, in->rest.size + 1);
    size_t size = 0;
    for (size_t i = 1; i < in->rest.size; i++) {
        uint8_t c = in->rest.data[i];
        if (c == '"') {
            *out = (struct bytes){ made, size };
            skip(in, i + 1);
            return true;
        }
        if (c == '\r' || c == '\n' || c == 0)
            return false;
        if (c == '\\') {
            if (++i >= in->rest.size || (in->rest.data[i] != '"' && in->rest.data[i] != '\\'))
                return false;
            c = in->rest.data[i];
        }
        made[size++] = c;
    }
    return false;
}

static bool take_literal(struct imapd_in *in, struct bytes *out)
{
    uint64_t size;
    skip(in, 1);
    if (!imapd_take_number64(in, &size))
        return false;
    imapd_take_char(in, '+');
    if (!imapd_take_word(in, "}\r\n") || size > in->rest.size)
        return false;
    *out = bytes_slice(in->rest, 0, (size_t)size);
    skip(in, (size_t)size);
    return true;
}

bool imapd_take_string(struct imapd_in *in, struct bytes *out)
{
    char c = imapd_peek(in);
    return c == '"' ? take_quoted(in, out) : c == '{' ? take_literal(in, out) : false;
}

static bool begins_string(const struct imapd_in *in)
{
    return imapd_peek(in) == '"' || imapd_peek(in) == '{';
}

bool imapd_take_astring(struct imapd_in *in, struct bytes *out)
{
    return begins_string(in) ? imapd_take_string(in, out) : take_while(in, is_astring_char, out);
}

bool imapd_take_pattern(struct imapd_in *in, struct bytes *out)
{
    return begins_string(in) ? imapd_take_string(in, out) : take_while(in, is_pattern_char, out);
}

unsigned imapd_month(struct bytes name)
{
    for (unsigned i = 0; i < 12; i++) {
        if (bytes_equal_nocase(name, bytes_of(months[i])))
            return i + 1;
    }
    return 0;
}

int64_t imapd_day(int year, unsigned month, unsigned day)
{
    struct tm tm = { .tm_year = year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day, .tm_hour = 12 };
    int64_t seconds = timegm(&tm);
    return (seconds - 12 * 3600) / 86400;
}

/* d-Mon-yyyy */
static bool take_bare_date(struct imapd_in *in, int64_t *day)
{
    uint32_t number, year;
    imapd_take_blank(in); /* date-day-fixed has one for a day below ten */
    if (!imapd_take_number(in, &number) || !imapd_take_char(in, '-') || in->rest.size < 3)
        return false;
    unsigned month = imapd_month(bytes_slice(in->rest, 0, 3));
    skip(in, 3);
    if (month == 0 || number < 1 || number > 31 || !imapd_take_char(in, '-') || !imapd_take_number(in, &year) ||
        year < 1900 || year > 9999)
        return false;
    *day = imapd_day((int)year, month, number);
    return true;
}

bool imapd_take_date(struct imapd_in *in, int64_t *day)
{
    bool is_quoted = imapd_take_char(in, '"');
    return take_bare_date(in, day) && (!is_quoted || imapd_take_char(in, '"'));
}

bool imapd_take_date_time(struct imapd_in *in, int64_t *wall_ms)
{
    int64_t day;
    uint32_t hour, minute, second, zone;
    if (!imapd_take_char(in, '"') || !take_bare_date(in, &day) || !imapd_take_blank(in) ||
        !imapd_take_number(in, &hour) || !imapd_take_char(in, ':') || !imapd_take_number(in, &minute) ||
        !imapd_take_char(in, ':') || !imapd_take_number(in, &second) || !imapd_take_blank(in))
        return false;
    bool is_west = imapd_peek(in) == '-';
    if (!imapd_take_char(in, is_west ? '-' : '+') || !imapd_take_number(in, &zone) || !imapd_take_char(in, '"'))
        return false;
    if (hour > 23 || minute > 59 || second > 60 || zone > 1500)
        return false;
    int64_t shift_s = (int64_t)(zone / 100) * 3600 + (int64_t)(zone % 100) * 60;
    int64_t local_s = day * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    *wall_ms = (local_s + (is_west ? shift_s : -shift_s)) * 1000;
    return true;
}

void imapd_date_time_text(int64_t wall_ms, char *out)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(out, 32, "%02u-%s-%04u %02u:%02u:%02u +0000", (unsigned)tm.tm_mday % 100, months[tm.tm_mon % 12],
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100);
}

bool imapd_take_bare_flags(struct imapd_in *in, unsigned *flags, bool *lost)
{
    do {
        bool is_system = imapd_take_char(in, '\\');
        struct bytes name;
        char text[64];
        if (!imapd_take_atom(in, &name))
            return false;
        int size = snprintf(text, sizeof text, "%s%.*s", is_system ? "\\" : "", (int)(name.size < 60 ? name.size : 60),
                            (const char *)name.data);
        unsigned flag = mail_flag_of(text, (size_t)size);
        *flags |= flag;
        *lost |= flag == 0;
    } while (imapd_take_blank(in));
    return true;
}

bool imapd_take_flags(struct imapd_in *in, unsigned *flags, bool *lost)
{
    if (!imapd_take_char(in, '('))
        return false;
    return imapd_take_char(in, ')') || (imapd_take_bare_flags(in, flags, lost) && imapd_take_char(in, ')'));
}

bool imapd_literal_at_end(struct bytes line, struct imapd_literal *out)
{
    if (line.size < 3 || line.data[line.size - 1] != '}')
        return false;
    size_t at = line.size - 1;
    out->is_sync = line.data[at - 1] != '+';
    size_t end = out->is_sync ? at : at - 1;
    size_t open = end;
    while (open > 0 && line.data[open - 1] >= '0' && line.data[open - 1] <= '9')
        open--;
    if (open == 0 || open == end || line.data[open - 1] != '{')
        return false;
    struct imapd_in number = { .rest = bytes_slice(line, open, end) };
    out->at = open - 1;
    if (!imapd_take_number64(&number, &out->size))
        out->size = UINT64_MAX;
    return true;
}

static bool take_set_number(struct imapd_in *in, uint32_t *out)
{
    if (imapd_take_char(in, '*')) {
        *out = UINT32_MAX;
        return true;
    }
    return imapd_take_number(in, out) && *out > 0;
}

bool imapd_take_set(struct imapd_in *in, struct imapd_set *out)
{
    size_t commas = 0;
    for (size_t i = 0; i < in->rest.size && in->rest.data[i] != ' '; i++)
        commas += in->rest.data[i] == ',';
    out->ranges = arena_array(in->arena, commas + 1, sizeof *out->ranges);
    out->count = 0;
    do {
        struct imapd_range r;
        if (out->count > commas || !take_set_number(in, &r.from))
            return false;
        r.to = r.from;
        if (imapd_take_char(in, ':') && !take_set_number(in, &r.to))
            return false;
        out->ranges[out->count++] = r;
    } while (imapd_take_char(in, ','));
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct imapd_range *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

void imapd_set_resolve(struct imapd_set *set, uint32_t largest)
{
    for (size_t i = 0; i < set->count; i++) {
        struct imapd_range *r = &set->ranges[i];
        r->from = r->from == UINT32_MAX ? largest : r->from;
        r->to = r->to == UINT32_MAX ? largest : r->to;
        if (r->from > r->to) {
            uint32_t from = r->from;
            r->from = r->to;
            r->to = from;
        }
    }
    qsort(set->ranges, set->count, sizeof *set->ranges, by_start);
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        struct imapd_range *last = &set->ranges[kept];
        if (set->ranges[i].from <= last->to || set->ranges[i].from == last->to + 1)
            last->to = set->ranges[i].to > last->to ? set->ranges[i].to : last->to;
        else
            set->ranges[++kept] = set->ranges[i];
    }
    set->count = set->count > 0 ? kept + 1 : 0;
}

bool imapd_set_has(const struct imapd_set *set, uint32_t number)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].to < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->ranges[low].from <= number;
}
