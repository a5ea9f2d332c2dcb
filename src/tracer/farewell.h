/* Leaving the target as it would be without us: traps lifted, every thread that has
 * met one put back where the instruction now stands again, all let go. */
#ifndef FAREWELL_H
#define FAREWELL_H

#include "bp.h"

/* Tells of the text by REC_LIFTED. */
void farewell(const struct space *);

#endif
