/* A function that a user names by its place. */
#ifndef FN_PLACE_H
#define FN_PLACE_H

#include "job.h"

/* NULL: a function begins there, by the unwind table, else by symbols, else by calls. Else why it
 * does not; a static string. */
const char *fn_place_why_not(struct job *, taddr_t vaddr);

#endif
