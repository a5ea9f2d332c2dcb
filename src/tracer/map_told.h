/* What a system call that maps does not tell by its arguments and its result. */
#ifndef MAP_TOLD_H
#define MAP_TOLD_H

#include <sys/types.h>

#include "map_call.h"

/* A call of the process that has returned, with args, result and kind, gets mapped and
 * address; it must not have been followed by another one. mem: its memory's descriptor. */
void map_told(struct map_call *, pid_t pid, int mem);

#endif
