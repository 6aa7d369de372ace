/* The way in for the first administrator, and back in for one who lost the password: a link that works once, within a day. Only who
 * is on the machine can have one: the daemon prints it while nobody has a password, `postern setup` at any time. Only a hash of its
 * token is kept, in memory; a newer link makes the older one worthless. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

#define LIFE_MS (24 * 3600 * 1000LL)

static void hash_of(struct bytes token, uint8_t out[SETUP_HASH_SIZE])
{
    crypto_generichash(out, SETUP_HASH_SIZE, token.data, token.size, NULL, 0);
}

/* Given. */
static char *new_link(struct admin *a)
{
    uint8_t bits[32];
    char token[SESSION_ID_SIZE];
    secret_random(bits, sizeof bits);
    base64url_encode((struct bytes){ bits, sizeof bits }, token, sizeof token);
    hash_of(bytes_of(token), a->setup.hash);
    a->setup.ends_ms = loop_now_ms(a->loop) + LIFE_MS;
    char *root = conf_console_url(a->conf, a->bound), *link = mem_printf("%s/setup#%s", root, token);
    free(root);
    secret_wipe(token, sizeof token);
    secret_wipe(bits, sizeof bits);
    return link;
}

static bool is_good(struct admin *a, struct bytes token)
{
    uint8_t hash[SETUP_HASH_SIZE];
    hash_of(token, hash);
    return a->setup.ends_ms > loop_now_ms(a->loop) && !a->setup.user &&
           sodium_memcmp(hash, a->setup.hash, sizeof hash) == 0;
}

/* ---- at the daemon's start ---- */

void setup_tell(struct admin *a)
{
    if (a->setup.is_told || a->setup.tag || !a->console || !a->peers[ADMIN_PEER_VAULT])
        return;
    a->setup.tag = ++a->next_tag;
    struct admin_ask m = { .tag = a->setup.tag, .verb = "operator.list", .json = "{}" };
    channel_send(a->peers[ADMIN_PEER_VAULT], ADMIN_ASK, &m);
}

/* To standard output, which is for people; the log is kept, and read by others. */
bool setup_heard(struct admin *a, const struct admin_answer *m)
{
    if (m->tag != a->setup.tag)
        return false;
    json_t *list = m->status == 200 ? json_loads(m->json, 0, NULL) : NULL;
    a->setup.tag = 0;
    if (list && !setup_any_has_password(list)) {
        char *link = new_link(a);
        a->setup.is_told = true;
        printf("postern: nobody can sign in to the console yet; set it up within a day at %s\n", link);
        fflush(stdout);
        secret_wipe(link, strlen(link));
        free(link);
    }
    json_decref(list);
    return true;
}

/* ---- asked for ---- */

void setup_link_post(struct request *r)
{
    struct admin *a = r->admin;
    char ends[40];
    if (r->principal->kind != PRINCIPAL_LOCAL) {
        respond_finding(r, 403, "console.right", "setup links are given on the machine itself only");
        return;
    }
    if (!a->console) {
        respond_finding(r, 409, "console.off", "console.address is none");
        return;
    }
    char *link = new_link(a);
    clock_iso(loop_wall_ms(a->loop) + LIFE_MS, ends, sizeof ends);
    log_info("console.setup-link", LOG_TEXT("name", r->principal->name));
    respond_json(r, 200, json_pack("{s:s, s:s}", "url", link, "ends", ends));
    free(link);
}

/* ---- used ---- */

static const char *wanted_name(struct request *r)
{
    return json_string_value(json_object_get(r->json, "name"));
}

static void taken_back(struct request *r)
{
    respond_json(r, r->refused_status, r->refusal);
    r->refusal = NULL;
}

/* A password without its operator would lie in the vault for nobody. */
static void take_back(struct request *r, struct ask *k)
{
    r->refused_status = k->status;
    r->refusal = json_incref(k->json);
    asks_forget(r);
    request_ask(r, ADMIN_PEER_VAULT, "operator.forget", json_pack("{s:s}", "name", wanted_name(r)));
    request_then(r, taken_back);
}

static void used(struct request *r)
{
    struct ask *k = &r->asks[0];
    const char *name = wanted_name(r);
    if (k->status >= 400 && k->json && !r->is_operator_there) {
        take_back(r, k);
        return;
    }
    if (!respond_unless_ok(r, k))
        return;
    asks_forget(r);
    r->admin->setup.ends_ms = 0; /* once */
    sessions_end_of(r->admin->sessions, name, NULL);
    log_warn("console.set-up", LOG_TEXT("name", name), LOG_TEXT("host", r->host));
    session_begin(r, name, 201);
}

/* The password is good and kept: now its owner is made an administrator, or was one before. */
static void password_kept(struct request *r)
{
    const char *name = wanted_name(r);
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    asks_forget(r);
    if (r->is_operator_there)
        request_ask(r, ADMIN_PEER_QUEUE, "object.patch",
                    json_pack("{s:s, s:s, s:{s:s, s:b}}", "kind", "operator", "key", name, "changes", "role",
                              "administrator", "is_disabled", 0));
    else
        request_ask(r, ADMIN_PEER_QUEUE, "object.put",
                    json_pack("{s:s, s:s, s:{s:s, s:s}, s:b}", "kind", "operator", "key", name, "object", "name", name,
                              "role", "administrator", "is_new", 1));
    request_then(r, used);
}

static void operator_looked_up(struct request *r)
{
    unsigned status = r->asks[0].status;
    if (status != 200 && status != 404) {
        respond_first(r);
        return;
    }
    asks_forget(r);
    r->is_operator_there = status == 200;
    request_ask_secret(r, ADMIN_PEER_VAULT, "operator.password", json_pack("{s:s}", "name", wanted_name(r)), r->taken);
    wipe_taken(r->taken);
    request_then(r, password_kept);
}

void setup_post(struct request *r)
{
    const char *name;
    json_t *body = request_json(r);
    if (!body)
        return;
    struct bytes token = take_secret(r, body, "token");
    bool is_ours = is_good(r->admin, token);
    wipe_taken(token);
    if (!is_ours) {
        log_warn("console.setup-refused", LOG_TEXT("host", r->host));
        respond_finding(r, 403, "console.setup-link", "the setup link is not, or no longer, in force");
        return;
    }
    if (!take_name_and_password(r, &name, &r->taken))
        return;
    r->about = name;
    r->admin->setup.user = r; /* until the request is over */
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "operator", "key", name));
    request_then(r, operator_looked_up);
}
