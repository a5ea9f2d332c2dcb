/* Timers as descriptors to poll. */
#ifndef TIMER_H
#define TIMER_H

#include "types.h"

/* Fires after ms, and every ms again when it repeats; ms 0: never, and -1 is
 * returned, as on failure, with errno. */
int timer_open(uint64_t ms, bool repeats);
bool timer_fired(int fd); /* since last asked; -1: never */

#endif
