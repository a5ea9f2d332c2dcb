/* Letting go of what is traced, as it would be without us. */
#ifndef LEAVE_H
#define LEAVE_H

#include "event.h"
#include "thread.h"

/* Takes every trap out, and tells so by REC_LIFTED. Before any thread is let go. */
void leave_lift(const struct space *);
/* It has hit a trap, but stopped for something else first. */
bool leave_is_trap_pending(pid_t tid);
/* The thread is stopped, for the event. */
void leave_go(struct thread *, struct event);
/* The same, unless it would notice: then another stop of it is due. */
void leave_at_stop(struct thread *, struct event);

#endif
