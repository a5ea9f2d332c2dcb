/* Should that execve fail after all, the borrower comes back to memory full of traps,
 * and nobody is there to handle them; so what can be known to fail is looked at first. */
#include "borrower.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bp.h"
#include "child.h"
#include "emit.h"
#include "mem.h"
#include "privilege.h"
#include "step.h"

/* A string ends where it ends, maybe just before memory that can't be read. */
static bool read_string(const struct space *space, taddr_t addr, char *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (mem_read(space->mem, addr + i, out + i, 1) < 0)
			return false;
		if (!out[i])
			return true;
	}
	return false;
}

/* The file that the call is to execute, as we see it; out holds PATH_MAX. */
static bool file_of_call(const struct arch_regs *regs, pid_t tid, const struct space *space,
                         char *out)
{
	bool at = regs->orig_rax == SYS_execveat;
	char path[PATH_MAX];
	int len;

	if (!at && regs->orig_rax != SYS_execve)
		return false;
	if (!read_string(space, at ? regs->rsi : regs->rdi, path, sizeof(path)))
		return false;
	if (*path == '/')
		len = snprintf(out, PATH_MAX, "/proc/%d/root%s", tid, path);
	else if (at && (int)regs->rdi != AT_FDCWD)
		len = snprintf(out, PATH_MAX, "/proc/%d/fd/%d%s%s", tid, (int)regs->rdi,
		               *path ? "/" : "", path);
	else
		len = snprintf(out, PATH_MAX, "/proc/%d/cwd/%s", tid, path);
	return len < PATH_MAX;
}

/* A copy's other threads would be left with its traps. */
static bool may_be_let_go(const struct thread *thread, const struct space *space)
{
	return thread->role == ROLE_BORROWER || (thread->forked && space->users == 1);
}

struct resume borrower_call(const struct thread *thread, const struct space *space)
{
	char path[PATH_MAX];
	struct arch_regs regs;

	if (!may_be_let_go(thread, space) || step_get_regs(thread->tid, &regs) < 0 ||
	    !file_of_call(&regs, thread->tid, space, path) || access(path, X_OK) < 0 ||
	    !privilege_lost(path))
		return (struct resume){ GO_RUN, 0 };
	if (thread->forked)
		bp_lift_all(space, space->pid, space->mem);
	if (child_is_followed())
		emit(REC_LEFT, thread);
	return (struct resume){ GO_DETACH, 0 };
}
