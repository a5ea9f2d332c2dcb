/* alloctrace rescue PID: puts back what a killed session has left in a process. */
#ifndef RESCUE_H
#define RESCUE_H

#include "session.h"

/* argv[0] is the command's name; an exit status */
int rescue_main(int argc, char **argv, struct title);

#endif
