/* Where and how urgently the tracer runs. See place.c. */
#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

#include "ring.h"

/* The ring's reader is told which processor to leave alone. */
void place_init(struct ring *);
/* To be told of so many stops that came together, one of them tid's: threads that did are on
 * several processors, and waited for each other, not for the tracer to wake up. */
void place_stops(pid_t tid, size_t stops);

#endif
