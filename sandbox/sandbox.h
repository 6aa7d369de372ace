/* sandbox/sandbox.h - a Microsoft 365 tenant on loopback, to try everything without one.
 *
 * It imitates what is observable from outside: Entra's endpoints, SMTP submission, their error texts, limits and failures. It
 * shares base/, loop/ and net/ with the gateway but no protocol code, so that both can't make the same mistake. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

/* `postern sandbox [--dir DIR] …` and `postern sandbox set …`. argv[0] is "sandbox". Returns the exit status. */
int cmd_sandbox(int argc, char **argv);

#endif
