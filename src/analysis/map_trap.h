/* Where the traps around system calls that map go. */
#ifndef MAP_TRAP_H
#define MAP_TRAP_H

#include "job.h"

void map_trap_plan(struct job *); /* for the whole module */

#endif
