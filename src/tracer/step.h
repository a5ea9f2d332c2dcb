/* Past a trap, by doing in the tracer what the displaced instruction would have
 * done. The trap byte stays where it is: lifted even for a moment, another
 * thread would run through.
 *
 * Memory the thread could reach may be out of our reach: a push onto a page that
 * the stack has not grown to faults from outside, but not from inside. The thread
 * then executes a push somewhere else, single-stepped, which makes its stack grow;
 * that is undone, and the instruction emulated again. */
#ifndef STEP_H
#define STEP_H

#include "bp.h"
#include "thread.h"

int step_get_regs(pid_t tid, struct arch_regs *);
void step_set_pc(pid_t tid, taddr_t pc);
/* A system call that stopping the thread has broken off, and that without us would not
 * have noticed, is started again. A handler that is due all the same makes it return
 * EINTR, as it would have. */
void step_restart_call(pid_t tid, const struct arch_regs *);
void step_interrupted(struct thread *); /* the same, if it is we who have interrupted it */
/* Writes what differs. */
void step_set_regs(struct thread *, const struct arch_regs *was, const struct arch_regs *);

/* Does the probe's instruction, at which the pc in regs stands, on regs and memory. False:
 * memory is out of reach, nothing was changed. */
bool step_over(const struct thread *, const struct space *, const struct probe *,
               struct arch_regs *regs);
/* After that: the thread, whose registers regs are, is to make its stack grow. */
struct resume step_grow(struct thread *, const struct space *, const struct probe *,
                        const struct arch_regs *regs);
/* The next stop of a thread whose stack is growing. Is it past the trap? Else it
 * stands on it again, and what has stopped it is still to be dealt with. */
bool step_grown(struct thread *, const struct space *, bool is_trap);

#endif
