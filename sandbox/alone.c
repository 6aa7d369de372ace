#include "sandbox/sandbox.h"

int main(int argc, char **argv)
{
    return cmd_sandbox(argc, argv);
}
