/* An edge with its doors open, a vault and a queue role that do as a test says, and clients that speak SMTP by script. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "edge/edge.h"
#include "msg/edge_queue.h"
#include "msg/edge_vault.h"
#include "net/addr.h"

enum world_vault { VAULT_ANSWERS, VAULT_SILENT };
enum world_queue { QUEUE_STORES, QUEUE_SILENT, QUEUE_REFUSES };

struct world {
    struct loop *loop;
    struct conf conf;
    struct edge *edge;
    char state[64];
    struct net_addr door;
    struct arena *arena;

    struct channel *vault_end, *queue_end; /* the edge's ends */
    struct channel *vault, *queue;         /* ours */
    enum world_vault vault_does;
    enum world_queue queue_does;
    struct submit_done refusal;
    uint32_t delay_ms;

    unsigned asked; /* sign-ins */
    char user[641], password[1025], host[128];
    unsigned submitted;
    struct submit submit; /* texts in `arena` */
    struct buf body;      /* of the last submit, from wherever it came */
    bool came_by_fd;
    unsigned ready, stopped;
};

/* The directory: mailbox shop@a.example (alias store@a.example, at most 1 MB) and apps "web" (that mailbox; password "secret"),
 * "printer" (forced to store@a.example), "scanner" (known by 127.0.0.1 if `trusts`). */
struct world_options {
    bool is_virtual, trusts;
    enum conf_tls tls;
    struct bytes certificate, key;
};
void world_open(struct world *w, const struct world_options *o);
void world_close(struct world *w);
void world_vault_dies(struct world *w);
void world_queue_dies(struct world *w);
void world_queue_returns(struct world *w);
void world_turns(struct world *w, unsigned count);

int world_dial(struct world *w);
void world_say(int fd, const char *bytes, size_t size);
/* Lines in order: ">text" is sent with CRLF; "<250 2.1" is what the last line of the next reply begins with; "<550*words" begins
 * and contains; "<" alone: the server closes. Ended by NULL. */
void world_talk(struct world *w, int fd, const char *const *lines);
#define TALK(w, fd, ...) world_talk(w, fd, (const char *const[]){ __VA_ARGS__, NULL })
/* Reads one whole reply into `out`; false at the end of the connection. */
bool world_reply(struct world *w, int fd, char *out, size_t size);
void world_sign_in(struct world *w, int fd); /* greeting, EHLO, AUTH as web */

#endif
