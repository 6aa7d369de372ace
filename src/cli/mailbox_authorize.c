/* postern mailbox authorize - carries addresses between the daemon's vault and a browser; the vault makes and checks everything.
 *
 * The sign-in address stands alone on a line of standard output (with --json: one object), everything else is said on standard
 * error, so that a script can read the one and show the other. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/landing.h"
#include "cli/mailbox.h"
#include "cli/object_args.h"
#include "cli/secret_input.h"
#include "cli/show.h"

struct sign_in {
    struct cli *cli;
    struct api *api;
    const char *method;
    const char *id; /* of the authorization */
    int status;     /* of the finish */
    uint64_t timeout_s;
};

/* "" leaves it to the mailbox's grant: a device code, or the page on this machine. */
static const char *method_of(const struct options *o)
{
    return option_flag(o, "device")      ? "device"
           : option_flag(o, "paste")     ? "paste"
           : option_flag(o, "localhost") ? "localhost"
                                         : "";
}

static bool is_method(const struct sign_in *s, const char *method)
{
    return strcmp(s->method, method) == 0;
}

/* What the person needs, once. */
static void show_start(struct sign_in *s, const json_t *start)
{
    struct cli *cli = s->cli;
    const char *url = show_member(cli, start, "url"), *code = show_member(cli, start, "code");
    if (cli->is_json) {
        json_t *told = json_pack("{s:s}", "url", url);
        if (*code)
            json_object_set_new(told, "code", json_string(code));
        json_dumpf(told, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(told);
    } else if (*url) {
        fprintf(stderr, "Open this address in a browser and sign in as %s%s:\n", cli_operand(cli, 0),
                *code ? " with the code below" : "");
        printf("%s\n", url);
        if (*code)
            printf("%s\n", code);
    }
    fflush(stdout);
    if (!cli->is_json && !*url)
        fprintf(stderr, "%s\n", show_member(cli, start, "message"));
    else if (is_method(s, "paste"))
        fprintf(stderr, "The browser ends on a page that can't be shown. Paste its whole address here:\n");
}

static int begin(struct sign_in *s, const char *redirect_uri, struct api_reply *start)
{
    const char *path = object_path(s->cli, OBJECT_MAILBOX, cli_operand(s->cli, 0));
    json_t *body = json_pack("{s:s}", "method", s->method);
    if (redirect_uri)
        json_object_set_new(body, "redirect_uri", json_string(redirect_uri));
    int status = show_call(s->cli, s->api, "POST", arena_printf(s->cli->arena, "%s/authorize", path), body, start);
    json_decref(body);
    if (status == CLI_DONE) {
        s->id = api_segment(s->cli, show_member(s->cli, start->json, "id"));
        show_start(s, start->json);
    }
    return status;
}

static void say_done(const struct sign_in *s, const json_t *finish)
{
    if (!s->cli->is_json)
        fprintf(stderr, "%s is signed in as %s.\n", cli_operand(s->cli, 0), show_member(s->cli, finish, "user"));
}

static bool call_finish(struct sign_in *s, const struct secret *redirected, struct api_reply *reply, struct fault *why)
{
    const char *path = arena_printf(s->cli->arena, "/authorizations/%s/finish", s->id);
    return api_call_secret(s->api, "POST", path, "redirected", redirected, reply, why);
}

static int end(struct sign_in *s, bool is_reached, const struct api_reply *reply, const struct fault *why)
{
    int status = show_outcome(s->cli, is_reached, reply, why);
    if (status == CLI_DONE)
        say_done(s, reply->json);
    return status;
}

/* ---- device, and grants without a person ---- */

static int wait_for_decision(struct sign_in *s)
{
    struct api_reply reply = { 0 };
    api_set_timeout(s->api, s->timeout_s);
    int status = show_call(s->cli, s->api, "GET", arena_printf(s->cli->arena, "/authorizations/%s/wait", s->id), NULL,
                           &reply);
    if (status == CLI_DONE)
        say_done(s, reply.json);
    api_reply_fini(&reply);
    return status;
}

/* ---- paste ---- */

static int finish_pasted(struct sign_in *s)
{
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    struct secret *redirected = secret_input_line(&why);
    if (!redirected)
        return show_fault(s->cli, &why);
    bool is_reached = call_finish(s, redirected, &reply, &why);
    int status = end(s, is_reached, &reply, &why);
    api_reply_fini(&reply);
    secret_free(redirected);
    return status;
}

/* ---- localhost ---- */

static enum landing_verdict on_redirect(void *ctx, const char *address, char *text, unsigned text_size)
{
    struct sign_in *s = ctx;
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    struct secret *redirected = secret_new(address, strlen(address));
    bool is_reached = call_finish(s, redirected, &reply, &why);
    secret_free(redirected);
    const json_t *finding = json_array_get(json_object_get(reply.json, "findings"), 0);
    const char *detail = show_member(s->cli, reply.json, "detail"), *cause = show_member(s->cli, finding, "cause");
    bool is_stranger = is_reached && strcmp(show_member(s->cli, finding, "id"), "grant.state") == 0;
    snprintf(text, text_size, "%s",
             *cause    ? cause
             : *detail ? detail
                       : "The terminal that started this sign-in says more.");
    if (!is_stranger)
        s->status = end(s, is_reached, &reply, &why);
    api_reply_fini(&reply);
    return is_stranger ? LANDING_STRANGER : s->status == CLI_DONE ? LANDING_GOOD : LANDING_REFUSED;
}

static int wait_on_page(struct sign_in *s, struct landing *landing)
{
    struct fault why = { 0 };
    if (landing_wait(landing, (int64_t)s->timeout_s * 1000))
        return s->status;
    fault_set(&why, FAULT_RETRY, "",
              "nobody signed in within the time; is the browser on another machine? then use --device or --paste");
    return show_fault(s->cli, &why);
}

static int run_localhost(struct sign_in *s)
{
    struct api_reply start = { 0 };
    struct fault why = { 0 };
    struct landing *landing = landing_open(on_redirect, s, &why);
    if (!landing)
        return show_fault(s->cli, &why);
    int status = begin(s, arena_printf(s->cli->arena, "http://localhost:%u/", landing_port(landing)), &start);
    bool is_on_page = *show_member(s->cli, start.json, "url") && !*show_member(s->cli, start.json, "code");
    if (status == CLI_DONE)
        status = is_on_page ? wait_on_page(s, landing) : wait_for_decision(s);
    api_reply_fini(&start);
    landing_close(landing);
    return status;
}

static int run_elsewhere(struct sign_in *s)
{
    struct api_reply start = { 0 };
    int status = begin(s, option_text(&s->cli->options, "redirect-uri", NULL), &start);
    bool is_pasted = is_method(s, "paste") && *show_member(s->cli, start.json, "url");
    if (status == CLI_DONE)
        status = is_pasted ? finish_pasted(s) : wait_for_decision(s);
    api_reply_fini(&start);
    return status;
}

int authorize_run(struct cli *cli)
{
    struct sign_in s = { .cli = cli, .method = method_of(&cli->options), .status = CLI_REFUSED, .timeout_s = 900 };
    struct fault why = { 0 };
    const char *timeout = option_text(&cli->options, "timeout", "15m");
    if (!text_to_duration(timeout, &s.timeout_s) || s.timeout_s == 0) {
        fault_set(&why, FAULT_REJECT, "", "--timeout must be a duration like 90s or 10m, not \"%s\"", timeout);
        return show_fault(cli, &why);
    }
    s.api = api_open(cli);
    if (!s.api)
        return CLI_REFUSED;
    int status = is_method(&s, "device") || is_method(&s, "paste") ? run_elsewhere(&s) : run_localhost(&s);
    api_close(s.api);
    return status;
}

const struct option_row authorize_options[] = {
    { "localhost", 0, OPTION_FLAG, NULL, "The browser is on this machine; the default, but for grant device.",
      SHAPE_NONE, NULL },
    { "paste", 0, OPTION_FLAG, NULL, "Paste the address the browser ends on.", SHAPE_NONE, NULL },
    { "device", 0, OPTION_FLAG, NULL, "Sign in anywhere with a short code.", SHAPE_NONE, NULL },
    { "redirect-uri", 0, OPTION_TEXT, "URL", "With --paste: a redirect address of the registration.", SHAPE_NONE,
      NULL },
    { "timeout", 0, OPTION_TEXT, "DURATION", "How long to wait; 15m if not given.", SHAPE_NONE, NULL },
    OPTION_END,
};
