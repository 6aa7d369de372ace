/* edge/service.h - what a listener offers its sessions: a snapshot of settings, counted, so that a reload changes new sessions only. */
#ifndef EDGE_SERVICE_H
#define EDGE_SERVICE_H

#include "bridge/bridge.h"
#include "conf/conf.h"
#include "msg/parent_role.h"
#include "net/tls.h"
#include "proto/smtp/server.h"

struct service {
    unsigned refs;
    struct smtp_server_policy policy;
    bool is_through;            /* sessions are bridges */
    struct bridge_terms bridge; /* only its protocol counts where they are not */
    enum conf_tls tls;
    struct tls_context *context; /* NULL without TLS */
    bool auth_without_tls;
    char *hostname;
    uint64_t header_limit;
    int64_t session_idle_ms, data_idle_ms;
};

/* NULL: the certificate can't be used, `why` says why. */
struct service *service_new(const struct parent_listener *l, const struct conf *conf, struct fault *why);
/* The same listener under new settings. */
struct service *service_renew(const struct service *old, const struct conf *conf);
struct service *service_ref(struct service *s);
void service_free(struct service *s); /* gives one reference back; takes NULL */

#endif
