/* Which path is which endpoint, and the failures that strike before an endpoint looks at a request. */
#include "sandbox/entra.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/entra_private.h"

enum { VERB_GET = 1, VERB_POST = 2 };

struct route {
    const char *path; /* after the tenant segment */
    unsigned verbs;
    const char *place; /* for idp.fault-at; NULL: never fails */
    entra_endpoint_fn *run;
};

static const struct route tenant_routes[] = {
    { "/oauth2/v2.0/authorize", VERB_GET | VERB_POST, "authorize", entra_authorize },
    { "/oauth2/v2.0/token", VERB_POST, "token", entra_token },
    { "/oauth2/v2.0/devicecode", VERB_POST, "devicecode", entra_devicecode },
    { "/oauth2/v2.0/logout", VERB_GET | VERB_POST, NULL, entra_logout },
    { "/oauth2/deviceauth", VERB_GET | VERB_POST, NULL, entra_deviceauth },
    { "/v2.0/.well-known/openid-configuration", VERB_GET, "discovery", entra_discovery },
    { "/discovery/v2.0/keys", VERB_GET, "keys", entra_keys },
    { "/v2.0/adminconsent", VERB_GET | VERB_POST, NULL, entra_adminconsent },
    { "/adminconsent", VERB_GET | VERB_POST, NULL, entra_adminconsent },
    { "/discovery/instance", VERB_GET, NULL, entra_instance },
};

static const struct route google_routes[] = {
    { "/.well-known/openid-configuration", VERB_GET, "discovery", google_discovery },
    { "/o/oauth2/v2/auth", VERB_GET | VERB_POST, "authorize", google_authorize },
    { "/token", VERB_POST, "token", google_token },
    { "/oauth2/v3/certs", VERB_GET, "keys", google_keys },
    { "/revoke", VERB_POST, NULL, google_revoke },
};

const char *entra_param(const struct entra_call *c, const char *name)
{
    const char *value = web_params_get(&c->rq->form, name);
    return value != NULL ? value : web_params_text(&c->rq->query, name);
}

void entra_reply_headers(struct entra_call *c)
{
    char id[37];
    sandbox_guid(id);
    const char *asked = web_header(c->rq, "client-request-id");
    web_reply_header(c->re, "Cache-Control", "no-store, no-cache");
    web_reply_header(c->re, "Pragma", "no-cache");
    web_reply_header(c->re, "Expires", "-1");
    /* Not Strict-Transport-Security, though Entra sends it: here the host is localhost, and a client that remembers it could no longer
     * follow the redirect to http://localhost. */
    web_reply_header(c->re, "X-Content-Type-Options", "nosniff");
    web_reply_header(c->re, "P3P", "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"");
    if (asked != NULL)
        web_reply_header(c->re, "client-request-id", "%.64s", asked);
    web_reply_header(c->re, "x-ms-request-id", "%s", id);
    web_reply_header(c->re, "x-ms-ests-server", "2.1.22000.6 - SANDBOX ProdSlices");
    web_reply_header(c->re, "Set-Cookie", "fpc=Ak%s; path=/; secure; HttpOnly; SameSite=None", id);
    web_reply_header(c->re, "Set-Cookie", "x-ms-gateway-slice=estsfd; path=/; secure; HttpOnly");
    web_reply_header(c->re, "Set-Cookie", "stsservicecookie=estsfd; path=/; secure; HttpOnly");
}

void entra_reply_refusal(struct entra_call *c)
{
    const struct entra_refusal *r = &c->refusal;
    struct arena *arena = c->rq->arena;
    char trace[37], correlation[37], time[24];
    assert(r->row != NULL);
    sandbox_guid(trace);
    sandbox_guid(correlation);
    sandbox_entra_time(loop_wall_ms(c->sandbox->loop), time);
    const char *tail = switches_is(c->sandbox->switches, SWITCH_ERROR_TAIL, "spaces") ? " " : "\r\n";
    char *text = entra_refusal_text(r, arena, tail, trace, correlation, time);
    char *uri = arena_printf(arena, "%s/error?code=%u", c->sandbox->https_url, r->row->code);
    const char *suberror = r->suberror != NULL ? r->suberror : r->row->suberror;
    json_t *body = json_pack("{s:s, s:s, s:[i], s:s, s:s, s:s, s:s, s:s*, s:s*}", "error", entra_refusal_error(r),
                             "error_description", text, "error_codes", (int)r->row->code, "timestamp", time, "trace_id",
                             trace, "correlation_id", correlation, "error_uri", uri, "suberror", suberror, "claims",
                             r->claims);
    json_object_set_new(c->note, "error", json_string(entra_refusal_error(r)));
    json_object_set_new(c->note, "code", json_integer(r->row->code));
    web_reply_json(c->re, entra_refusal_status(r), body);
}

/* Answers of a service that is not well. */
struct outage {
    const char *name;
    int status;
    const char *type, *body;
};

static const struct outage outages[] = {
    { "empty", 200, "application/json; charset=utf-8", "" },
    { "html", 200, "text/html",
      "<!DOCTYPE html>\n<html><head><title>Sign in to the guest network</title></head>"
      "<body><h1>Welcome</h1></body></html>\n" },
    { "429", 429, "application/json; charset=utf-8",
      "{\"error\":\"temporarily_unavailable\",\"error_description\":\"AADSTS90055: The tenant is throttled due to too "
      "many "
      "requests.\",\"error_codes\":[90055]}" },
    { "500", 500, "text/html", "<html><body><h1>500 Internal Server Error</h1></body></html>\n" },
    { "503", 503, "text/html",
      "<!DOCTYPE HTML><html><head><title>Service Unavailable</title></head>"
      "<body><h2>Our services aren't available right now</h2></body></html>\n" },
    { "no-access-token", 200, "application/json; charset=utf-8",
      "{\"token_type\":\"Bearer\",\"scope\":\"\",\"expires_in\":3599,\"ext_expires_in\":3599}" },
    { "not-json", 200, "application/json; charset=utf-8", "{\"token_type\":\"Bearer\",\"access_token\":\"eyJ0" },
    { "wrong-type", 200, "application/json; charset=utf-8",
      "{\"token_type\":[\"Bearer\"],\"access_token\":{\"a\":1},\"expires_in\":\"soon\",\"refresh_token\":false}" },
    { "huge", 200, "application/json; charset=utf-8", NULL },
};

static void fill_huge(struct buf *body)
{
    buf_add_str(body, "{\"token_type\":\"Bearer\",\"access_token\":\"");
    for (unsigned i = 0; i < 8 * 1024 * 1024 / 64; i++)
        buf_add_str(body, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    buf_add_str(body, "\"}");
}

/* Does idp.fault strike here? Then the reply is made and nothing else runs. */
static bool has_outage(struct entra_call *c, const char *place)
{
    struct switches *s = c->sandbox->switches;
    const char *where = switches_text(s, SWITCH_IDP_FAULT_AT);
    bool is_here = place != NULL && (strcmp(where, "all") == 0 || strstr(where, place) != NULL);
    if (!is_here)
        return false;
    c->re->delay_ms = (int64_t)switches_number(s, SWITCH_IDP_DELAY);
    const char *kind = switches_take(s, SWITCH_IDP_FAULT);
    json_object_set_new(c->note, "fault", json_string(kind));
    if (strcmp(kind, "no-answer") == 0 || strcmp(kind, "close") == 0) {
        c->re->outage = strcmp(kind, "close") == 0 ? WEB_CLOSE : WEB_STALL;
        return true;
    }
    for (size_t i = 0; i < sizeof outages / sizeof *outages; i++) {
        const struct outage *o = &outages[i];
        if (strcmp(o->name, kind) != 0)
            continue;
        c->re->status = o->status;
        c->re->type = o->type;
        if (o->body == NULL)
            fill_huge(&c->re->body);
        else
            buf_add_str(&c->re->body, o->body);
        uint64_t wait = switches_number(s, SWITCH_IDP_RETRY_AFTER);
        if ((o->status == 429 || o->status == 503) && wait > 0)
            web_reply_header(c->re, "Retry-After", "%u", (unsigned)wait);
        return true;
    }
    return false;
}

static void run(struct entra_call *c, const struct route *r)
{
    unsigned verb = strcmp(c->rq->method, "POST") == 0 ? VERB_POST : strcmp(c->rq->method, "GET") == 0 ? VERB_GET : 0;
    entra_reply_headers(c);
    if (has_outage(c, r->place))
        return;
    if (verb & r->verbs) {
        r->run(c);
        return;
    }
    entra_refuse(&c->refusal, 900561,
                 r->verbs == VERB_POST  ? "POST"
                 : r->verbs == VERB_GET ? "GET"
                                        : "GET, POST",
                 c->rq->method, NULL);
    entra_reply_refusal(c);
}

static const struct route *find_route(const struct route *routes, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    }
    return NULL;
}

/* The tenant segment; false: not a tenant of this place. */
static bool take_authority(struct entra_call *c, const char *text, size_t size)
{
    if (size >= sizeof c->authority)
        return false;
    for (size_t i = 0; i < size; i++)
        c->authority[i] = (char)tolower((unsigned char)text[i]);
    if (strcmp(c->authority, "common") == 0 || strcmp(c->authority, "organizations") == 0)
        return true;
    if (strcmp(c->authority, "consumers") == 0)
        c->tenant = &tenant_consumers;
    else
        c->tenant = tenant_find(c->authority);
    return c->tenant != NULL && c->tenant != &tenant_google;
}

static void unknown_tenant(struct entra_call *c, const struct route *r)
{
    entra_refuse(&c->refusal, 90002, c->authority, NULL, NULL);
    if (r->run == entra_authorize || r->run == entra_adminconsent)
        entra_error_page(c);
    else
        entra_reply_refusal(c);
}

static void dispatch(struct entra_call *c)
{
    const char *path = c->rq->path;
    if (strncmp(path, "/google/", 8) == 0) {
        const struct route *r = find_route(google_routes, sizeof google_routes / sizeof *google_routes, path + 7);
        if (r != NULL)
            run(c, r);
        return;
    }
    size_t size = strcspn(path + 1, "/");
    const struct route *r = find_route(tenant_routes, sizeof tenant_routes / sizeof *tenant_routes, path + 1 + size);
    if (r == NULL)
        return;
    if (take_authority(c, path + 1, size)) {
        run(c, r);
        return;
    }
    entra_reply_headers(c);
    unknown_tenant(c, r);
}

static void serve_style(struct web_reply *re)
{
    static const char style[] =
        ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
        "body{max-width:72rem;margin:0 auto;padding:1rem}main{max-width:40rem}body.wide main{max-width:none}"
        "fieldset{margin:1rem 0;padding:1rem;border-radius:.5rem}label{display:block;padding:.25rem 0}"
        "button{font:inherit;padding:.5rem 1.25rem;margin-right:.5rem}.message{padding:.75rem;border-left:.3rem solid "
        "#b3261e}"
        "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid "
        "#8886;"
        "vertical-align:top;overflow-wrap:anywhere}code,pre{font:.9em "
        "ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}"
        ":focus-visible{outline:.2rem solid #2563eb;outline-offset:.1rem}input[type=text]{font:inherit;padding:.4rem}";
    re->status = 200;
    re->type = "text/css; charset=utf-8";
    buf_add_str(&re->body, style);
}

void entra_handle(void *sandbox, const struct web_request *rq, struct web_reply *re)
{
    if (strcmp(rq->path, "/sandbox.css") == 0) {
        serve_style(re);
        return;
    }
    struct entra_call c = { .sandbox = sandbox, .rq = rq, .re = re };
    c.note = json_pack("{s:s, s:s, s:s}", "kind", "http", "method", rq->method, "path", rq->path);
    dispatch(&c);
    if (re->status == 0 && re->outage == WEB_ANSWER)
        web_reply_text(re, 404, "Nothing lives at this path.\n");
    json_object_set_new(c.note, "status", json_integer(re->status));
    activity_note(c.sandbox->activity, c.note);
}
