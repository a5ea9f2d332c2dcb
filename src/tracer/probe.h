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
/* The thread stands at the first instruction of a signal handler. */
void probe_handler_begins(struct thread *, struct space *);
/* The thread is gone or has a new image: its pending calls never return. */
void probe_abandon_all(struct thread *);

#endif
