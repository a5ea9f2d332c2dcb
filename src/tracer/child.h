/* New tasks: threads of the target, and children, which are not followed.
 *
 * A fork's copy of the memory holds our trap bytes: it is stopped before its
 * first instruction, cleaned, and let go. A child that shares the memory (vfork,
 * CLONE_VM) cannot be cleaned without taking the traps from the target, nor left
 * alone with them: it stays traced until it execs or ends. */
#ifndef CHILD_H
#define CHILD_H

#include "bp.h"
#include "thread.h"

/* The parent stands at its fork, vfork or clone event. */
void child_born(struct thread *parent, const struct space *);
/* A task's first stop, which may come before its parent's event. */
struct resume child_first_stop(struct thread *, const struct space *, int group_stop_sig);

#endif
