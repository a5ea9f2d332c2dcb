/* Where and how urgently the tracer runs. See place.c. */
#ifndef PLACE_H
#define PLACE_H

#include <sys/types.h>

void place_init(void);
/* To be told of every stop that was handled. */
void place_stop(pid_t tid);

#endif
