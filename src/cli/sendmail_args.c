/* cli/sendmail_args.c - one row per letter. */
#include "cli/sendmail_args.h"

#include <string.h>

#include "base/text.h"
#include "msg/edge_queue.h"

struct letter {
    char letter;
    enum { ALONE, VALUE, ATTACHED } takes; /* ATTACHED: only as "-oi", never as the next word */
    bool (*take)(struct sendmail_args *a, const char *value, struct fault *why);
};

static bool take_sender(struct sendmail_args *a, const char *value, struct fault *why)
{
    a->sender = strcmp(value, "<>") == 0 ? "" : value;
    return true;
}

static bool take_full_name(struct sendmail_args *a, const char *value, struct fault *why)
{
    a->full_name = value;
    return true;
}

static bool take_headers(struct sendmail_args *a, const char *value, struct fault *why)
{
    a->from_headers = true;
    return true;
}

static bool take_ignore_dots(struct sendmail_args *a, const char *value, struct fault *why)
{
    a->ignores_dots = true;
    return true;
}

static bool take_option(struct sendmail_args *a, const char *value, struct fault *why)
{
    if (value[0] == 'i')
        a->ignores_dots = true;
    return true; /* -oem, -odb and the like: Postern always queues, and reports by mail */
}

static bool take_long_option(struct sendmail_args *a, const char *value, struct fault *why)
{
    if (text_equal_nocase(value, "IgnoreDots") || text_equal_nocase(value, "IgnoreDots=true"))
        a->ignores_dots = true;
    return true;
}

static bool take_config(struct sendmail_args *a, const char *value, struct fault *why)
{
    a->config = value;
    return true;
}

static bool take_mode(struct sendmail_args *a, const char *value, struct fault *why)
{
    switch (value[0]) {
    case 'm':
    case '\0':
        return true;
    case 'p':
        a->mode = SENDMAIL_LIST;
        return true;
    case 'i':
    case 'H':
    case 'D':
        a->mode = SENDMAIL_NOTHING; /* no alias database here */
        return true;
    default:
        return fault_set(why, FAULT_REJECT, "", "-b%s is not supported; programs can speak SMTP to the listeners",
                         value);
    }
}

static bool take_notify(struct sendmail_args *a, const char *value, struct fault *why)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } bits[] = { { "never", NOTIFY_NEVER },
                 { "success", NOTIFY_SUCCESS },
                 { "failure", NOTIFY_FAILURE },
                 { "delay", NOTIFY_DELAY } };
    for (const char *at = value; *at;) {
        struct bytes word = { (const uint8_t *)at, strcspn(at, ",") };
        uint32_t bit = 0;
        for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
            bit |= bytes_equal_nocase(word, bytes_of(bits[i].name)) ? bits[i].bit : 0;
        if (!bit)
            return fault_set(why, FAULT_REJECT, "", "-N takes never, or success, failure and delay; not \"%s\"", value);
        a->notify |= bit;
        at += word.size + (at[word.size] == ',');
    }
    if ((a->notify & NOTIFY_NEVER) && a->notify != NOTIFY_NEVER)
        return fault_set(why, FAULT_REJECT, "", "-N never goes with nothing else");
    return true;
}

static bool take_ret(struct sendmail_args *a, const char *value, struct fault *why)
{
    bool is_full = text_equal_nocase(value, "full");
    if (!is_full && !text_equal_nocase(value, "hdrs"))
        return fault_set(why, FAULT_REJECT, "", "-R takes full or hdrs, not \"%s\"", value);
    a->ret = is_full ? RET_FULL : RET_HDRS;
    return true;
}

static bool take_envid(struct sendmail_args *a, const char *value, struct fault *why)
{
    for (const char *at = value; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7f)
            return fault_set(why, FAULT_REJECT, "", "-V takes printable ASCII without blanks");
    }
    a->envid = value;
    return true;
}

static bool take_queue(struct sendmail_args *a, const char *value, struct fault *why)
{
    a->mode = SENDMAIL_NOTHING; /* the daemon runs the queue by itself */
    return true;
}

static bool pass_over(struct sendmail_args *a, const char *value, struct fault *why)
{
    return true;
}

static const struct letter letters[] = {
    { 'f', VALUE, take_sender },      { 'r', VALUE, take_sender },      { 'F', VALUE, take_full_name },
    { 't', ALONE, take_headers },     { 'i', ALONE, take_ignore_dots }, { 'o', ATTACHED, take_option },
    { 'O', VALUE, take_long_option }, { 'c', VALUE, take_config },      { 'C', VALUE, take_config },
    { 'b', ATTACHED, take_mode },     { 'N', VALUE, take_notify },      { 'R', VALUE, take_ret },
    { 'V', VALUE, take_envid },       { 'q', ATTACHED, take_queue },    { 'A', ATTACHED, pass_over },
    { 'B', VALUE, pass_over },        { 'G', ALONE, pass_over },        { 'L', VALUE, pass_over },
    { 'U', ALONE, pass_over },        { 'X', VALUE, pass_over },        { 'd', ATTACHED, pass_over },
    { 'e', ATTACHED, pass_over },     { 'h', VALUE, pass_over },        { 'm', ALONE, pass_over },
    { 'n', ALONE, pass_over },        { 'p', VALUE, pass_over },        { 'v', ALONE, pass_over },
};

static const struct letter *find(char c)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        if (letters[i].letter == c)
            return &letters[i];
    }
    return NULL;
}

/* One word of options: "-t", "-ti", "-fme", "-f me". */
static bool take_word(struct sendmail_args *a, int argc, char **argv, int *i, struct fault *why)
{
    const char *word = argv[*i];
    for (const char *at = word + 1; *at; at++) {
        const struct letter *l = find(*at);
        if (!l)
            return fault_set(why, FAULT_REJECT, "", "-%c is not understood (in %s)", *at, word);
        if (l->takes == ALONE) {
            if (!l->take(a, "", why))
                return false;
            continue;
        }
        if (l->takes == VALUE && !at[1] && *i + 1 >= argc)
            return fault_set(why, FAULT_REJECT, "", "-%c needs a value", *at);
        return l->take(a, l->takes == ATTACHED || at[1] ? at + 1 : argv[++*i], why);
    }
    return true;
}

bool sendmail_args_parse(int argc, char **argv, struct arena *arena, struct sendmail_args *out, struct fault *why)
{
    *out = (struct sendmail_args){ .full_name = "", .envid = "" };
    out->recipients = arena_array(arena, (size_t)argc + 1, sizeof *out->recipients);
    bool is_over = false;
    for (int i = 1; i < argc; i++) {
        if (!is_over && strcmp(argv[i], "--") == 0)
            is_over = true;
        else if (!is_over && strcmp(argv[i], "--help") == 0)
            out->mode = SENDMAIL_HELP;
        else if (!is_over && argv[i][0] == '-' && argv[i][1]) {
            if (!take_word(out, argc, argv, &i, why))
                return false;
        } else {
            out->recipients[out->recipients_count++] = argv[i];
        }
    }
    return true;
}
