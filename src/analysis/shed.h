/* Traps that a thread goes on from without a word written. See arch/x86_64/shed.c. */
#ifndef SHED_H
#define SHED_H

#include "job.h"

/* Makes the probe, of the instruction at vaddr, such a one. False: it is none. */
bool shed_make(struct job *, taddr_t vaddr, const struct decoded *, struct probe *);

#endif
