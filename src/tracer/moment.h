/* One reading of the clock serves all that is done about a stop. */
#ifndef MOMENT_H
#define MOMENT_H

#include "types.h"

void moment_pass(void);   /* another stop, another moment */
uint64_t moment_ns(void); /* CLOCK_MONOTONIC */

#endif
