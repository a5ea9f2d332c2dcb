#include "dispatch.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "borrower.h"
#include "bp.h"
#include "child.h"
#include "emit.h"
#include "event.h"
#include "every_call.h"
#include "front.h"
#include "map.h"
#include "moment.h"
#include "probe.h"
#include "release.h"
#include "run_on.h"
#include "step.h"
#include "task.h"

static const struct resume RUN = { GO_RUN, 0 };
static const struct resume HOLD = { GO_HOLD, 0 };
static const struct resume GONE = { GO_GONE, 0 };

static struct resume hold(struct thread *thread, enum record_kind why)
{
	thread->held = true;
	emit(why, thread);
	return HOLD;
}

/* The first thread's stack ends where the program began. Other threads have data of their own
 * at the top of theirs (System V ABI for ELF thread-local storage, variant II; all C libraries
 * take it from the stack's memory); whatever else such a thread runs on, it does not go on behind
 * those. The first one's may be anywhere, in the midst of its stack too (dietlibc). */
static void bound_stack(struct thread *thread, const struct arch_regs *regs)
{
	taddr_t own = arch_thread_data(regs);

	if (thread->tid == thread->pid)
		thread->capture.bound = thread->space->stack_end;
	else
		thread->capture.bound = own > arch_sp(regs) ? own : 0;
}

static struct resume on_probe(struct thread *thread, const struct probe *probe,
                              const struct arch_regs *trapped)
{
	struct space *space = thread->space;
	struct arch_regs regs = *trapped;
	taddr_t site;
	bool told;

	arch_set_pc(&regs, probe->addr);
	if (probe->kind == PROBE_SYSCALL || probe->kind == PROBE_SYSRET)
		return map_hit(thread, probe, trapped, &regs);
	if (probe->kind == PROBE_LOADER) {
		thread->step = *probe;
		return hold(thread, REC_LOADER);
	}
	told = thread->silent_addr != probe->addr;
	if (told)
		probe_hit(thread, space, probe, &regs);
	else
		thread->silent_addr = 0;
	if (told && bp_awaits(space, probe))
		return thread_hold(thread, probe);
	site = probe_return_site(thread, space, probe, &regs);
	if (!site)
		return run_on(thread, space, probe, trapped, &regs);
	emit_returns(thread, site, probe->function);
	return thread_hold(thread, probe);
}

/* The si_code of the stop the thread is in now, ptrace(2); 0 when it is in none. */
static int stop_code(pid_t tid)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, tid, 0, &info) < 0 ? 0 : info.si_code;
}

/* Is this SIGTRAP the trap in front of the pc? Only where the thread was sent to
 * just this pc by the emulation of a one-byte instruction could it be another's. */
static bool is_trap_hit(const struct thread *thread, const struct arch_regs *regs)
{
	return arch_pc(regs) != thread->resumed_pc || stop_code(thread->tid) == SI_KERNEL;
}

/* Not one of ours: the target's own, unless the stop is over already and another
 * thread's exec, which takes the leader's number, has come to its event. */
static struct resume on_foreign_trap(const struct thread *thread)
{
	int code = stop_code(thread->tid);

	return code == (SIGTRAP | PTRACE_EVENT_EXEC << 8) ? HOLD :
	                                                    (struct resume){ GO_RUN, SIGTRAP };
}

static struct resume on_trap(struct thread *thread)
{
	struct space *space = thread->space;
	const struct probe *probe;
	struct arch_regs regs;

	if (thread->handler.due) {
		probe_handler_begins(thread, space);
		return RUN;
	}
	if (thread->growing)
		return step_grown(thread, space, true) ? RUN : (struct resume){ GO_RUN, SIGSEGV };
	if (step_get_regs(thread->tid, &regs) < 0)
		return GONE;
	probe = bp_find(space, arch_pc(&regs) - ARCH_TRAP_SKID);
	if (!probe || probe->kind == PROBE_PASS || !is_trap_hit(thread, &regs))
		return on_foreign_trap(thread);
	if (bp_is_out(space, probe)) {
		step_set_pc(thread->tid, probe->addr);
		return RUN;
	}
	bound_stack(thread, &regs);
	return on_probe(thread, probe, &regs);
}

/* Ignored by default, signal(7). */
static bool is_ignored(const struct task *task, int sig)
{
	return (task->ignored >> (sig - 1) & 1) || sig == SIGCHLD || sig == SIGWINCH ||
	       sig == SIGURG || sig == SIGCONT;
}

/* Where a handler will run, the thread is stepped into it: calls in it are told from
 * the interrupted one's, and its stack from the interrupted one. */
static struct resume on_signal(struct thread *thread, int sig)
{
	struct task task = task_of(thread->tid);
	struct arch_regs regs;
	bool caught = task.caught >> (sig - 1) & 1;

	thread->handler.due = false;
	if (step_get_regs(thread->tid, &regs) < 0)
		return GONE;
	if (!caught) {
		if (is_ignored(&task, sig))
			step_restart_call(thread->tid, &regs); /* it wakes only a traced thread */
		return (struct resume){ GO_RUN, sig };
	}
	/* a handler, which may be a profiler's, is to see it in the code that was called */
	run_on_bring_home(thread, &regs);
	thread->handler.due = true;
	thread->handler.interrupted = arch_sp(&regs);
	return (struct resume){ GO_STEP, sig };
}

/* The process's other threads are gone, in an exec without a word of their own:
 * ptrace(2), "execve under ptrace". */
static void drop_others(const struct thread *left)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));) {
		if (thread->pid != left->pid || thread == left)
			continue;
		if (thread->role == ROLE_TARGET) {
			probe_abandon_all(thread);
			emit(REC_THREAD_END, thread);
		}
		map_gone(thread);
		thread_remove(thread);
	}
}

/* The process leaves its memory. A borrower that stays there is not counted any more, and
 * meets no more traps. */
static void leave_image(struct thread *thread)
{
	const struct space *space = thread->space;

	drop_others(thread);
	if (thread->role == ROLE_TARGET) {
		probe_abandon_all(thread);
		if (space->pid && space->users > 1)
			bp_lift_all(space, space->pid, space->mem);
	}
	child_lose_parent(thread);
}

static struct resume on_end(struct thread *thread, int status, bool *ended)
{
	bool is_process = thread->tid == thread->pid;

	if (is_process && thread->role != ROLE_UNKNOWN)
		leave_image(thread);
	if (thread->role == ROLE_TARGET) {
		probe_abandon_all(thread);
		emit(REC_THREAD_END, thread);
		if (is_process) {
			emit_status(REC_EXIT, thread, status);
			*ended |= !child_is_followed();
		}
	}
	thread_remove(thread);
	return GONE;
}

/* It has shared another's memory up to its exec. */
static bool is_followed_on(const struct thread *thread)
{
	if (!child_is_followed())
		return false;
	if (!space_has_room())
		emit_status(REC_UNFOLLOWED, thread, EMFILE);
	return space_has_room();
}

static struct resume on_exec(struct thread *thread, bool *ended)
{
	struct space *space;
	int error;

	if (thread->role != ROLE_TARGET && !is_followed_on(thread))
		return (struct resume){ GO_DETACH, 0 };
	leave_image(thread);
	thread_forget_calls(thread);
	thread->step.addr = 0;
	thread->growing = thread->in_earlier_call = thread->forked = false;
	thread->goes_last = false;
	thread->role = ROLE_TARGET;
	space = space_new();
	if (!space) {
		emit_refused(thread->space, 0, ENOMEM);
		*ended = true;
		return HOLD;
	}
	thread_enter(thread, space);
	space_leave(space);
	error = space_open(space, thread->pid);
	hold(thread, REC_EXEC);
	if (error < 0)
		emit_refused(space, 0, -error);
	return HOLD;
}

/* The front stops with the target and goes on with it. SIGSTOP, which cannot be held
 * back, is the tracer's to send, as SIGCONT is: one sender's signals keep their order,
 * and a front that stopped itself could do so just after the target went on. */
static struct resume on_group_stop(const struct thread *thread, int sig)
{
	if (front_stops_with(thread->pid) && sig == SIGSTOP)
		front_signal(SIGSTOP);
	return (struct resume){ GO_LISTEN, 0 };
}

static struct resume on_call(struct thread *thread)
{
	struct resume resume = borrower_call(thread, thread->space);

	return resume.go == GO_RUN && thread->role == ROLE_TARGET ? every_call_stop(thread) : resume;
}

static struct resume on_event(struct thread *thread, struct event event, bool *ended)
{
	bool is_end = event.kind == EV_EXITED || event.kind == EV_KILLED;

	if (thread->growing && event.kind != EV_TRAP && event.kind != EV_EXEC && !is_end)
		step_grown(thread, thread->space, false);
	if (is_end || event.kind == EV_EXEC)
		map_gone(thread);
	else if (event.kind != EV_TRAP && event.kind != EV_CALL)
		map_interrupted(thread, event.kind == EV_SIGNAL ? event.sig : 0);
	switch (event.kind) {
	case EV_EXITED:
	case EV_KILLED:
		return on_end(thread, event.status, ended);
	case EV_TRAP:
		return on_trap(thread);
	case EV_CALL:
		return on_call(thread);
	case EV_SIGNAL:
		return on_signal(thread, event.sig);
	case EV_GROUP_STOP:
		return on_group_stop(thread, event.sig);
	case EV_EXEC:
		return on_exec(thread, ended);
	case EV_FORK:
	case EV_VFORK:
	case EV_CLONE:
		child_born(thread);
		return RUN;
	case EV_STOP:
		if (thread->listening && front_stops_with(thread->pid))
			front_signal(SIGCONT);
		step_interrupted(thread);
		break;
	case EV_OTHER:
		break;
	}
	return RUN;
}

struct resume dispatch(pid_t tid, int status, struct thread **out, bool *ended)
{
	struct event event = event_of_status(status);
	struct thread *thread = thread_find(tid);
	bool is_end = event.kind == EV_EXITED || event.kind == EV_KILLED;

	*out = thread;
	stack_stale();
	moment_pass();
	if (!thread && is_end)
		return GONE;
	if (!thread) {
		*out = thread = thread_add(tid, tid, ROLE_UNKNOWN);
		if (!thread) { /* a thread that is not followed must not meet a trap */
			emit_refused(NULL, 0, ENOMEM);
			*ended = true;
			return GONE;
		}
		if (event.kind == EV_EXEC) /* under the number of one that was let go */
			return (struct resume){ GO_DETACH, 0 };
	}
	thread->stopped = !is_end;
	if (!thread->begun && !is_end) {
		bool is_first = event.kind == EV_STOP || event.kind == EV_GROUP_STOP;

		thread->first_stop = event.kind == EV_GROUP_STOP ? event.sig : 0;
		if (is_first || thread->role == ROLE_UNKNOWN)
			return child_first_stop(thread);
		thread->begun = true;
	}
	if (release_takes(thread, event))
		return GONE;
	return on_event(thread, event, ended);
}
