/* edge/bridged.h - a guest whose session is a bridge. */
#ifndef EDGE_BRIDGED_H
#define EDGE_BRIDGED_H

#include "bridge/bridge.h"
#include "edge/service.h"

struct edge;

void bridged_open(struct edge *e, struct service *service, int fd /* taken */, const char *host);
extern const struct bridges_host bridged_host; /* its ctx is the edge */

#endif
