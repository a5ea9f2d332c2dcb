#include "farewell.h"

#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leave.h"
#include "space.h"
#include "task.h"

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
			leave_go(thread, (struct event){ EV_STOP, 0, 0 });
			continue;
		}
		state = task_state(thread->tid);
		thread->interrupted |= state == 'R';
		if (state == 'R' || thread->listening)
			ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
		thread->due = state == 'R' || state == 't' || !thread->begun ||
		              leave_is_trap_pending(thread->tid);
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
	expect_child(event, tid);
	leave_at_stop(thread, event);
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

void farewell(void)
{
	int status;
	pid_t tid;

	for (struct space *space = NULL; (space = space_next(space));) {
		space->every_call = 0;
		space_enter(space); /* to the end: a child of its threads may still come */
		if (space->pid)
			leave_lift(space);
	}
	begin_farewell();
	while (any_due() && (tid = next_stop(&status, 0)) > 0)
		take_leave(tid, status);
	/* sleepers that have met a trap or given birth meanwhile */
	while ((tid = next_stop(&status, WNOHANG)) > 0)
		take_leave(tid, status);
}
