/* Stops at every system call (PTRACE_SYSCALL), for those that map from where no trap can
 * stand: code that does not decode, or that the program makes for itself and may rewrite.
 * Whoever does nothing of the kind for 1,000 calls is not stopped any more. */
#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include "thread.h"

/* Also for those that run or sleep now: they are interrupted, and their calls restarted; one
 * that may have done a part of its work already is left alone until its next stop. */
void every_call_begin(struct space *);
/* The thread has stopped at a call's begin or end. */
struct resume every_call_stop(struct thread *);
struct resume every_call_go_on(struct thread *); /* its turn has come, see turn.h */

#endif
