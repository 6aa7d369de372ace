/* main.c - every command, one row each. */
#include "cli/command.h"

#include <stddef.h>

static const struct command commands[] = {
    { "serve", "the daemon", serve_actions, NULL },
    { "check", "say what is wrong with the configuration", check_actions, NULL },
    { "sandbox", "a Microsoft 365 tenant on this machine, to try things", NULL, cmd_sandbox },
    { "status", "one screen: what needs a person, mailboxes, endpoints, queue", status_actions, NULL },
    { "provider", "mail services: Microsoft 365 in its clouds, and your own", provider_actions, NULL },
    { "registration", "app registrations and their credentials", registration_actions, NULL },
    { "mailbox", "mailboxes, signing them in, and testing them", mailbox_actions, NULL },
    { "app", "programs and devices that may send and read mail", app_actions, NULL },
    { "endpoint", "where mail that arrives is handed to", endpoint_actions, NULL },
    { "fetch", "mail that arrived and is kept", fetch_actions, NULL },
    { "queue", "what waits, why, and what to do about it", queue_actions, NULL },
    { "send", "compose a message and hand it in", send_actions, NULL },
    { "sendmail", "as sendmail(8), also under that name", NULL, cmd_sendmail },
    { "log", "what happened", log_actions, NULL },
    { "setup", "a link that makes an administrator of the console", setup_actions, NULL },
    { "operator", "people who may sign in to the console", operator_actions, NULL },
    { "key", "programs that may use the API", key_actions, NULL },
    { "audit", "who changed what, and who came in", audit_actions, NULL },
    { "apply", "set up everything as one document has it, or nothing", apply_actions, NULL },
    { "export", "everything that is set up, as one document", export_actions, NULL },
    { "reload", "read the configuration file again", reload_actions, NULL },
    { "vault", "the key that seals every secret", vault_actions, NULL },
    { NULL },
};

int main(int argc, char **argv)
{
    return cli_main(commands, argc, argv);
}
