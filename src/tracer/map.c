#include "map.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>

#include "clock.h"
#include "emit.h"
#include "mem.h"
#include "probe.h"
#include "space.h"
#include "step.h"
#include "task.h"

#define PATIENCE_MS 200
#define QUIET_MS 5000 /* the front reads a list */
#define UNRELATED_MAX 1000 /* hits of a system call instruction for any number */

static const struct resume RUN = { GO_RUN, 0 };
static const struct resume HOLD = { GO_HOLD, 0 };

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* ---- what the call itself does not tell ------------------------------------------------ */

/* How much is mapped from addr on by one mapping; 0: unknown. */
static uint64_t mapped_len(pid_t pid, taddr_t addr)
{
	unsigned long long begin, end, len = 0;
	char line[512];
	FILE *maps;

	snprintf(line, sizeof(line), "/proc/%d/maps", pid);
	maps = fopen(line, "re");
	while (maps && !len && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%llx-%llx", &begin, &end) == 2 && begin == addr)
			len = end - begin;
	if (maps)
		fclose(maps);
	return len;
}

static void complete_call(const struct space *space, struct map_call *call)
{
	if (call->result < 0 && call->result > -4096)
		return;
	call->address = (taddr_t)call->result;
	if (call->kind == MAP_CALL_IO_SETUP &&
	    mem_read(space->mem, call->args[1], &call->address, sizeof(call->address)) < 0)
		call->address = 0;
	if (call->kind == MAP_CALL_SHMAT || call->kind == MAP_CALL_IO_SETUP)
		call->mapped = mapped_len(space->pid, call->address);
}

/* ---- one at a time ----------------------------------------------------------------------- */

static void begin(struct thread *thread, struct space *space, const struct probe *probe,
                  const struct arch_regs *trapped, struct arch_regs *regs,
                  enum map_call_kind kind)
{
	struct map *map = &thread->map;

	bp_related(space, probe);
	space->mapper = thread->tid;
	map->call_addr = probe->call;
	map->before = *trapped;
	arch_set_pc(&map->before, probe->addr);
	map->call = (struct map_call){ .kind = kind };
	for (unsigned i = 0; i < MAP_CALL_ARGS; i++)
		map->call.args[i] = arch_syscall_arg(regs, i);
	step_set_regs(thread, trapped, regs);
}

static volatile sig_atomic_t impatient; /* somebody waits: the alarm goes on */

bool map_is_impatient(void)
{
	return impatient;
}

static void be_impatient(void)
{
	const struct itimerval soon = { .it_value.tv_usec = 10000 };

	impatient = 1;
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Back in front of the trap: whatever becomes of us, it is not left inside an instruction. */
static struct resume wait_for_turn(struct thread *thread, const struct probe *probe)
{
	step_set_pc(thread->tid, probe->addr);
	thread->held = true;
	thread->map.waits_since_ms = now_ms();
	thread->map.waits_at = probe->addr;
	be_impatient();
	return HOLD;
}

/* False: the instruction in front cannot be done from here, so the call is not seen. */
static bool reach_call(struct thread *thread, const struct space *space,
                       const struct probe *probe, struct arch_regs *regs)
{
	return step_over(thread, space, probe, regs, false) && arch_pc(regs) == probe->call;
}

/* By a thread that is there and at it. */
static bool is_taken(const struct space *space, const struct thread *by)
{
	const struct thread *mapper = space->mapper > 0 ? thread_find(space->mapper) : NULL;

	return space->mapper == -1 ||
	       (mapper && mapper != by && mapper->space == space && mapper->map.call_addr);
}

static bool is_under_way(const struct space *space, taddr_t call)
{
	const struct thread *mapper = space->mapper > 0 ? thread_find(space->mapper) : NULL;

	return mapper && mapper->map.call_addr == call;
}

static struct resume before_call(struct thread *thread, const struct probe *probe,
                                 const struct arch_regs *trapped)
{
	struct space *space = thread->space;
	struct arch_regs regs = *trapped;
	enum map_call_kind kind;

	arch_set_pc(&regs, probe->addr);
	thread->map.call_addr = 0;
	if (!reach_call(thread, space, probe, &regs)) {
		arch_set_pc(&regs, probe->addr);
		return probe_run_on(thread, space, probe, trapped, &regs, false);
	}
	kind = map_call_of((int)*arch_reg(&regs, ARCH_RESULT));
	if (kind == MAP_CALL_NONE) {
		step_set_regs(thread, trapped, &regs);
		if (!is_under_way(space, probe->call))
			bp_unrelated(space, probe, UNRELATED_MAX);
		return RUN;
	}
	if (is_taken(space, thread))
		return wait_for_turn(thread, probe);
	begin(thread, space, probe, trapped, &regs, kind);
	return RUN;
}

static struct thread *longest_waiting(const struct space *space)
{
	struct thread *thread, *first = NULL;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space == space && thread->map.waits_at &&
		    (!first || thread->map.waits_since_ms < first->map.waits_since_ms))
			first = thread;
	return first;
}

static void take_turn(struct thread *thread)
{
	const struct probe *probe = bp_find(thread->space, thread->map.waits_at);
	struct arch_regs trapped;

	thread->held = false;
	thread->map.waits_at = 0;
	if (!probe || step_get_regs(thread->tid, &trapped) < 0)
		thread_resume(thread, RUN); /* the trap is gone, or the thread */
	else
		thread_resume(thread, before_call(thread, probe, &trapped));
}

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
	space->mapper = -1; /* nobody's */
	space->wants_quiet = false;
	emit_space(REC_QUIET, space);
}

static void release(struct space *space)
{
	struct thread *next;

	space->mapper = 0;
	if (space->wants_quiet && !any_in_earlier_call(space)) {
		be_quiet(space);
		return;
	}
	while (!space->mapper && (next = longest_waiting(space)))
		take_turn(next);
}

/* ---- its end ------------------------------------------------------------------------------ */

static void finish(struct thread *thread, const struct arch_regs *regs)
{
	struct map *map = &thread->map;
	struct space *space = thread->space;
	struct arch_regs copy = *regs;
	struct arch_frame frame = arch_here(regs);

	map->call.result = (int64_t)*arch_reg(&copy, ARCH_RESULT);
	map->call_addr = 0;
	complete_call(space, &map->call);
	emit_map(thread, &map->call, &frame);
	if (space->mapper == thread->tid)
		release(space);
}

/* One that had begun before the traps were planted: what it was called with is still there. */
static void finish_earlier(struct thread *thread, const struct probe *probe,
                           const struct arch_regs *regs)
{
	enum map_call_kind kind = probe->function == NO_FUNCTION ?
	                                  MAP_CALL_NONE :
	                                  map_call_of((int)probe->function);

	if (kind == MAP_CALL_NONE)
		return;
	thread->map.call = (struct map_call){ .kind = kind };
	for (unsigned i = 0; i < MAP_CALL_ARGS; i++)
		thread->map.call.args[i] = arch_syscall_arg(regs, i);
	finish(thread, regs);
}

static void end_of_earlier(struct thread *thread)
{
	struct space *space = thread->space;

	if (!thread->map.in_earlier_call)
		return;
	thread->map.in_earlier_call = false;
	if (space && space->wants_quiet && !space->mapper)
		release(space);
}

static struct resume after_call(struct thread *thread, const struct probe *probe,
                                const struct arch_regs *trapped, struct arch_regs *regs)
{
	struct space *space = thread->space;

	if (thread->map.call_addr == probe->call)
		finish(thread, regs);
	else if (thread->map.in_earlier_call)
		finish_earlier(thread, probe, regs);
	end_of_earlier(thread);
	return probe_run_on(thread, space, probe, trapped, regs, false);
}

struct resume map_hit(struct thread *thread, const struct probe *probe,
                      const struct arch_regs *trapped, struct arch_regs *regs)
{
	if (probe->kind == PROBE_SYSRET)
		return after_call(thread, probe, trapped, regs);
	end_of_earlier(thread);
	return before_call(thread, probe, trapped);
}

/* ---- in between ----------------------------------------------------------------------------- */

/* The first stop of a thread that was there before us: is it just behind such a call? In front
 * of one it is still to come, and will be seen to end. */
static void settle_earlier(struct thread *thread, const struct arch_regs *regs)
{
	const struct probe *at = bp_find(thread->space, arch_pc(regs));
	const struct probe *behind = bp_find(thread->space, arch_pc(regs) + ARCH_SYSCALL_LEN);

	if (behind && behind->kind == PROBE_SYSRET && behind->call == arch_pc(regs))
		return;
	if (at && at->kind == PROBE_SYSRET)
		finish_earlier(thread, at, regs);
	end_of_earlier(thread);
}

/* The kernel is to make the call again, from the instruction on (include/linux/errno.h). */
static bool is_restarted(int64_t result)
{
	return result >= -516 && result <= -512;
}

static void put_back(struct thread *thread, const struct arch_regs *regs)
{
	thread->map.call_addr = 0;
	step_set_regs(thread, regs, &thread->map.before);
	release(thread->space);
}

void map_interrupted(struct thread *thread, int sig)
{
	struct map *map = &thread->map;
	struct arch_regs regs;
	bool past;

	if ((!map->call_addr && !map->in_earlier_call) || step_get_regs(thread->tid, &regs) < 0)
		return;
	if (map->in_earlier_call)
		settle_earlier(thread, &regs);
	if (!map->call_addr)
		return;
	past = arch_pc(&regs) == map->call_addr + ARCH_SYSCALL_LEN;
	if (past && sig == SIGSYS) { /* a filter has refused it: it was none */
		map->call_addr = 0;
		release(thread->space);
	} else if (past && !is_restarted((int64_t)*arch_reg(&regs, ARCH_RESULT))) {
		finish(thread, &regs);
	} else if (past || arch_pc(&regs) == map->call_addr) {
		put_back(thread, &regs);
	}
}

void map_gone(struct thread *thread)
{
	struct space *space = thread->space;

	end_of_earlier(thread);
	thread->map = (struct map){ 0 };
	if (space && space->mapper == thread->tid)
		release(space);
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

void map_quiet(struct space *space)
{
	struct thread *thread;

	space->wants_quiet = true;
	space->wants_since_ms = now_ms();
	be_impatient();
	for (size_t at = 0; (thread = thread_next(&at));) {
		if (thread->space != space || !thread->map.in_earlier_call)
			continue;
		if (thread->stopped)
			thread->map.in_earlier_call = false; /* at something else */
		if (thread->stopped || !may_be_in_earlier_call(thread))
			continue;
		thread->interrupted = true;
		ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
	}
	if (!space->mapper)
		release(space);
}

void map_loud(struct space *space)
{
	if (space->mapper == -1)
		release(space);
}

/* Nobody may wait for ever: neither for a call that does not return, nor for a list that is
 * not read. */
static bool is_over(const struct space *space, uint64_t now)
{
	uint64_t limit = space->mapper == -1 ? QUIET_MS : PATIENCE_MS;

	return (space->wants_quiet || space->mapper == -1) && now - space->wants_since_ms >= limit;
}

static void give_up_quiet(struct space *space)
{
	if (space->wants_quiet)
		emit_space(REC_UNQUIET, space);
	space->wants_quiet = false;
	if (space->mapper == -1)
		release(space);
}

static void give_up_waiting(struct thread *thread, uint64_t now)
{
	if (!thread->map.waits_at || now - thread->map.waits_since_ms < PATIENCE_MS ||
	    thread->space->mapper == -1)
		return;
	emit(REC_UNORDERED, thread);
	release(thread->space);
}

static bool anybody_waits(void)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->map.waits_at)
			return true;
	for (struct space *space = NULL; (space = space_next(space));)
		if (space->wants_quiet || space->mapper == -1)
			return true;
	return false;
}

void map_patience(void)
{
	struct thread *thread;
	uint64_t now = now_ms();

	for (struct space *space = NULL; (space = space_next(space));)
		if (is_over(space, now))
			give_up_quiet(space);
	for (size_t at = 0; (thread = thread_next(&at));)
		give_up_waiting(thread, now);
	impatient = anybody_waits();
}
