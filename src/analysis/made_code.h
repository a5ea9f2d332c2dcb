/* Code that the program makes as it runs. */
#ifndef MADE_CODE_H
#define MADE_CODE_H

#include <sys/types.h>

#include "resolve.h"

/* Is there, between the two addresses, a system call that maps? Only one whose number stands
 * just before it is found: in code that other code may stand beside, any two bytes may look
 * like a call. */
bool made_code_maps(struct resolver *, pid_t, taddr_t begin, taddr_t end);

#endif
