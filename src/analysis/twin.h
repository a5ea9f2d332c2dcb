/* The same code elsewhere. */
#ifndef TWIN_H
#define TWIN_H

#include "job.h"

/* Gives the probe, of the instruction at vaddr, a twin, if there is one: from there a thread does
 * what it would from vaddr up to the ret that is at most eight instructions behind it, meets none
 * of the plan's traps, and an unwinder finds its caller all the way. It does not stand at a
 * function's begin, where programs that patch themselves do so. */
void twin_find(struct job *, taddr_t vaddr, struct probe *);

#endif
