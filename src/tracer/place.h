/* Where and how urgently the tracer runs. See place.c. */
#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

/* The front is kept off the processor that the tracer and its target share. */
void place_init(pid_t front);
/* To be told of so many stops that came together, one of them tid's: threads that did are on
 * several processors, and waited for each other, not for the tracer to wake up. */
void place_stops(pid_t tid, size_t stops);

#endif
