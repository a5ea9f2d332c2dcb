/* From a wait status to how the thread goes on. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "bp.h"
#include "thread.h"

/* *thread: whose status it was, or NULL. *ended is set when the traced process is
 * gone. */
struct resume dispatch(struct space *, pid_t tid, int wait_status, struct thread **thread,
                       bool *ended);

#endif
