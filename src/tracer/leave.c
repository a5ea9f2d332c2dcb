#include "leave.h"

#include <signal.h>

#include "bp.h"
#include "copy.h"
#include "emit.h"
#include "front.h"
#include "journal_file.h"
#include "step.h"
#include "task.h"

/* A thread that hits a trap just when it is interrupted stops for the interruption
 * first: its SIGTRAP, in SigPnd of /proc/TID/status, would be delivered for good. */
bool leave_is_trap_pending(pid_t tid)
{
	return task_of(tid).pending >> (SIGTRAP - 1) & 1;
}

/* Maybe one of its own. A step into a handler ends at an instruction, and so does a wait. */
static bool is_behind_trap(const struct thread *thread, struct event event)
{
	return event.kind == EV_TRAP ? !thread->handler.due :
	                               thread->held && !thread->map.waits_at && !thread->goes_last;
}

/* The thread is stopped and the traps are lifted: one that has hit a trap already
 * goes back to where the instruction now stands again. */
void leave_go(struct thread *thread, struct event event)
{
	const struct space *space = thread->space;
	struct arch_regs regs;
	int sig = event.kind == EV_SIGNAL ? event.sig : 0;

	if (event.kind == EV_STOP)
		step_interrupted(thread);
	if (thread->growing)
		step_grown(thread, space, event.kind == EV_TRAP);
	else if (space && is_behind_trap(thread, event) &&
	         step_get_regs(thread->tid, &regs) == 0) {
		const struct probe *on = bp_find(space, arch_pc(&regs) - ARCH_TRAP_SKID);

		if (on && on->kind != PROBE_PASS)
			step_set_pc(thread->tid, arch_pc(&regs) - ARCH_TRAP_SKID);
		else if (event.kind == EV_TRAP)
			sig = SIGTRAP;
	}
	if (thread->role == ROLE_COPY || thread->role == ROLE_UNKNOWN)
		copy_clean(space ? space : copy_origin(thread->tid), thread->tid);
	thread_resume(thread, (struct resume){ GO_DETACH, sig });
}

/* Let go where it enters a system call it would find itself woken there, and the call would
 * return early (EINTR). Interrupted, it stops behind, where the call can be restarted; this stop
 * has used up any interruption that was on its way. */
static void pass_call(struct thread *thread)
{
	thread->due = true;
	thread->forked = false; /* it is not to stop at calls any more */
	thread_interrupt(thread);
	thread_resume(thread, (struct resume){ GO_RUN, 0 });
}

void leave_at_stop(struct thread *thread, struct event event)
{
	thread->stopped = true;
	if (event.kind != EV_TRAP && leave_is_trap_pending(thread->tid)) {
		thread->due = true;
		thread_resume(thread, (struct resume){ GO_RUN,
		                                       event.kind == EV_SIGNAL ? event.sig : 0 });
	} else if (event.kind == EV_CALL && thread->role == ROLE_TARGET) {
		pass_call(thread);
	} else {
		leave_go(thread, event);
	}
}

void leave_lift(const struct space *space)
{
	size_t pages, left = bp_lift_all(space, space->pid, space->mem);
	size_t differences = text_differences(&space->text, space->mem, &pages);

	if (!left && front_gone())
		journal_file_remove(space->pid);
	emit_lifted(space, pages, differences);
}
