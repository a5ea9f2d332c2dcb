#include "farewell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bp.h"
#include "copy.h"
#include "emit.h"
#include "event.h"
#include "front.h"
#include "journal_file.h"
#include "step.h"
#include "task.h"
#include "thread.h"

/* A thread that hits a trap just when it is interrupted stops for the interruption
 * first: its SIGTRAP, in SigPnd of /proc/TID/status, would be delivered for good. */
static bool is_trap_pending(pid_t tid)
{
	return task_of(tid).pending >> (SIGTRAP - 1) & 1;
}

/* The thread is stopped and the traps are lifted: one that has hit a trap already
 * goes back to where the instruction now stands again. */
static void let_go(struct thread *thread, struct event event)
{
	const struct space *space = thread->space;
	struct arch_regs regs;
	int sig = event.kind == EV_SIGNAL ? event.sig : 0;

	if (event.kind == EV_STOP)
		step_interrupted(thread);
	if (thread->growing)
		step_grown(thread, space, event.kind == EV_TRAP);
	else if (space && (event.kind == EV_TRAP || (thread->held && !thread->map.waits_at)) &&
	         step_get_regs(thread->tid, &regs) == 0) {
		const struct probe *on = bp_find(space, arch_pc(&regs) - ARCH_TRAP_SKID);

		if (on && on->kind != PROBE_PASS)
			step_set_pc(thread->tid, arch_pc(&regs) - ARCH_TRAP_SKID);
		else if (event.kind == EV_TRAP && !thread->handler.due)
			sig = SIGTRAP;
	}
	if (thread->role == ROLE_COPY || thread->role == ROLE_UNKNOWN)
		copy_clean(space ? space : copy_origin(thread->tid), thread->tid);
	thread_resume(thread, (struct resume){ GO_DETACH, sig });
}

/* A task that its parent's event announces has its first stop still before it, unless that
 * has come first: then it is ours no more. */
static void expect_child(struct event event, pid_t parent)
{
	struct thread *child;
	unsigned long tid;

	if ((event.kind != EV_CLONE && event.kind != EV_FORK && event.kind != EV_VFORK) ||
	    ptrace(PTRACE_GETEVENTMSG, parent, 0, &tid) < 0)
		return;
	child = thread_find(tid);
	if (!child && task_of(tid).tracer == getpid())
		child = thread_add(tid, tid, ROLE_UNKNOWN);
	if (child)
		child->due = true;
}

/* Sleeping threads are not interrupted, which would make their system calls return
 * early: the kernel lets them go when the tracer ends. */
static void begin_farewell(void)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));) {
		char state;

		if (thread->stopped) {
			let_go(thread, (struct event){ EV_STOP, 0, 0 });
			continue;
		}
		state = task_state(thread->tid);
		thread->interrupted |= state == 'R';
		if (state == 'R' || thread->listening)
			ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
		thread->due = state == 'R' || state == 't' || !thread->begun ||
		              is_trap_pending(thread->tid);
	}
}

static bool any_due(void)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->due)
			return true;
	return false;
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

static void take_leave(pid_t tid, int status)
{
	struct event event = event_of_status(status);
	struct thread *thread = thread_find(tid);

	if (event.kind == EV_EXITED || event.kind == EV_KILLED) {
		if (thread)
			thread_remove(thread);
		return;
	}
	if (!thread && !(thread = thread_add(tid, tid, ROLE_UNKNOWN)))
		return;
	thread->stopped = true;
	expect_child(event, tid);
	if (event.kind != EV_TRAP && is_trap_pending(tid)) {
		thread->due = true;
		thread_resume(thread, (struct resume){ GO_RUN, event.kind == EV_SIGNAL ? event.sig : 0 });
		return;
	}
	if (event.kind == EV_CALL && thread->role == ROLE_TARGET) {
		pass_call(thread);
		return;
	}
	let_go(thread, event);
}

/* Whatever comes for the tracer itself, a stop that is due is waited for: a thread that is
 * left in one of our traps dies of it. */
static pid_t next_stop(int *status, int options)
{
	pid_t tid;

	do
		tid = waitpid(-1, status, __WALL | options);
	while (tid < 0 && errno == EINTR);
	return tid;
}

static void lift(const struct space *space)
{
	size_t pages, left = bp_lift_all(space, space->pid, space->mem);
	size_t differences = text_differences(&space->text, space->mem, &pages);

	if (!left && front_gone())
		journal_file_remove(space->pid);
	emit_lifted(space, pages, differences);
}

void farewell(void)
{
	int status;
	pid_t tid;

	for (struct space *space = NULL; (space = space_next(space));) {
		space->every_call = 0;
		space_enter(space); /* to the end: a child of its threads may still come */
		if (space->pid)
			lift(space);
	}
	begin_farewell();
	while (any_due() && (tid = next_stop(&status, 0)) > 0)
		take_leave(tid, status);
	/* sleepers that have met a trap or given birth meanwhile */
	while ((tid = next_stop(&status, WNOHANG)) > 0)
		take_leave(tid, status);
}
