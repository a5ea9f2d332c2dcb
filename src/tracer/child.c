#include "child.h"

#include <errno.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bp.h"
#include "copy.h"
#include "emit.h"
#include "mem.h"
#include "step.h"
#include "task.h"

static bool followed;
/* Of the process that ended last, whose child may still come. */
static struct space *last_lost;
static bool orphans; /* some were let go */

void child_set_followed(bool yes)
{
	followed = yes;
}

bool child_is_followed(void)
{
	return followed;
}

uint64_t child_flags(long call, const struct arch_regs *regs, const struct space *space)
{
	uint64_t flags = 0;

	switch (call) {
	case SYS_vfork:
		return CLONE_VM | CLONE_VFORK;
	case SYS_clone:
		return regs->rdi;
	case SYS_clone3: /* struct clone_args begins with flags; clone(2) */
		mem_read(space->mem, regs->rdi, &flags, sizeof(flags));
	}
	return flags;
}

/* The event's kind does not tell: fork with CLONE_VFORK may share or copy. The
 * parent still stands in the system call, whose arguments do. */
static uint64_t birth_flags(const struct thread *parent)
{
	struct arch_regs regs;

	if (step_get_regs(parent->tid, &regs) < 0)
		return 0;
	return child_flags((long)regs.orig_rax, &regs, parent->space);
}

/* The child's memory is as the parent's was when it forked. NULL: out of reach, or no
 * memory; *error says which. */
static struct space *copy_space(const struct space *from, pid_t child, int *error)
{
	struct space *space = NULL;

	*error = space_has_room() ? 0 : -EMFILE;
	if (!*error && !(space = space_new()))
		*error = -ENOMEM;
	if (!*error)
		*error = space_open(space, child);
	if (!*error && !bp_copy(space, from))
		*error = -ENOMEM;
	if (!*error) {
		space->every_call = from->every_call;
		blocks_copy(&space->blocks, &from->blocks);
		space->is_earlier = from->is_earlier;
		return space;
	}
	space_leave(space);
	return NULL;
}

/* The child is held until the front has taken it over: nothing it plants traps in may be
 * unknown to those who would have to restore it. */
static bool follow(struct thread *child, struct thread *parent)
{
	int error;
	struct space *space = copy_space(parent->space, child->tid, &error);

	if (!space) {
		emit_status(REC_UNFOLLOWED, parent, -error);
		return false;
	}
	thread_enter(child, space);
	space_leave(space);
	child->role = ROLE_TARGET;
	child->forked = child->held = true;
	space->copy_of = parent->space->image;
	thread_inherit_calls(child, parent);
	emit_fork(child, parent);
	return true;
}

static void become(struct thread *child, struct thread *parent)
{
	uint64_t flags = birth_flags(parent);

	if (flags & CLONE_THREAD) {
		child->role = parent->role;
		child->pid = parent->pid;
		child->creator = parent->tid;
		child->start = parent->creates;
		parent->creates = (struct start){ 0 };
	} else if (flags & CLONE_VM) {
		child->role = ROLE_BORROWER;
	} else if (!followed || parent->space->released || !follow(child, parent)) {
		child->role = ROLE_COPY;
	}
	if (!child->space)
		thread_enter(child, parent->space);
}

static struct resume let_go(const struct space *space, const struct thread *thread)
{
	copy_clean(space, thread->tid);
	return (struct resume){ GO_DETACH, 0 };
}

static struct resume begin(struct thread *thread)
{
	struct resume resume = { thread->first_stop ? GO_LISTEN : GO_RUN, 0 };

	thread->begun = true;
	if (thread->role == ROLE_COPY || thread->space->released)
		return let_go(thread->space, thread);
	if (thread->role == ROLE_TARGET && thread->pid != thread->tid)
		emit_thread_begin(thread);
	if (thread->held)
		return (struct resume){ GO_HOLD, 0 };
	thread->first_stop = 0;
	return resume;
}

void child_born(struct thread *parent)
{
	struct thread *thread;
	unsigned long tid;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, 0, &tid) < 0)
		return;
	thread = thread_find(tid);
	if (!thread && !(orphans && task_of(tid).tracer != getpid()))
		thread = thread_add(tid, tid, ROLE_UNKNOWN);
	if (!thread || thread->role != ROLE_UNKNOWN)
		return;
	become(thread, parent);
	if (thread->stopped)
		thread_resume(thread, begin(thread));
}

/* ---- children whose parent was killed before its event -------------------------------- */

/* Its parent was gone, traced as it was, and is not gone by now: another one, which has
 * taken it over. The front is the parent of what the target gives birth to as a sibling
 * (CLONE_PARENT). */
static bool is_orphan(const struct task *task)
{
	return task->parent != getppid() && !thread_find(task->parent);
}

/* Whose child it was is not known any more. */
static struct resume let_orphan_go(const struct thread *thread)
{
	orphans = true;
	return let_go(copy_origin(thread->tid), thread);
}

void child_lose_parent(struct thread *parent)
{
	struct thread *child;

	for (size_t at = 0; (child = thread_next(&at));) {
		struct task task;

		if (child->role != ROLE_UNKNOWN)
			continue;
		task = task_of(child->tid);
		if (task.process == child->tid && (task.parent == parent->pid || is_orphan(&task)))
			thread_resume(child, let_orphan_go(child));
	}
	if (parent->space)
		space_enter(parent->space);
	space_leave(last_lost);
	last_lost = parent->space;
}

struct resume child_first_stop(struct thread *thread)
{
	struct task task;

	if (thread->role != ROLE_UNKNOWN)
		return begin(thread);
	if (!last_lost) /* its parent's event is about to come */
		return (struct resume){ GO_HOLD, 0 };
	task = task_of(thread->tid);
	if (task.process == thread->tid && is_orphan(&task))
		return let_orphan_go(thread);
	return (struct resume){ GO_HOLD, 0 };
}
