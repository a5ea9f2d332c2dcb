/* alloctrace rescue PID: puts back what a killed session has left in a process. */
#ifndef RESCUE_H
#define RESCUE_H

int rescue_main(int argc, char **argv); /* argv[0] is the command's name; an exit status */

#endif
