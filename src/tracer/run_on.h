/* From a trap on, without another stop. */
#ifndef RUN_ON_H
#define RUN_ON_H

#include "space.h"
#include "thread.h"

/* Past the trap, and on as long as the tracer knows what comes next: one stop serves
 * a chain of wrappers (operator delete, the PLT, free). trapped: the registers as the
 * kernel has them; regs: the same with the pc at the trap. */
struct resume run_on(struct thread *, const struct space *, const struct probe *,
                     const struct arch_regs *trapped, struct arch_regs *regs);
/* If the thread is in the twin it was sent to, it goes back to the code that is the twin's: there
 * it meets the ret's trap once more, with nothing pending. */
void run_on_bring_home(struct thread *, struct arch_regs *);

#endif
