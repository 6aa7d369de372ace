/* postern registration - app registrations in Entra (or another provider), and the credential that belongs to each. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/files.h"
#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"

static const char *cell_name(struct cli *cli, const json_t *r)
{
    return show_member(cli, r, "name");
}

static const char *cell_provider(struct cli *cli, const json_t *r)
{
    return show_member(cli, r, "provider");
}

static const char *cell_tenant(struct cli *cli, const json_t *r)
{
    return show_member(cli, r, "tenant");
}

static const char *cell_client(struct cli *cli, const json_t *r)
{
    return show_member(cli, r, "client_id");
}

static const char *cell_credential(struct cli *cli, const json_t *r)
{
    return show_member(cli, r, "credential");
}

static const char *cell_expires(struct cli *cli, const json_t *r)
{
    bool is_secret = strcmp(show_member(cli, r, "credential"), "secret") == 0;
    return show_member(cli, r, is_secret ? "secret_expires" : "certificate_expires");
}

static const struct object_column columns[] = {
    { "NAME", cell_name },
    { "PROVIDER", cell_provider },
    { "TENANT", cell_tenant },
    { "CLIENT", cell_client },
    { "CREDENTIAL", cell_credential },
    { "EXPIRES", cell_expires },
    { NULL, NULL },
};

static int run_list(struct cli *cli)
{
    return object_list(cli, OBJECT_REGISTRATION, columns);
}

static int run_show(struct cli *cli)
{
    return object_show(cli, OBJECT_REGISTRATION);
}

static int run_remove(struct cli *cli)
{
    return object_remove(cli, OBJECT_REGISTRATION);
}

/* ---- the credential ---- */

enum credential { NOTHING, SECRET, CERTIFICATE, PUBLIC };

struct request {
    struct cli *cli;
    struct api *api;
    enum credential credential;
    struct secret *secret; /* the client secret, or the PEM to take; NULL: none, or a key is made */
};

static enum credential credential_of(const struct options *o, enum credential otherwise)
{
    if (option_given(o, "certificate"))
        return CERTIFICATE;
    if (option_flag(o, "public"))
        return PUBLIC;
    return option_given(o, "secret-file") ? SECRET : otherwise;
}

static bool is_contradiction(const struct options *o)
{
    return option_given(o, "certificate") + option_given(o, "public") + option_given(o, "secret-file") > 1;
}

/* Reads what is secret before anything is changed. */
static bool prepare(struct request *r, enum credential otherwise, struct fault *why)
{
    const struct options *o = &r->cli->options;
    const char *certificate = option_text(o, "certificate", "");
    r->credential = credential_of(o, otherwise);
    if (is_contradiction(o))
        return fault_set(why, FAULT_REJECT, "", "give one of --secret-file, --certificate and --public");
    if (r->credential == SECRET)
        r->secret = secret_input(option_text(o, "secret-file", NULL), "Client secret (its value, not its id)", why);
    else if (r->credential == CERTIFICATE && strcmp(certificate, "new") != 0)
        r->secret = secret_input(certificate, "", why);
    else
        return true;
    return r->secret != NULL;
}

static json_t *changes_of(const struct request *r, struct fault *why)
{
    static const char *const names[] = { [SECRET] = "secret", [CERTIFICATE] = "certificate", [PUBLIC] = "none" };
    json_t *changes = object_args_json(&r->cli->options, why);
    if (changes && r->credential != NOTHING)
        json_object_set_new(changes, "credential", json_string(names[r->credential]));
    return changes;
}

static bool write_certificate(const char *path, const char *pem, struct fault *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return fault_set(why, FAULT_LOCAL, "", "%s can't be written; see: postern registration show", path);
    bool is_written = file_write_all(fd, bytes_of(pem), why);
    return close(fd) == 0 && is_written;
}

static int show_certificate(struct cli *cli, const json_t *registration)
{
    const char *pem = show_member(cli, registration, "certificate_pem");
    const char *file = option_text(&cli->options, "output", NULL);
    struct fault why = { 0 };
    if (file && !write_certificate(file, pem, &why))
        return show_fault(cli, &why);
    if (cli->is_json)
        return CLI_DONE;
    if (!file)
        fputs(pem, stdout);
    fprintf(stderr,
            "Upload %s in the Entra admin center: App registrations, this application, Certificates & secrets, "
            "Certificates.\n"
            "It ends on %s; its thumbprint there is %s.\n",
            file ? file : "this public certificate", show_member(cli, registration, "certificate_expires"),
            show_member(cli, registration, "certificate_sha1"));
    return CLI_DONE;
}

static int give_certificate(struct request *r, struct api_reply *reply)
{
    struct fault why = { 0 };
    const char *path = arena_printf(r->cli->arena, "%s/certificate",
                                    object_path(r->cli, OBJECT_REGISTRATION, cli_operand(r->cli, 0)));
    bool is_reached = r->secret ? api_call_secret(r->api, "POST", path, "pem", r->secret, reply, &why)
                                : api_call(r->api, "POST", path, NULL, reply, &why);
    int status = show_outcome(r->cli, is_reached, reply, &why);
    return status == CLI_DONE ? show_certificate(r->cli, reply->json) : status;
}

/* On success `reply` holds the registration as it then is. */
static int give_credential(struct request *r, struct api_reply *reply)
{
    const char *path = object_path(r->cli, OBJECT_REGISTRATION, cli_operand(r->cli, 0));
    if (r->credential == SECRET)
        return object_secret(r->cli, r->api, arena_printf(r->cli->arena, "%s/secret", path), "secret", r->secret);
    if (r->credential != CERTIFICATE)
        return CLI_DONE;
    api_reply_fini(reply);
    return give_certificate(r, reply);
}

static int finish(struct request *r, const char *done, int status, struct api_reply *reply)
{
    if (status == CLI_DONE && r->cli->is_json)
        show_json(reply->json);
    else if (status == CLI_DONE)
        show_done(r->cli, "registration %s is %s", cli_operand(r->cli, 0), done);
    api_reply_fini(reply);
    secret_free(r->secret);
    api_close(r->api);
    return status;
}

static int run_add(struct cli *cli)
{
    struct request r = { .cli = cli };
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    const char *name = cli_operand(cli, 0);
    json_t *object = prepare(&r, SECRET, &why) ? changes_of(&r, &why) : NULL;
    if (!object)
        return finish(&r, "added", show_fault(cli, &why), &reply);
    json_object_set_new(object, "name", json_string(name));
    r.api = api_open(cli);
    int status = r.api ? object_create(cli, r.api, OBJECT_REGISTRATION, name, object, &reply) : CLI_REFUSED;
    json_decref(object);
    if (status == CLI_DONE) {
        status = give_credential(&r, &reply);
        if (status != CLI_DONE)
            object_undo(cli, r.api, OBJECT_REGISTRATION, name);
    }
    status = finish(&r, "added", status, &reply);
    if (status == CLI_DONE)
        show_done(cli, "Next, a mailbox that signs in by it: postern mailbox add ADDRESS --registration %s", name);
    return status;
}

/* The credential first: where it is refused, the registration goes on with the one it has. */
static int run_set(struct cli *cli)
{
    struct request r = { .cli = cli };
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    json_t *changes = prepare(&r, NOTHING, &why) ? changes_of(&r, &why) : NULL;
    if (!changes)
        return finish(&r, "changed", show_fault(cli, &why), &reply);
    r.api = api_open(cli);
    int status = r.api ? give_credential(&r, &reply) : CLI_REFUSED;
    if (status == CLI_DONE) {
        api_reply_fini(&reply);
        status = object_patch(cli, r.api, OBJECT_REGISTRATION, changes, &reply);
    }
    json_decref(changes);
    return finish(&r, "changed", status, &reply);
}

static const struct option_row registration_options[] = {
    { "provider", 0, OPTION_TEXT, "NAME", "The provider it belongs to (postern provider list).", SHAPE_TEXT,
      "provider" },
    { "tenant", 0, OPTION_TEXT, "ID", "Tenant id, or a verified domain of it.", SHAPE_TEXT, "tenant" },
    { "client-id", 0, OPTION_TEXT, "ID", "Application (client) id.", SHAPE_TEXT, "client_id" },
    { "secret-file", 0, OPTION_TEXT, "FILE", "Client secret from a file; - is standard input.", SHAPE_NONE, NULL },
    { "secret-expires", 0, OPTION_TEXT, "DATE", "Day the secret ends; Postern warns before it.", SHAPE_TEXT,
      "secret_expires" },
    { "certificate", 0, OPTION_TEXT, "new|FILE",
      "Sign in with a certificate: make one, or take key and certificate in PEM.", SHAPE_NONE, NULL },
    { "output", 'o', OPTION_TEXT, "FILE", "Write the public certificate there, to upload it.", SHAPE_NONE, NULL },
    { "public", 0, OPTION_FLAG, NULL, "A public client: no secret, no certificate.", SHAPE_NONE, NULL },
    { "redirect-uri", 0, OPTION_TEXT, "URL", "If not http://localhost on a free port.", SHAPE_TEXT, "redirect_uri" },
    OPTION_END,
};

const struct action registration_actions[] = {
    { "list", "", "Every registration.", NULL, run_list, true },
    { "show", "NAME", "One registration, with its public certificate.", NULL, run_show, true },
    { "add", "NAME", "Add one; without a credential option the client secret is asked for.", registration_options,
      run_add, true },
    { "set", "NAME", "Change what is given; an empty value gives the default back.", registration_options, run_set,
      true },
    { "remove", "NAME", "Forget it and its credential.", NULL, run_remove, false },
    { NULL },
};
