/* Which mappings of a process that has long been running are its threads' stacks. */
#ifndef THREAD_STACKS_H
#define THREAD_STACKS_H

#include <sys/types.h>

#include "vma.h"

/* By where the stack pointers of its sleeping threads are. Only those are handed over that
 * begin behind a guard: a thread may as well run on memory from elsewhere. */
void thread_stacks_find(pid_t, const struct vmas *, void (*found)(void *ctx, struct vma *),
                        void *ctx);

#endif
