/* sandbox/set.h - `postern sandbox set`: find the running sandbox and turn a switch of it. */
#ifndef SANDBOX_SET_H
#define SANDBOX_SET_H

/* argv[0] is "set". Returns the exit status. */
int sandbox_set(int argc, char **argv);

#endif
