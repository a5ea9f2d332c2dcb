/* A process lets itself be followed no more: it begins a task that no tracer is told of, clone(2)
 * with CLONE_UNTRACED. In the same memory, or in a copy of it, that task would meet traps that
 * nobody handles; and it may be there to trace the process itself, as LeakSanitizer's is, which
 * one tracer at a time can. So the process is let go before: when its memory has been compared
 * for the last time, the traps are lifted, the other threads go as they stop, and who asked goes
 * when it is the last but for those that do not stop. */
#ifndef RELEASE_H
#define RELEASE_H

#include "event.h"
#include "space.h"
#include "thread.h"

/* The thread stands in front of the system call; regs: as they will be there. */
bool release_is_asked(const struct thread *, const struct arch_regs *regs);
/* The thread is to make that call. */
struct resume release_begin(struct thread *);
/* Is this stop for the release to handle? It has; the thread is gone, or stops once more. */
bool release_takes(struct thread *, struct event);
/* To be called when all that has stopped goes on. */
void release_go_on(void);
/* Is that to be called again soon? Async-signal-safe. */
bool release_is_under_way(void);

#endif
