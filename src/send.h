/* Commands on their way to the tracer: the session's own, and those that the analysis has
 * ready for a process. What the ring has no room for stays there until the next round. */
#ifndef SEND_H
#define SEND_H

#include "processes.h"
#include "tracer.h"

/* One without more than a thread. False: no room yet. */
bool send_command(struct tracer *, enum command_kind, pid_t);
void send_of(struct tracer *, struct traced *);
void send_all(struct tracer *, struct processes *);

#endif
