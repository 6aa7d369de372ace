/* net/answers.h - addresses that were looked up lately, each for as long as its name server lets it be believed. */
#ifndef NET_ANSWERS_H
#define NET_ANSWERS_H

#include <stdint.h>

#include "net/addr.h"

struct answers;

struct answers *answers_new(void);
void answers_free(struct answers *a); /* takes NULL */
/* `name` is what was asked for, with its port; all is copied. */
void answers_keep(struct answers *a, const char *name, const struct net_addr *addrs, size_t count, int64_t until_ms);
/* How many addresses were put into `out`; 0: nothing is known that still holds. */
size_t answers_find(const struct answers *a, const char *name, int64_t now_ms, struct net_addr *out, size_t most);
void answers_forget(struct answers *a); /* all of them */

#endif
