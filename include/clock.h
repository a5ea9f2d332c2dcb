/* The time, and the processor time of the process. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

#include "types.h"

uint64_t clock_ns(clockid_t);

#endif
