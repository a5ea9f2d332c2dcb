/* A process that borrows the target's memory (vfork, posix_spawn) is traced until its
 * exec, and what it executes would not get the privileges its file gives. Without
 * CAP_SYS_PTRACE a borrower therefore stops at each system call, and is let go before an
 * execve that gives it privileges. So is a followed copy of a process (fork). */
#ifndef BORROWER_H
#define BORROWER_H

#include "bp.h"
#include "thread.h"

/* At the stop at a system call. */
struct resume borrower_call(const struct thread *, const struct space *);

#endif
