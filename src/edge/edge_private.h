/* edge/edge_private.h - what the files of this room share. */
#ifndef EDGE_EDGE_PRIVATE_H
#define EDGE_EDGE_PRIVATE_H

#include "base/map.h"
#include "bridge/bridge.h"
#include "edge/edge.h"
#include "edge/service.h"
#include "msg/ask.h"
#include "object/directory.h"

struct edge {
    struct loop *loop;
    const struct conf *conf;
    int spool_fd;

    struct directory *directory;
    struct directory
        *incoming; /* being filled since the queue role came up; replaces `directory` when it is complete */
    bool has_directory;

    struct channel *vault, *queue; /* NULL: away */
    bool is_queue_open;
    char queue_why[512]; /* in the queue role's words */

    struct list listeners;
    struct list guests; /* of every kind of session */
    size_t guests_count;
    struct map *hosts; /* guests per client address */
    uint32_t run;      /* random, so that session ids of different runs differ */
    uint32_t started;  /* sessions so far */

    int64_t turned_away_ms; /* when that was logged last, and how many since */
    unsigned turned_away;

    struct asks logins, tokens, submits;
    struct bridges *bridges;

    edge_event_fn *ready;
    void *ready_ctx;
    edge_event_fn *stopped;
    void *stopped_ctx;
    bool is_stopping;
    struct loop_timer patience; /* while stopping */
    struct loop_deferred last_out;
};

/* listener.c */
void edge_listeners_resume(struct edge *e);
void edge_listeners_reload(struct edge *e);
void edge_listeners_end(struct edge *e);

/* edge.c */
size_t edge_guests_of(const struct edge *e, const char *host);

#endif
