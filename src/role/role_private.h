/* role/role_private.h - what role.c shares with the parent. */
#ifndef ROLE_ROLE_PRIVATE_H
#define ROLE_ROLE_PRIVATE_H

#include "role/role.h"

enum log_level role_log_level(const struct conf *conf);

#endif
