/* `alloctrace check -p PID`: may it be attached to, what allocators has it, and what would
 * tracing it cost. A session that is over after a second. */
#ifndef CHECK_H
#define CHECK_H

#include "session.h"

int check_main(int argc, char **argv, struct title); /* as rescue_main */

#endif
