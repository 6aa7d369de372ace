/* cli/steps.c - the steps of a test as they happen; the root cause of a failure first. */
#include "cli/steps.h"

#include "base/text.h"
#include "cli/show.h"

struct watch {
    struct cli *cli;
    json_t *last; /* given: the result */
};

static bool on_line(void *ctx, json_t *line)
{
    struct watch *w = ctx;
    if (!json_object_get(line, "step")) {
        json_decref(w->last);
        w->last = json_incref(line);
        return true;
    }
    if (w->cli->is_json)
        return true;
    char seen[400];
    const char *text = show_member(w->cli, line, "seen");
    text_sanitize(bytes_of(text), seen, sizeof seen);
    printf("%-6s %-12s %6s ms  %s\n", json_is_true(json_object_get(line, "ok")) ? "ok" : "FAILED",
           show_member(w->cli, line, "step"), show_member(w->cli, line, "ms"), seen);
    fflush(stdout);
    return true;
}

static int result(struct cli *cli, const json_t *last)
{
    bool is_ok = json_is_true(json_object_get(last, "ok"));
    if (cli->is_json) {
        show_json(last);
    } else if (!is_ok) {
        const char *title = show_member(cli, last, "title"), *detail = show_member(cli, last, "detail");
        fprintf(stderr, "\n%s%s%s\n", *title ? title : "It does not work yet", *detail ? ": " : "", detail);
        show_findings(stderr, json_object_get(last, "findings"));
    }
    return is_ok ? CLI_DONE : CLI_REFUSED;
}

int steps_run(struct cli *cli, struct api *api, const char *path, const json_t *body)
{
    struct watch w = { .cli = cli };
    struct api_reply reply = { 0 };
    struct fault why = { 0 };
    int status = show_outcome(cli, api_stream(api, "POST", path, body, on_line, &w, &reply, &why), &reply, &why);
    if (status == CLI_DONE && !w.last) {
        fault_set(&why, FAULT_RETRY, "",
                  "the daemon broke off in the middle of the test; try again, or see: postern log");
        status = show_fault(cli, &why);
    } else if (status == CLI_DONE) {
        status = result(cli, w.last);
    }
    json_decref(w.last);
    api_reply_fini(&reply);
    return status;
}
