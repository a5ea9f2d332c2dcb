/* Leaving the target as it would be without us: traps lifted, every thread that has
 * met one put back where the instruction now stands again, all let go. */
#ifndef FAREWELL_H
#define FAREWELL_H

/* Tells of each space by REC_LIFTED. */
void farewell(void);

#endif
