#include "turn.h"

#include <signal.h>

#include "alarm.h"
#include "bp.h"
#include "clock.h"
#include "emit.h"
#include "every_call.h"
#include "map.h"
#include "task.h"

#define PATIENCE_MS 200  /* while who is waited for sleeps */
#define WORKING_MS 5000  /* while it works, or only waits for a processor */
#define NOBODY (-1)

static volatile sig_atomic_t impatient; /* somebody waits: the alarm goes on */

bool turn_is_impatient(void)
{
	return impatient;
}

static void be_impatient(void)
{
	impatient = 1;
	alarm_soon();
}

/* ---- turns --------------------------------------------------------------------------------- */

/* That is there and at it. */
static const struct thread *mapper_of(const struct space *space)
{
	const struct thread *mapper = space->mapper > 0 ? thread_find(space->mapper) : NULL;

	return mapper && mapper->space == space && mapper->map.call_addr ? mapper : NULL;
}

bool turn_is_taken(const struct space *space, const struct thread *by)
{
	const struct thread *mapper = mapper_of(space);

	return space->mapper == NOBODY || (mapper && mapper != by);
}

bool turn_has(const struct space *space, taddr_t call)
{
	const struct thread *mapper = mapper_of(space);

	return mapper && mapper->map.call_addr == call;
}

void turn_take(struct thread *thread, taddr_t call)
{
	turn_stays(thread);
	thread->space->mapper = thread->tid;
	thread->map.call_addr = call;
}

struct resume turn_wait(struct thread *thread, taddr_t addr)
{
	thread->held = true;
	thread->map.leaves = false;
	thread->map.waits_since_ms = clock_ms();
	thread->map.waits_at = addr;
	be_impatient();
	return (struct resume){ GO_HOLD, 0 };
}

static struct thread *longest_waiting(const struct space *space)
{
	struct thread *thread, *first = NULL;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space == space && thread->map.waits_at && !thread->map.leaves &&
		    (!first || thread->map.waits_since_ms < first->map.waits_since_ms))
			first = thread;
	return first;
}

static void go_on(struct thread *thread)
{
	taddr_t addr = thread->map.waits_at;

	thread->held = false;
	thread->map.waits_at = 0;
	thread_resume(thread, thread->map.in_call ? every_call_go_on(thread) :
	                                            map_go_on(thread, addr));
}

/* ---- quiet ------------------------------------------------------------------------------------ */

static bool any_in_earlier_call(const struct space *space)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space == space && thread->map.in_earlier_call)
			return true;
	return false;
}

static void be_quiet(struct space *space)
{
	bool last = space->leave == LEAVE_ASKED;

	space->mapper = NOBODY;
	space->wants_quiet = false;
	space->wants_since_ms = clock_ms();
	if (last)
		space->leave = LEAVE_SEEN;
	emit_space(last ? REC_LEAVING : REC_QUIET, space);
}

void turn_release(struct space *space)
{
	struct thread *next;

	space->mapper = 0;
	if (space->wants_quiet && !any_in_earlier_call(space)) {
		be_quiet(space);
		return;
	}
	while (!space->mapper && (next = longest_waiting(space)))
		go_on(next);
}

void turn_no_earlier(struct thread *thread)
{
	struct space *space = thread->space;

	if (!thread->map.in_earlier_call)
		return;
	thread->map.in_earlier_call = false;
	if (space && space->wants_quiet && !space->mapper)
		turn_release(space);
}

/* Whether a thread that was there before us is in such a call is known when it sleeps, and
 * else when it has stopped; one that runs does not notice. */
static bool may_be_in_earlier_call(struct thread *thread)
{
	char state = task_state(thread->tid);
	bool sleeps = state != 'R' && state != 'D';

	if (sleeps || (state == 'D' && task_call(thread->tid) >= 0 &&
	               map_call_of(task_call(thread->tid)) == MAP_CALL_NONE))
		thread->map.in_earlier_call = false;
	return thread->map.in_earlier_call;
}

void turn_quiet(struct space *space)
{
	struct thread *thread;

	space->wants_quiet = true;
	space->wants_since_ms = clock_ms();
	be_impatient();
	for (size_t at = 0; (thread = thread_next(&at));) {
		if (thread->space != space || !thread->map.in_earlier_call)
			continue;
		if (thread->stopped)
			thread->map.in_earlier_call = false; /* at something else */
		if (thread->stopped || !may_be_in_earlier_call(thread))
			continue;
		thread_interrupt(thread);
	}
	if (!space->mapper)
		turn_release(space);
}

/* ---- the process's end ------------------------------------------------------------------------- */

bool turn_may_leave(const struct thread *thread)
{
	return thread->role != ROLE_TARGET || thread->space->leave == LEAVE_FREE;
}

struct resume turn_leave(struct thread *thread, taddr_t addr)
{
	struct space *space = thread->space;
	struct resume resume = turn_wait(thread, addr);

	thread->map.leaves = true;
	if (space->leave == LEAVE_NOT) {
		space->leave = LEAVE_ASKED;
		turn_quiet(space);
	}
	return resume;
}

void turn_stays(struct thread *thread)
{
	if (!thread->map.leaves || thread->map.waits_at)
		return;
	thread->map.leaves = false;
	if (thread->space->leave == LEAVE_FREE)
		thread->space->leave = LEAVE_NOT;
}

static void let_leave(struct space *space)
{
	struct thread *thread;

	space->leave = LEAVE_FREE;
	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space == space && thread->map.leaves && thread->map.waits_at)
			go_on(thread);
}

void turn_loud(struct space *space)
{
	if (space->mapper != NOBODY)
		return;
	if (space->leave == LEAVE_SEEN)
		let_leave(space);
	turn_release(space);
}

/* ---- patience ---------------------------------------------------------------------------------- */

static bool is_moving(const struct thread *thread)
{
	char state = thread->map.call_addr || thread->map.in_earlier_call ?
	                     task_state(thread->tid) : 'S';

	return state == 'R' || state == 't'; /* the latter: stopped, it is our turn */
}

static void note_moving(uint64_t now)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space && (thread->space->wants_quiet || thread->space->mapper > 0) &&
		    is_moving(thread))
			thread->space->moved_ms = now;
}

/* Nobody may wait for ever: neither for a call that does not return, nor for a list that is
 * not read. */
static bool is_too_long(const struct space *space, uint64_t since_ms, uint64_t now)
{
	uint64_t slept_since = space->moved_ms > since_ms ? space->moved_ms : since_ms;

	return now - since_ms >= WORKING_MS ||
	       (space->mapper != NOBODY && now - slept_since >= PATIENCE_MS);
}

static bool is_over(const struct space *space, uint64_t now)
{
	return (space->wants_quiet || space->mapper == NOBODY) &&
	       is_too_long(space, space->wants_since_ms, now);
}

/* Also of a list that is being read it is told: it may be of different moments. */
static void give_up_quiet(struct space *space)
{
	emit_space(REC_UNQUIET, space);
	space->wants_quiet = false;
	if (space->leave != LEAVE_NOT)
		let_leave(space);
	if (space->mapper == NOBODY)
		turn_release(space);
}

static void give_up_waiting(struct thread *thread, uint64_t now)
{
	if (!thread->map.waits_at || thread->map.leaves || thread->space->mapper == NOBODY ||
	    !is_too_long(thread->space, thread->map.waits_since_ms, now))
		return;
	emit(REC_UNORDERED, thread);
	turn_release(thread->space);
}

static bool anybody_waits(void)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->map.waits_at)
			return true;
	for (struct space *space = NULL; (space = space_next(space));)
		if (space->wants_quiet || space->mapper == NOBODY)
			return true;
	return false;
}

void turn_patience(void)
{
	struct thread *thread;
	uint64_t now = clock_ms();

	note_moving(now);
	for (struct space *space = NULL; (space = space_next(space));)
		if (is_over(space, now))
			give_up_quiet(space);
	for (size_t at = 0; (thread = thread_next(&at));)
		give_up_waiting(thread, now);
	impatient = anybody_waits();
}
