/* The front, which is the tracer's parent: is it there, and signals to it. */
#ifndef FRONT_H
#define FRONT_H

#include <stdbool.h>
#include <sys/types.h>

void front_is(pid_t); /* before the tracer is forked */
bool front_gone(void);
/* The process that the front has launched: it stops and goes on with it. */
void front_has_launched(pid_t);
bool front_stops_with(pid_t);
void front_signal(int sig); /* nothing when it is gone */

#endif
