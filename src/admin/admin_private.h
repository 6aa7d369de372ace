/* admin/admin_private.h - what the files of this room share: the request and its way from headers to response. */
#ifndef ADMIN_ADMIN_PRIVATE_H
#define ADMIN_ADMIN_PRIVATE_H

#include <jansson.h>
#include <microhttpd.h>

#include "admin/admin.h"
#include "admin/sessions.h"
#include "base/arena.h"
#include "base/list.h"
#include "net/addr.h"
#include "object/directory.h"
#include "proto/mime/letter.h"

#define ADMIN_BODY_LIMIT (512u << 10)
#define ADMIN_ASK_MS 60000
#define ADMIN_LONG_ASK_MS (20 * 60000)
#define ADMIN_PARAMS 3
#define REQUEST_HEADERS 8
#define VISITORS_MOST 512u
#define VISITORS_GOING 256u /* sent away, and not noticed by the server yet */
#define VISITORS_PER_HOST 128u
#define VISITOR_STALL_S 60u /* a connection on which nothing moves */
#define STRANGER_BODY_LIMIT (16u << 10)
#define SESSIONS_SWEEP_MS 30000
#define SETUP_HASH_SIZE 32
#define ADMIN_ASKS 7

struct map;
struct openapi;
struct request;
typedef void request_fn(struct request *r);

/* What a person or a program may do here; a set of these. */
enum right {
    RIGHT_NONE = 0,         /* of a route: anybody */
    RIGHT_SEND = 1 << 0,    /* hand in mail, and see what became of it */
    RIGHT_INBOX = 1 << 1,   /* read mail that came in */
    RIGHT_READ = 1 << 2,    /* see everything but the content of mail */
    RIGHT_CONTENT = 1 << 3, /* mail as it came */
    RIGHT_OPERATE = 1 << 4, /* retry, hold, release, remove, pause, resume, test */
    RIGHT_ADMIN = 1 << 5,   /* everything else */
    RIGHTS_ALL = (1 << 6) - 1,
};

enum principal_kind { PRINCIPAL_NOBODY, PRINCIPAL_LOCAL, PRINCIPAL_OPERATOR, PRINCIPAL_KEY, PRINCIPAL_APP };

/* Who asks. Known before the body of the request is read. */
struct principal {
    enum principal_kind kind;
    const char *name;       /* of the system's user, operator, key or app; "" : a stranger */
    uint32_t rights;        /* set of enum right */
    const char *host;       /* address it came from; "local" through the Unix socket */
    const char **mailboxes; /* the only ones it may touch */
    size_t mailboxes_count; /* 0: all */
};

/* How a route keeps to the mailboxes of who asks. */
enum route_scope {
    SCOPE_ALL,     /* it speaks of all mailboxes: not for those who are limited to some */
    SCOPE_MAILBOX, /* the first parameter is the mailbox */
    SCOPE_SELF,    /* the handler looks at r->principal itself, or there is no mailbox in it */
};

/* One thing asked of a role. Its slot in the request is where the answer lands. */
struct ask {
    struct list node; /* in admin.asks while unanswered */
    struct request *request;
    uint64_t tag;
    enum admin_peer peer;
    bool is_open;
    struct loop_timer deadline;
    unsigned status;
    json_t *json;
    struct secret *secret;
    int fd;
};

struct admin_route {
    const char *method, *path; /* "{}" stands for one segment */
    request_fn *run;
    uint32_t rights; /* any one of these enum right is enough; RIGHT_NONE: strangers too */
    enum route_scope scope;
    bool streams_body; /* the body goes to a file, not into memory */
};

struct response_header {
    const char *name, *value;
};

/* Bytes on their way out of a response that is written as it comes. */
struct stream {
    struct buf out;
    bool is_on, is_ended;
};

struct upload {
    struct buf memory;
    int fd; /* -1 until the body outgrew the memory */
    uint64_t size;
};

struct request {
    struct list node; /* in admin.requests */
    struct admin *admin;
    struct door *door;
    struct visitor *visitor; /* NULL at the Unix socket */
    struct MHD_Connection *connection;
    struct arena *arena;
    const char *method, *path;
    const char *host;                  /* address it came from, as principal.host */
    bool is_secure;                    /* by TLS, here or at a proxy that we believe */
    bool is_passed_on_unnamed;         /* so it says, but not by a proxy that we know */
    const struct session *session;     /* NULL: not by a cookie, or it has ended since */
    request_fn *known;                 /* what runs when the vault has said who asks */
    bool is_key_checked;               /* by a key, else by an app's password */
    const struct principal *principal; /* never NULL in a handler; in the arena */
    const struct admin_route *route;   /* NULL until admitted */
    const char *params[ADMIN_PARAMS];
    struct buf body;
    struct upload upload;
    struct submission *submission; /* in the arena */
    struct fault refused;          /* while the body came in */
    json_t *json;                  /* the body, once parsed */
    struct ask asks[ADMIN_ASKS];
    size_t asks_count, asks_open;
    request_fn *then;
    struct MHD_Response *response;
    struct response_header headers[REQUEST_HEADERS]; /* beside those of the response's kind */
    size_t headers_count;
    uint64_t discarded; /* octets of a body that nobody wants */
    unsigned status;
    bool is_suspended, is_dispatched, is_asked_again;
    bool waits_long;       /* for what somebody else does meanwhile */
    bool is_over;          /* who asks came with a secret that was changed since */
    bool is_news;          /* what the answer tells happened just now, and is told for the first time */
    const char *about;     /* for the audit, where no parameter of the path says it; NULL */
    struct loop_io *watch; /* while it sleeps: the server would not notice that the client went away */
    struct stream stream;
    struct log_follow *follow;
    struct forgetting *apply; /* in the arena */
    struct bytes taken;       /* secret on its way, between two rounds of asking; wiped with the request */
    bool is_operator_there;
    unsigned refused_status;
    json_t *refusal; /* while something is taken back */
    json_t *keepers; /* names of operators with a password; NULL: that does not matter */
};

/* A way in: the Unix socket, where whoever can open it has every right; or the console's address, where they show who they are. */
enum door_kind { DOOR_API, DOOR_CONSOLE };
struct door {
    struct list node; /* in admin.doors */
    struct admin *admin;
    enum door_kind kind;
    uint32_t number; /* the parent's */
    struct MHD_Daemon *daemon;
    bool has_tls, is_ending;
    struct loop_io *io;
    struct list visitors; /* the console's connections */
    struct loop_timer patience;
    struct loop_deferred bury;
};

struct admin {
    struct {
        int64_t since_ms;
        unsigned count, left_out;
    } refusals; /* written to the audit of late, and not written */
    struct loop *loop;
    const struct conf *conf;
    struct list doors;
    struct door *console; /* the one that takes new connections; NULL: the console is off */
    int64_t complained_ms;
    struct loop_timer timer;
    struct loop_deferred run;
    struct channel *peers[ADMIN_PEERS];
    admin_ask_parent_fn *ask_parent;
    void *ask_parent_ctx;
    uint64_t next_tag;
    struct list requests, asks;
    struct directory *directory;
    struct sessions *sessions;
    bool is_entra_shut; /* as it was told last */
    bool is_proxy_told; /* that one is not named */
    struct {
        char host[NET_ADDR_TEXT_SIZE]; /* "": none */
        int64_t seen_ms;
    } unnamed_proxy;         /* the last one on this machine */
    struct openapi *openapi; /* NULL: nobody needed it yet */
    json_t *entra_groups;    /* user name -> ids of groups, as of the last sign-in; NULL: none yet */
    struct loop_timer sweep;
    char bound[128]; /* the console's real address; "" : as configured */
    struct {
        uint8_t hash[SETUP_HASH_SIZE]; /* of the token in the last link */
        int64_t ends_ms;               /* 0: none is in force */
        uint64_t tag;                  /* of our own question to the vault */
        struct request *user;          /* who is using it just now; NULL */
        bool is_told;                  /* printed by this process */
    } setup;
};

/* door.c */
void doors_start(struct admin *a);
bool door_open_api(struct admin *a, int fd /* taken */, struct fault *why);
void doors_stop(struct admin *a);
void door_visitor_left(struct door *d);

/* visitor.c: callbacks of the server, then what a request tells of its connection (which may be NULL) */
struct visitor;
enum MHD_Result visitor_may_come(void *ctx, const struct sockaddr *at, socklen_t size);
void visitor_on_connection(void *ctx, struct MHD_Connection *connection, void **slot,
                           enum MHD_ConnectionNotificationCode code);
struct visitor *visitor_of(struct MHD_Connection *connection);
void visitor_header_came(struct visitor *v);
void visitor_body_grew(struct visitor *v, size_t size);
void visitor_body_came(struct visitor *v);
void visitor_answered(struct visitor *v);
void visitor_is_known(struct visitor *v); /* whoever this is will not make room for others */
void visitor_waits_for_us(struct visitor *v, bool waits);
void visitors_hurry(struct door *d); /* who asks nothing goes now */

/* http.c: callbacks of the server */
enum MHD_Result http_on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **slot);
void http_on_completed(void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how);
/* Sets the connection aside until there is something to say, or the client goes away. */
void admin_http_sleep(struct request *r);
void admin_http_wake(struct request *r);

/* request.c */
struct request *request_new(struct door *d, struct MHD_Connection *connection, const char *method, const char *path);
void request_free(struct request *r);
const char *request_query(struct request *r, const char *name);  /* NULL if absent */
const char *request_header(struct request *r, const char *name); /* NULL if absent */
bool request_is_on(struct request *r, const char *name); /* the query's switch: 1 or true; 0 and false are off */
/* The body as a JSON object; otherwise responds 400 and returns NULL. Lent. */
json_t *request_json(struct request *r);
void respond_json(struct request *r, unsigned status, json_t *json); /* given */
void respond_empty(struct request *r, unsigned status);
void respond_plain(struct request *r, unsigned status, const char *text);
void respond_html(struct request *r, unsigned status, const char *text);
void respond_octets(struct request *r, struct bytes octets /* lent */, const char *content_type);
void respond_fd(struct request *r, int fd, const char *content_type); /* given */
void respond_fault(struct request *r, const struct fault *why);
/* With the finding of that id; the detail is what was seen. */
void respond_finding(struct request *r, unsigned status, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Something in the request is wrong: `member` is "pointer" for a place in its JSON, "part" for a parameter or header field. */
void respond_misfit(struct request *r, unsigned status, const char *id, const char *member, const char *where,
                    const char *text);
/* Goes out with whatever is responded. The value is copied. */
void request_add_header(struct request *r, const char *name, const char *value);
/* The answer as it came: its JSON with its status. True when it was a success and nothing was sent. */
bool respond_unless_ok(struct request *r, struct ask *a);
void respond_ask(struct request *r, struct ask *a);
void respond_first(struct request *r); /* the answer to the only, or the first, thing asked */
void respond_stream(struct request *r, const char *content_type);
void stream_push(struct request *r, const char *line); /* adds a line end */
void stream_push_bytes(struct request *r, struct bytes data);
void stream_end(struct request *r);

/* ask.c */
/* `in` is given (NULL: nothing), `secret` lent. When all asks of the request are answered, `then` runs. */
struct ask *request_ask(struct request *r, enum admin_peer peer, const char *verb, json_t *in);
/* The queue role is asked with the body as it came, and its answer is ours. */
void request_pass_body(struct request *r, const char *verb);
struct ask *request_ask_secret(struct request *r, enum admin_peer peer, const char *verb, json_t *in,
                               struct bytes secret);
struct ask *request_ask_long(struct request *r, enum admin_peer peer, const char *verb, json_t *in);
struct ask *request_submit(struct request *r, struct submit *m);
void request_then(struct request *r, request_fn *then);
void asks_cancel(struct request *r);
void asks_forget(struct request *r); /* answered ones, before the next round */
void asks_peer_gone(struct admin *a, enum admin_peer peer);

/* What the members of a list in an answer stand for, by the text of their `key`, in any case of letters; empty if there was no such answer.
 * The items are lent by the answer, the map is given. */
struct map *ask_index(struct ask *k, const char *list, const char *key);
json_t *ask_index_get(struct request *r, const struct map *index, const char *key); /* lent; NULL */

/* etag.c: the marks of If-Match go into `in`; the mark of the answer goes into its header. */
void etag_take(struct request *r, json_t *in);
const char *etag_move(struct request *r, json_t *json);  /* lent; NULL: it has none */
bool etag_is_known(struct request *r, const char *etag); /* If-None-Match has it; `etag` with its quotes or without */
request_fn respond_object;
request_fn respond_object_unless_known; /* 304 where If-None-Match has it */

/* upload.c */
/* Small contents stay in memory, larger ones go to a nameless file; limits.message-size is the most. */
bool upload_add(struct request *r, struct upload *u, struct bytes data, struct fault *why);
void upload_fini(struct upload *u);
/* send.c: the next bytes of a message; false: a refusal was responded. */
bool submission_add(struct request *r, struct bytes data);
/* The largest body that is read, in octets: a message of the largest size has room in it however it is written. */
uint64_t submission_body_limit(const struct conf *conf);
void submission_fini(struct submission *s); /* takes NULL */

/* admit.c: who asks, what for, and whether they may, by the header fields alone. Sets r->route, or responds; at once, or when the
 * vault has answered. */
void request_admit(struct request *r);
/* The names of a set of rights; given. */
json_t *rights_json(uint32_t rights);

/* guard.c */
/* Is it meant for us, and does it come from nobody else's page? Sets r->host and r->is_secure; or responds. */
bool guard_lets_in(struct request *r);
/* A change by a browser's session shows that it comes from our own page; or responds. */
bool guard_knows_page(struct request *r);
bool guard_host_is_in(const struct conf_list *ranges, const char *host);
bool guard_is_proxy(const struct conf *conf, const char *host);

/* principal.c */
/* Sets r->principal and runs `known`, at once or when the vault has answered; or responds. */
void principal_find(struct request *r, request_fn *known);
bool principal_may_touch(const struct principal *p, const char *mailbox);
const char *session_cookie_name(const struct request *r);
struct session_limits session_limits_of(const struct admin *a);
/* The vault's verdict on a password: true when it was good; else responds 401 with that finding, 429 with Retry-After, or 503. */
bool respond_unless_checked(struct request *r, struct ask *k, const char *id, const char *what);

/* people.c: what the objects say, as of now, of those who signed in. False: no such one, or it is switched off, or has ended. Kind,
 * name, rights and mailboxes of `out` are set, all in `life`. */
bool people_operator(const struct admin *a, struct arena *life, const char *name, struct principal *out);
bool people_key(const struct admin *a, struct arena *life, const char *name, struct principal *out);
/* Is who asks still let in, and with what the request needs? */
bool people_may_stay(const struct request *r);
/* What takes long ends for those who may not stay: after a change of objects or settings, and as time goes on. */
void people_look_again(struct admin *a);
/* That object has changed: who may not stay goes, and what is still fed to them ends. */
void people_changed(struct admin *a, uint32_t kind, const char *key);
/* It has a new secret: whoever came with the old one goes. */
void people_secret_changed(struct admin *a, enum principal_kind kind, const char *name);
/* Ends what is fed to that request, or what it waits for long. */
void people_cut_off(struct request *r);
bool people_offer_entra(const struct admin *a); /* is there a sign-in with it? */

/* oidc.c */
/* What the settings make of a person at Entra, as of now. False: nothing. */
bool entra_role(const struct admin *a, struct arena *life, const char *user, enum operator_role *role);
bool entra_is_for_anybody(const struct admin *a); /* its tenant is no one organization's: nobody is let in */
void entra_tell(struct admin *a);                 /* says so in the log when it has become so */
request_fn entra_start, entra_callback;

/* signin.c */
/* Opens a session for that operator and adds its cookie, and sets `p`; NULL: there is no such operator now. */
const struct session *session_open_for(struct request *r, const char *name, struct principal *p);
void sign_in_start(struct admin *a);
void sign_in_stop(struct admin *a);
/* Whoever this is has shown to be the operator of that name: opens a session, sets the cookie and responds with session_json(); false:
 * there is no such operator now, and 401 was responded. */
bool session_begin(struct request *r, const char *name, unsigned status);
json_t *session_json(struct request *r, const struct principal *p,
                     const struct session *s); /* given; `s` may be NULL */
/* The body's texts "name" and "password" (wiped there; the caller wipes what it got); or responds. */
bool take_name_and_password(struct request *r, const char **name, struct bytes *password);
request_fn session_get, session_post, session_delete;

/* setup.c */
void setup_tell(struct admin *a); /* prints a link, once, if nobody has a password; asks the vault first */
bool setup_heard(struct admin *a, const struct admin_answer *m); /* true: it was the answer to our own question */
bool setup_any_has_password(const json_t *list);                 /* answer to operator.list */
request_fn setup_link_post, setup_post;

/* route.c: the table's rows, by their numbers */
size_t route_count(void);
const struct admin_route *route_at(size_t number);
size_t route_number(const struct admin_route *route);
const struct admin_route *route_find(const char *method, const char *path, struct arena *arena, const char **params,
                                     bool *is_path_known);

/* openapi.c: the document of this API, made when it is first asked for; the admin's. */
const struct openapi *openapi_of(struct admin *a);
request_fn openapi_get;

/* contract.c: is it as that document says? Otherwise responds: 400 for the address, 422 for the body, naming what is wrong. */
bool contract_takes_address(struct request *r, const struct admin_route *route);
bool contract_takes_body(struct request *r);
bool contract_wants_body(const char *method);

/* pages.c: the console's files. */
request_fn page_get;
/* Does a browser that asks for it get a page, or one of the console's files? */
bool page_is_path(const char *path);

/* the handlers, by subject: objects.c */
void object_list_ask(struct request *r, const char *kind); /* with the page that is asked for */
request_fn providers_list, providers_get, providers_put, providers_patch, providers_delete;
request_fn registrations_list, registrations_get, registrations_put, registrations_patch, registrations_delete;
request_fn mailboxes_list, mailboxes_get, mailboxes_put, mailboxes_patch, mailboxes_delete;
request_fn apps_list, apps_get, apps_put, apps_patch, apps_delete;
request_fn operators_list, operators_get, operators_put, operators_patch, operators_delete;
request_fn operator_object_put, operator_object_patch, operator_object_delete;
request_fn keys_list, keys_get, keys_put, keys_patch, keys_delete;
/* operators.c */
request_fn operators_password, keys_secret;
/* audit.c */
request_fn audit_list;
json_t *audit_who(const struct request *r); /* given */
void audit_signed(struct request *r, const char *action, const char *name);
void audit_refused(struct request *r, const char *kind, const char *name); /* responded: with 429 for being throttled */
void audit_done(struct request *r);                                        /* with success, in whatever it was about */
/* endpoints.c */
request_fn api_endpoints_list, api_endpoints_get, api_endpoints_put, api_endpoints_patch, api_endpoints_delete;
request_fn endpoint_key, endpoint_test, endpoint_pause, endpoint_resume;
/* What a role's list says of that endpoint; lent, NULL. */
json_t *endpoint_line_of(const struct ask *k, const char *name);
/* inbound.c */
request_fn inbound_list, inbound_get, inbound_content, inbound_retry, inbound_remove;
request_fn mailbox_inbox_list, mailbox_inbox_get, mailbox_inbox_attachment, raw_link_get;
/* letter_json.c */
json_t *letter_json(const struct letter *l); /* given */
/* credentials.c */
/* The body's member `name` as bytes, or nothing; it leaves the JSON wiped, so that no later dump can show it. */
struct bytes take_secret(struct request *r, json_t *body, const char *name);
/* The first answer, with the new secret that came beside it as that member: the one time it is shown. */
void respond_secret_once(struct request *r, const char *member);
void wipe_taken(struct bytes secret);
request_fn registration_secret, registration_certificate, mailbox_password, mailbox_grant, app_password, daemon_rekey;
/* authorize.c */
/* Where a sign-in page sends the browser back to, if not to localhost: the redirect URI to register; given. */
char *authorize_callback_url(const struct admin *a);
request_fn mailbox_authorize, authorizations_finish, authorizations_wait, authorizations_land;
request_fn mailbox_owner_link, owner_look, owner_start, owner_wait;
/* mailbox.c */
request_fn mailbox_test, mailbox_pause, mailbox_resume;
/* messages.c */
request_fn messages_list, messages_get, messages_content, messages_submit, messages_retry, messages_hold,
    messages_release, messages_remove, queue_stats;
/* status.c */
request_fn status_get, roles_get, daemon_reload;
/* How a mailbox does, from what vault and queue say of it (either may be NULL). */
const char *mailbox_state(bool is_paused, json_t *grant, json_t *traffic);
bool mailbox_state_needs_person(const char *state);
/* Why a person is needed: the vault's last error, or else what the queue holds the mail for. {"id","text"}, given; or NULL. */
json_t *mailbox_reason(json_t *grant, json_t *traffic);
/* apply.c */
#define APPLY_BODY_LIMIT (2000u << 10)
request_fn export_get, apply_post;
void apply_free(struct request *r); /* what it holds outside of the arena */
/* overview.c */
request_fn overview_get;
/* metrics.c */
request_fn metrics_get;
/* health.c */
request_fn health_live, health_ready;
/* facts.c */
request_fn fields_get, config_get, finding_get, findings_get, listeners_get;
/* events.c */
request_fn log_get, events_get;
void log_follow_free(struct log_follow *f); /* takes NULL */

#endif
