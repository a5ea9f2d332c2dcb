/* From a wait status to how the thread goes on. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "bp.h"
#include "thread.h"

/* *thread: whose status it was, or NULL. *ended is set when there is no more to trace,
 * though children may be left that are to be let go. */
struct resume dispatch(pid_t tid, int wait_status, struct thread **thread, bool *ended);

#endif
