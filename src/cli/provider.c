/* postern provider - mail services as data: what Postern knows by itself, and files that say more. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/files.h"
#include "cli/object_args.h"
#include "cli/show.h"
#include "net/tls.h"

#define PROVIDER_MOST (256 * 1024)
#define CA_MOST (4u << 20)

static const char *cell_name(struct cli *cli, const json_t *p)
{
    return show_member(cli, p, "name");
}

static const char *cell_origin(struct cli *cli, const json_t *p)
{
    return json_is_true(json_object_get(p, "is_builtin")) ? "built in" : "own";
}

static const char *cell_smtp(struct cli *cli, const json_t *p)
{
    const json_t *smtp = json_object_get(p, "smtp");
    const char *host = show_member(cli, smtp, "host");
    return *host ? arena_printf(cli->arena, "%s:%s", host, show_member(cli, smtp, "port")) : "";
}

static const char *cell_title(struct cli *cli, const json_t *p)
{
    return show_member(cli, p, "title");
}

static const struct object_column columns[] = {
    { "NAME", cell_name }, { "ORIGIN", cell_origin }, { "SMTP", cell_smtp }, { "TITLE", cell_title }, { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_PROVIDER, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_PROVIDER);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_PROVIDER);
}

/* A file named beside the provider file is meant relative to it; the daemon runs elsewhere. */
static void make_ca_file_absolute(struct cli *cli, json_t *provider, const char *file)
{
    const char *key = json_object_get(provider, "ca-file") ? "ca-file" : "ca_file";
    const char *name = json_string_value(json_object_get(provider, key));
    char folder[PATH_MAX];
    if (text_is_empty(name) || name[0] == '/' || !realpath(file, folder))
        return;
    *(strrchr(folder, '/') + 1) = '\0';
    json_object_set_new(provider, key, json_string(arena_printf(cli->arena, "%s%s", folder, name)));
}

/* What the daemon would only find out at the first connection. */
static bool check_ca_file(const char *path, struct fault *why)
{
    struct buf pem;
    buf_init(&pem, CA_MOST);
    bool is_read = file_read_whole(path, &pem, why);
    struct tls_context *trusted = is_read ? tls_client_new(buf_bytes(&pem), why) : NULL;
    bool is_good = trusted != NULL;
    if (is_read && !is_good)
        fault_wrap(why, "%s", path);
    tls_context_free(trusted);
    buf_fini(&pem);
    return is_good || fault_wrap(why, "ca-file");
}

/* The object is checked here too, so that its mistakes are told with the file's name. */
static json_t *read_provider(struct cli *cli, const char *file, const char **name, struct fault *why)
{
    struct buf text;
    buf_init(&text, PROVIDER_MOST);
    bool is_read = file_read_whole(file, &text, why);
    json_t *json = is_read ? object_json_from_yaml(buf_bytes(&text), why) : NULL;
    if (is_read && !json)
        fault_wrap(why, "%s", file);
    buf_fini(&text);
    if (!json)
        return NULL;
    make_ca_file_absolute(cli, json, file);
    const struct provider *p = object_from_json(OBJECT_PROVIDER, json, cli->arena, why);
    json_decref(json);
    if (!p || (p->ca_file[0] && !check_ca_file(p->ca_file, why))) {
        fault_wrap(why, "%s", file);
        return NULL;
    }
    *name = p->name;
    return object_to_json(OBJECT_PROVIDER, p);
}

static int run_add(struct cli *cli)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *name = "";
    json_t *provider = read_provider(cli, cli_operand(cli, 0), &name, &why);
    if (!provider)
        return show_fault(cli, &why);
    struct api *api = api_open(cli);
    int status = CLI_REFUSED;
    if (api)
        status = show_call(cli, api, "PUT", object_path(cli, OBJECT_PROVIDER, name), provider, &reply);
    if (status == CLI_DONE && cli->is_json)
        show_json(reply.json);
    else if (status == CLI_DONE)
        show_done(cli, "provider %s is known", name);
    api_reply_fini(&reply);
    api_close(api);
    json_decref(provider);
    return status;
}

const struct action provider_actions[] = {
    { "list", "", "Every provider, built in or added.", NULL, run_list, true },
    { "show", "NAME", "One provider's endpoints, scopes, servers and limits.", NULL, run_show, true },
    { "add", "FILE", "Take in a provider file; one of the same name is replaced.", NULL, run_add, true },
    { "remove", "NAME", "Forget an added provider.", NULL, run_remove, false },
    { NULL },
};
