/* Where and how urgently the tracer runs. See place.c. */
#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

#include "ring.h"

/* The ring's reader is told which processor to leave alone. */
void place_init(struct ring *);
/* To be told of every stop that was handled. */
void place_stop(pid_t tid);

#endif
