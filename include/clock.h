/* The time, and the processor time of the process. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

#include "types.h"

uint64_t clock_ns(clockid_t);

static inline uint64_t clock_ms(void) /* CLOCK_MONOTONIC */
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

#endif
