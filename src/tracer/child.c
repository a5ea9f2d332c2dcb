#include "child.h"

#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "copy.h"
#include "emit.h"
#include "mem.h"
#include "step.h"

/* The event's kind does not tell: fork with CLONE_VFORK may share or copy. The
 * parent still stands in the system call, whose arguments do. */
static uint64_t clone_flags(const struct arch_regs *regs, const struct space *space)
{
	uint64_t flags = 0;

	switch (regs->orig_rax) {
	case SYS_vfork:
		return CLONE_VM | CLONE_VFORK;
	case SYS_clone:
		return regs->rdi;
	case SYS_clone3: /* struct clone_args begins with flags; clone(2) */
		mem_read(space->mem, regs->rdi, &flags, sizeof(flags));
	}
	return flags;
}

static enum thread_role role_of(pid_t parent, const struct space *space)
{
	struct arch_regs regs;
	uint64_t flags;

	if (step_get_regs(parent, &regs) < 0)
		return ROLE_COPY;
	flags = clone_flags(&regs, space);
	if (flags & CLONE_THREAD)
		return ROLE_TARGET;
	return flags & CLONE_VM ? ROLE_BORROWER : ROLE_COPY;
}

static struct resume begin(struct thread *thread, const struct space *space, int group_stop_sig)
{
	switch (thread->role) {
	case ROLE_COPY:
		copy_clean(space, thread->tid);
		return (struct resume){ GO_DETACH, 0 };
	case ROLE_TARGET:
		emit(REC_THREAD_BEGIN, thread->tid, thread->pid);
		break;
	default:
		break;
	}
	return (struct resume){ group_stop_sig ? GO_LISTEN : GO_RUN, 0 };
}

void child_born(struct thread *parent, const struct space *space)
{
	struct thread *thread;
	unsigned long tid;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, 0, &tid) < 0)
		return;
	thread = thread_find(tid);
	if (!thread)
		thread = thread_add(tid, tid, ROLE_UNKNOWN);
	if (!thread)
		return;
	thread->role = role_of(parent->tid, space);
	if (thread->role == ROLE_TARGET) {
		thread->pid = parent->pid;
		if (parent->role == ROLE_BORROWER)
			thread->role = ROLE_BORROWER;
	}
	if (!thread->stopped)
		return;
	thread->begun = true;
	thread_resume(thread, begin(thread, space, 0));
}

struct resume child_first_stop(struct thread *thread, const struct space *space,
                               int group_stop_sig)
{
	if (thread->role == ROLE_UNKNOWN)
		return (struct resume){ GO_HOLD, 0 };
	return begin(thread, space, group_stop_sig);
}
