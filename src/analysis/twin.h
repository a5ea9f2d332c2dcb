/* The same code elsewhere. */
#ifndef TWIN_H
#define TWIN_H

#include "job.h"

/* Of the instruction at vaddr: from the twin a thread does what it would from vaddr up to the ret
 * that is at most eight instructions behind it, meets none of the plan's traps, and an unwinder
 * finds its caller all the way. It does not stand at a function's begin, where programs that patch
 * themselves do so. Its addr is 0 where there is none. */
struct twin twin_find(struct job *, taddr_t vaddr);

#endif
