#include "farewell.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"
#include "mem.h"
#include "step.h"
#include "thread.h"

static char state_of(pid_t tid)
{
	char text[256], *at;
	ssize_t len;
	int fd;

	snprintf(text, sizeof(text), "/proc/%d/stat", tid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	at = strrchr(text, ')');
	return at && at[1] ? at[2] : 'X';
}

/* The thread is stopped and the traps are lifted: one that has hit a trap already
 * goes back to where the instruction now stands again. */
static void let_go(struct thread *thread, const struct space *space, struct event event)
{
	struct arch_regs regs;
	int sig = event.kind == EV_SIGNAL ? event.sig : 0;

	if (thread->growing)
		step_grown(thread, space, event.kind == EV_TRAP);
	else if ((event.kind == EV_TRAP || thread->held) &&
	         step_get_regs(thread->tid, &regs) == 0) {
		const struct probe *on = bp_find(space, arch_pc(&regs) - ARCH_TRAP_SKID);

		if (on && on->kind != PROBE_PASS)
			step_set_pc(thread->tid, arch_pc(&regs) - ARCH_TRAP_SKID);
		else if (event.kind == EV_TRAP && !thread->handler.due)
			sig = SIGTRAP;
	}
	if (thread->role == ROLE_COPY || thread->role == ROLE_UNKNOWN) {
		int mem = mem_open(thread->tid);

		if (mem >= 0) {
			bp_lift_all(space, mem);
			close(mem);
		}
	}
	thread_resume(thread, (struct resume){ GO_DETACH, sig });
}

/* Sleeping threads are not interrupted, which would make their system calls
 * return early: the kernel lets them go when the tracer ends. */
static size_t begin_farewell(const struct space *space)
{
	struct thread *thread;
	size_t due = 0;

	for (size_t at = 0; (thread = thread_next(&at));) {
		char state;

		if (thread->stopped) {
			let_go(thread, space, (struct event){ EV_STOP, 0, 0 });
			continue;
		}
		state = state_of(thread->tid);
		if (state == 'R' || thread->listening)
			ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
		due += state == 'R' || state == 't';
	}
	return due;
}

void farewell(const struct space *space)
{
	size_t due;
	int status;
	pid_t tid;

	if (space->pid)
		bp_lift_all(space, space->mem);
	for (due = begin_farewell(space); due > 0; due--) {
		struct event event;
		struct thread *thread;

		tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			break;
		event = event_of_status(status);
		thread = thread_find(tid);
		if (event.kind == EV_EXITED || event.kind == EV_KILLED) {
			if (thread)
				thread_remove(thread);
			continue;
		}
		if (!thread && !(thread = thread_add(tid, tid, ROLE_UNKNOWN)))
			continue;
		let_go(thread, space, event);
	}
}
