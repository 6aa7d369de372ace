/* cli/secret_input.h - secrets come from a file, standard input or a prompt without echo; never from the command line. */
#ifndef CLI_SECRET_INPUT_H
#define CLI_SECRET_INPUT_H

#include "base/fault.h"
#include "base/secret.h"

/* `file` NULL: a prompt on a terminal, else standard input; "-": standard input. One line end at its end is dropped. Given; NULL
 * with a fault, also when it is empty. */
struct secret *secret_input(const char *file, const char *prompt, struct fault *why);
/* One line of standard input, as it is typed or pasted. */
struct secret *secret_input_line(struct fault *why);

#endif
