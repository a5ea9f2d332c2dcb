/* The same code elsewhere. */
#ifndef TWIN_H
#define TWIN_H

#include "job.h"

/* A target address, or 0: from there a thread does what it would from vaddr up to the ret that
 * is at most eight instructions behind it, meets none of the plan's traps, and an unwinder
 * finds its caller all the way. */
taddr_t twin_find(struct job *, taddr_t vaddr);

#endif
