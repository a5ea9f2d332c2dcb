/* How long the program stood still for its tracer. */
#ifndef OUTPUT_COST_H
#define OUTPUT_COST_H

#include "output.h"

/* Of all its threads together; 0: not known. A stop costs what a bare one does, in which
 * the tracer only looks and lets go on, and whatever CPU time it took beyond that. */
uint64_t cost_stopped_ns(const struct report *, const struct heap_cost *);

#endif
