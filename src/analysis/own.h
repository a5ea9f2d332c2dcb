/* C++ operators: those that call the C library's functions, which are what is traced then, and
 * those that hand out and take back memory themselves. */
#ifndef OWN_H
#define OWN_H

#include "job.h"

/* Makes allocators of the latter among the job's found; before they are sorted. */
void own_operators(struct job *);
/* May what cfg has seen call or jump on to what is not in the job's module? */
bool own_leads_out(struct job *, const struct cfg *);

#endif
