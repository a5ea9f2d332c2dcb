#include "release.h"

#include <sched.h>
#include <signal.h>

#include "alarm.h"
#include "bp.h"
#include "child.h"
#include "clock.h"
#include "emit.h"
#include "front.h"
#include "leave.h"
#include "step.h"
#include "task.h"

#define PATIENCE_MS 200 /* with one that cannot be interrupted */
#define WORKING_MS 5000 /* with any other */

static volatile sig_atomic_t under_way; /* maybe: somebody who asked waits */
static uint64_t since_ms; /* the last one has asked */

bool release_is_under_way(void)
{
	return under_way;
}

/* That a thread has ended is not always told. */
static void begin_to_look(void)
{
	since_ms = clock_ms();
	under_way = 1;
	alarm_soon();
}

bool release_is_asked(const struct thread *thread, const struct arch_regs *regs)
{
	return child_flags((long)arch_value(regs, ARCH_RESULT), regs, thread->space) &
	       CLONE_UNTRACED;
}

static void go_last(struct thread *thread)
{
	thread->map.waits_at = 0;
	thread->held = thread->goes_last = true;
}

/* One that is held stands where it can be let go; if it waits to leave, too, it asks for the same.
 * Of another that is stopped it is not known here what for: it stops once more. */
static void hurry(struct thread *thread)
{
	if (thread->held && thread->map.leaves)
		go_last(thread);
	else if (thread->held)
		leave_go(thread, (struct event){ EV_STOP, 0, 0 });
	else
		thread_interrupt(thread);
}

/* The first thread stays a zombie as long as there are others. One in vfork cannot be stopped
 * before its child has gone on, which may wait for what who asked is to do. Of any other that is
 * gone the end, or its exec, is still to be told. */
static bool is_awaited(const struct thread *thread)
{
	char state = task_state(thread->tid);

	return !(state == 'Z' && thread->tid == thread->pid) &&
	       clock_ms() - since_ms < (state == 'D' ? PATIENCE_MS : WORKING_MS);
}

static bool is_alone(const struct thread *asker)
{
	const struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space == asker->space && !thread->goes_last && is_awaited(thread))
			return false;
	return true;
}

/* A borrower does not wait: its parent can't stop before it has ended. */
struct resume release_begin(struct thread *asker)
{
	struct space *space = asker->space;
	struct thread *thread;

	leave_lift(space);
	emit_space(REC_RELEASED, space);
	space->released = true;
	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread != asker && thread->space == space)
			hurry(thread);
	if (asker->role != ROLE_TARGET)
		return (struct resume){ GO_DETACH, 0 };
	go_last(asker);
	begin_to_look();
	return (struct resume){ GO_HOLD, 0 };
}

/* One more who asks, in front of a clone: it goes back to the instruction there. */
static bool asks_too(struct thread *thread)
{
	const struct probe *probe;
	struct arch_regs regs;

	if (thread->handler.due || thread->growing || step_get_regs(thread->tid, &regs) < 0)
		return false;
	probe = bp_find(thread->space, arch_pc(&regs) - ARCH_TRAP_SKID);
	if (!probe || probe->kind != PROBE_SYSCALL ||
	    map_call_of((int)probe->function) != MAP_CALL_CLONE)
		return false;
	step_set_pc(thread->tid, probe->addr);
	go_last(thread);
	return true;
}

bool release_takes(struct thread *thread, struct event event)
{
	if (!thread->space || !thread->space->released)
		return false;
	switch (event.kind) {
	case EV_TRAP:
		if (asks_too(thread))
			return true;
		break;
	case EV_STOP:
		if (thread->listening && front_stops_with(thread->pid))
			front_signal(SIGCONT);
		break;
	case EV_EXITED:
	case EV_KILLED:
	case EV_EXEC: /* another program, to be traced */
		return false;
	case EV_FORK:
	case EV_VFORK:
	case EV_CLONE:
		child_born(thread);
		break;
	default:
		break;
	}
	leave_at_stop(thread, event);
	return true;
}

void release_go_on(void)
{
	struct thread *thread;
	bool any = false;

	for (size_t at = 0; under_way && (thread = thread_next(&at));) {
		if (!thread->goes_last)
			continue;
		any = true;
		if (is_alone(thread))
			thread_resume(thread, (struct resume){ GO_DETACH, 0 });
	}
	under_way = any;
}
