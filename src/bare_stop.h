/* What one stop for a trap costs here and now, when the tracer does nothing about it. */
#ifndef BARE_STOP_H
#define BARE_STOP_H

#include "types.h"

struct bare_stop {
	uint64_t ns;     /* that the traced thread stands still */
	uint64_t cpu_ns; /* of it, the tracer's */
};

struct bare_stop bare_stop_measure(void); /* zeros: could not be measured */

#endif
