/* System calls that map: from traps around them to records, in the order in which the
 * kernel does them.
 *
 * A call is stopped before and after it. Between the two it is under way, and what it does
 * in relation to another call under way in the same address space could not be told from
 * outside; so there is one at a time, and others wait in front of theirs, as they would in
 * the kernel for the same lock. Where the thread is taken away in between, by a signal or a
 * stop, the call is either past (its result is there) or not begun: then the thread is put
 * back in front of it. */
#ifndef MAP_H
#define MAP_H

#include "bp.h"
#include "thread.h"

/* The thread, whose registers regs are, stands at a PROBE_SYSCALL or PROBE_SYSRET.
 * trapped: as in probe_run_on. */
struct resume map_hit(struct thread *, const struct probe *, const struct arch_regs *trapped,
                      struct arch_regs *regs);
/* The thread stops for something else, or never comes back (gone). */
void map_interrupted(struct thread *, int sig); /* sig: 0, or the signal it stops for */
void map_gone(struct thread *);
void map_finish(struct thread *); /* its call, see every_call.h, has returned just now */
/* Its turn has come: it has waited in front of the trap at addr. */
struct resume map_go_on(struct thread *, taddr_t addr);

#endif
