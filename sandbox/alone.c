/* The sandbox without the rest of the program. The word "sandbox" may stand first, as after `postern`. */
#include <stdbool.h>
#include <string.h>

#include "sandbox/sandbox.h"

int main(int argc, char **argv)
{
    bool has_word = argc > 1 && strcmp(argv[1], "sandbox") == 0;
    return cmd_sandbox(argc - has_word, argv + has_word);
}
