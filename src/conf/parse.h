/* conf/parse.h - shared by parse.c and load.c. Private to the room. */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/schema.h"

/* conf/load.c */
const char *conf_default_state(struct arena *arena);
/* Every row's initial value, and the default listener. `state` is already there. */
void conf_fill(struct conf *c, const struct conf_base *base, struct arena *arena);
void conf_listener_init(struct conf_listener *l);
/* Nobody else listens in: loopback, or the administrator said that there is no TLS here. */
bool conf_listener_is_private(const struct conf_listener *l);

#endif
