/* Entry and exit of an allocator function at one stop. */
#ifndef LATE_H
#define LATE_H

#include "job.h"

/* Plans late entries for a function that is asked for a size, its argument 0, and leaves only by
 * ret; exits are the caller's to plan. Else nothing is planned, and returned why it cannot be
 * proved that every way through the function has one: a static string. */
const char *late_plan(struct job *, const struct found *, const struct cfg *, uint32_t function);

#endif
