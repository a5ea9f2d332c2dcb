/* New tasks: threads of a target, and children.
 *
 * A fork's copy of the memory holds our trap bytes: it is stopped before its first
 * instruction, and followed, in a space of its own with the same traps; or cleaned and
 * let go. A child that shares the memory (vfork, CLONE_VM) cannot be cleaned without
 * taking the traps from the target, nor left alone with them: it stays traced until it
 * execs or ends, in its parent's space. What it execs is followed, or let go. */
#ifndef CHILD_H
#define CHILD_H

#include "space.h"
#include "thread.h"

void child_set_followed(bool);
bool child_is_followed(void);
/* The parent stands at its fork, vfork or clone event. */
void child_born(struct thread *parent);
/* The flags of clone(2) that a system call of this number and these registers has; 0: it is none
 * that begins a task. */
uint64_t child_flags(long call, const struct arch_regs *, const struct space *);
/* A task's first stop, which may come before its parent's event. */
struct resume child_first_stop(struct thread *);
/* A process has ended, or execs, and a thread of it was maybe killed before its event. */
void child_lose_parent(struct thread *parent);

#endif
