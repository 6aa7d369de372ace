/* postern check - the configuration file, and what it points at on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/files.h"
#include "cli/show.h"
#include "conf/conf.h"
#include "jail/jail.h"
#include "net/tls.h"

#define PEM_MOST (1u << 20)

struct check {
    struct cli *cli;
    const struct conf *conf;
    json_t *mistakes;
};

static void tell(void *ctx, const struct fault *mistake)
{
    struct check *c = ctx;
    json_array_append_new(c->mistakes, json_string(mistake->text));
    if (!c->cli->is_json)
        fprintf(stderr, "%s\n", mistake->text);
}

static void tell_listener(struct check *c, const struct conf_listener *l, struct fault *why)
{
    if (l->line == 0)
        fault_wrap(why, "%s: console.certificate", c->conf->file);
    else
        fault_wrap(why, "%s:%u:%u: listener %s", c->conf->file, l->line, l->column, l->address);
    tell(c, why);
}

static void check_certificate(struct check *c, const struct conf_listener *l)
{
    struct fault why = { 0 };
    struct buf certificate, key;
    buf_init(&certificate, PEM_MOST);
    buf_init(&key, PEM_MOST);
    bool is_read = file_read_whole(l->certificate, &certificate, &why) && file_read_whole(l->key, &key, &why);
    struct tls_context *tls = is_read ? tls_server_new(buf_bytes(&certificate), buf_bytes(&key), &why) : NULL;
    if (!tls)
        tell_listener(c, l, &why);
    tls_context_free(tls);
    if (key.data)
        secret_wipe(key.data, key.size);
    buf_fini(&key);
    buf_fini(&certificate);
}

/* Of the folders above the state directory, the one that is there says whether it can be made. */
static void check_state(struct check *c)
{
    struct fault why = { 0 };
    char path[1024];
    snprintf(path, sizeof path, "%s", c->conf->state);
    while (access(path, F_OK) != 0 && strlen(path) > 1) {
        char *slash = strrchr(path, '/');
        *(slash == path ? slash + 1 : slash) = '\0';
    }
    if (access(path, W_OK | X_OK) == 0)
        return;
    fault_errno(&why, FAULT_CONFIG, errno, "state: %s can't be written to by this user", path);
    tell(c, &why);
}

static void check_user(struct check *c)
{
    struct fault why = { 0 };
    struct jail_user user;
    if (!jail_user_find(c->conf->user, c->conf->group, &user, &why) ||
        !jail_user_join(&user, c->conf->console.group, &why))
        tell(c, &why);
}

static void check_machine(struct check *c)
{
    for (size_t i = 0; i < c->conf->listeners_count; i++) {
        if (c->conf->listeners[i].tls != CONF_TLS_NONE)
            check_certificate(c, &c->conf->listeners[i]);
    }
    if (conf_console_has_tls(c->conf))
        check_certificate(
            c, &(struct conf_listener){ .certificate = c->conf->console.certificate, .key = c->conf->console.key });
    check_user(c);
    check_state(c);
}

static void print_summary(const struct conf *conf)
{
    static const char *const tls[] = { "without TLS", "with STARTTLS", "with TLS" };
    printf("%s is fine\n", *conf->file ? conf->file : "no configuration file; the built-in defaults hold, which");
    printf("state in %s\n", conf->state);
    for (size_t i = 0; i < conf->listeners_count; i++)
        printf("%s on %s %s\n", conf->listeners[i].protocol, conf->listeners[i].address, tls[conf->listeners[i].tls]);
    if (conf_console_is_open(conf))
        printf("console on %s %s\n", conf->console.address, tls[conf_console_has_tls(conf) ? 2 : 0]);
}

/* Every row of the schema, as a person or the manual wants to read it. */
static int list_settings(struct cli *cli)
{
    static const char *const titles[] = { "SETTING", "TYPE", "RANGE", "DEFAULT", "RELOADS", "MEANING", NULL };
    struct table *t = table_new(titles);
    json_t *list = json_array();
    struct conf_setting s;
    for (size_t i = 0; conf_setting_at(i, &s); i++) {
        const char *cells[] = { s.name, s.type, s.range, s.initial, s.is_reloadable ? "yes" : "no", s.text };
        table_row(t, cells, sizeof cells / sizeof cells[0]);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "name", s.name, "type", s.type, "range",
                                              s.range, "default", s.initial, "reloadable", (int)s.is_reloadable, "text",
                                              s.text));
    }
    if (cli->is_json)
        show_json(list);
    else
        table_print(t, stdout);
    table_free(t);
    json_decref(list);
    return CLI_DONE;
}

static int run(struct cli *cli)
{
    struct conf conf;
    struct fault why = { 0 };
    if (option_flag(&cli->options, "settings"))
        return list_settings(cli);
    struct check c = { cli, &conf, json_array() };
    if (conf_load(option_text(&cli->options, "config", NULL), cli->arena, &conf, tell, &c, &why))
        check_machine(&c);
    else if (json_array_size(c.mistakes) == 0)
        tell(&c, &why);
    bool is_fine = json_array_size(c.mistakes) == 0;
    if (cli->is_json) {
        json_t *report = json_pack("{s:b, s:O, s:o}", "ok", is_fine, "mistakes", c.mistakes, "settings",
                                   is_fine ? conf_to_json(&conf) : json_null());
        show_json(report);
        json_decref(report);
    } else if (is_fine) {
        print_summary(&conf);
    }
    json_decref(c.mistakes);
    return is_fine ? CLI_DONE : CLI_REFUSED;
}

static const struct option_row options[] = {
    { "settings", 0, OPTION_FLAG, NULL, "List every setting instead, with its range and default.", SHAPE_NONE, NULL },
    OPTION_END,
};

const struct action check_actions[] = {
    { "", "", "Say what is wrong with the configuration, with line and column.", options, run, true },
    { NULL },
};
