/* Past a trap, by doing in the tracer what the displaced instruction would have
 * done. The trap byte stays where it is: lifted even for a moment, another
 * thread would run through.
 *
 * Memory that the thread could reach may be out of our reach: a push that makes
 * the stack grow faults from outside but not from inside. The thread then does
 * the instruction itself, on the same bytes elsewhere (the probe's twin), single
 * stepped, and is put back behind the trap. */
#ifndef STEP_H
#define STEP_H

#include "bp.h"
#include "thread.h"

int step_get_regs(pid_t tid, struct arch_regs *);
int step_set_pc(pid_t tid, taddr_t pc);
/* The thread stands on the trap and regs are its registers with the pc at the
 * trap. fresh: the thread's capture was taken at this very stop. */
struct resume step_past(struct thread *, const struct space *, const struct probe *,
                        struct arch_regs *regs, bool fresh);
/* A stop of a thread that is stepping on a twin. True when that was all it was. */
bool step_arrived(struct thread *, bool is_trap);

#endif
