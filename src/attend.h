/* What is asked of a session from without, but for its control socket. */
#ifndef ATTEND_H
#define ATTEND_H

#include "loop.h"

/* How long records may lie while the target is busy. Each time the front goes back to sleep,
 * its processor finds nothing to do and takes the target over from the tracer's. */
#define NAP_MS 50

void attend_wait(struct session *, int ms); /* until there is something to attend to; -1: for ever */
unsigned attend_signals(struct session *);  /* does what they ask; a set of SIGNALS_ */
void attend_timers(struct session *);
/* All that is traced is to be let go: nobody who does not read holds it up. */
void attend_leave(struct session *);

#endif
