/* Signals that are sent to alloctrace: the target is given those that are meant for it, the
 * others ask something of us. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "target.h"

enum { /* what is asked */
	SIGNALS_REPORT = 1,
	SIGNALS_LEAVE = 2, /* let go of all that is traced */
	SIGNALS_REOPEN = 4, /* files anew */
	SIGNALS_URGED = 8  /* the program has been sent one that may end it */
};

/* Blocks them; a descriptor to poll, or -1 with errno. Nothing of this may be inherited by
 * the target, which gets *was back. */
int signals_open(struct launch_signals *was);
/* Takes all that have come: a set of SIGNALS_. only_others: the target has ended, what it
 * started is still traced. */
unsigned signals_take(int fd, const struct target *, pid_t tracer, bool only_others);

#endif
