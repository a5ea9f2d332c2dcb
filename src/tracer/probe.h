/* What a trap means: from hits to records. */
#ifndef PROBE_H
#define PROBE_H

#include "bp.h"
#include "thread.h"

/* regs: the thread's, pc at the trap. */
void probe_hit(struct thread *, const struct space *, const struct probe *,
               const struct arch_regs *regs);
/* The call that begins here is seen to end where it returns to, and no trap has been asked for
 * there yet: the address, or 0. */
taddr_t probe_return_site(struct thread *, struct space *, const struct probe *,
                          const struct arch_regs *);
/* Past the trap, and on as long as the tracer knows what comes next: one stop serves
 * a chain of wrappers (operator delete, the PLT, free). trapped: the registers as the
 * kernel has them; regs: the same with the pc at the trap. */
struct resume probe_run_on(struct thread *, const struct space *, const struct probe *,
                           const struct arch_regs *trapped, struct arch_regs *regs);
/* If the thread is in the twin it was sent to, it goes back to the code that is the twin's: there
 * it meets the ret's trap once more, with nothing pending. */
void probe_bring_home(struct thread *, struct arch_regs *);
/* The thread stands at the first instruction of a signal handler. */
void probe_handler_begins(struct thread *, struct space *);
/* The thread is gone or has a new image: its pending calls never return. */
void probe_abandon_all(struct thread *);

#endif
