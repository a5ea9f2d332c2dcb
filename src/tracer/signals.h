/* What a thread does with signals: masks of /proc/TID/status, proc(5), bit n-1 for
 * signal n; all zero when it is gone. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <sys/types.h>

#include "types.h"

struct signals {
	uint64_t pending; /* SigPnd: for this thread */
	uint64_t ignored, caught;
};

struct signals signals_of(pid_t tid);

#endif
