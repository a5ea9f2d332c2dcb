/* Whose turn it is to map: one thread at a time in an address space, and nobody while the
 * front reads the kernel's list of it. */
#ifndef TURN_H
#define TURN_H

#include "space.h"
#include "thread.h"

bool turn_is_taken(const struct space *, const struct thread *by); /* by another one */
bool turn_has(const struct space *, taddr_t call); /* the call there is under way */
void turn_take(struct thread *, taddr_t call); /* the one there begins */
/* The thread waits, where it stands: in front of the trap at addr, or at the call there. */
struct resume turn_wait(struct thread *, taddr_t addr);
void turn_release(struct space *); /* the call that was under way is over */
/* The thread is in no call that began before the attach. */
void turn_no_earlier(struct thread *);

/* The process is about to exit: it waits as above until the front has seen its memory for
 * the last time. */
struct resume turn_leave(struct thread *, taddr_t addr);
bool turn_may_leave(const struct thread *); /* the front has */
/* The thread does something else: its call to exit has failed, or a signal came first. The
 * next time is looked at again. */
void turn_stays(struct thread *);

/* The front reads the kernel's list: CMD_QUIET, CMD_LOUD. */
void turn_quiet(struct space *);
void turn_loud(struct space *);
/* Nobody waits too long: the call waited for may itself wait for the waiting,
 * userfaultfd(2). To be called when the alarm has come. */
void turn_patience(void);
bool turn_is_impatient(void); /* async-signal-safe: is the alarm to go on? */

#endif
