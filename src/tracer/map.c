#include "map.h"

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>

#include "emit.h"
#include "map_told.h"
#include "probe.h"
#include "release.h"
#include "run_on.h"
#include "space.h"
#include "step.h"
#include "turn.h"

#define UNRELATED_MAX 1000 /* hits of a system call instruction for any number */

static const struct resume RUN = { GO_RUN, 0 };

/* ---- its begin ----------------------------------------------------------------------------- */

/* With the arguments that the registers hold. */
static struct map_call call_of(enum map_call_kind kind, const struct arch_regs *regs)
{
	struct map_call call = { .kind = kind };

	for (unsigned i = 0; i < MAP_CALL_ARGS; i++)
		call.args[i] = arch_syscall_arg(regs, i);
	return call;
}

static void begin(struct thread *thread, struct space *space, const struct probe *probe,
                  const struct arch_regs *trapped, struct arch_regs *regs,
                  enum map_call_kind kind)
{
	struct map *map = &thread->map;

	bp_related(space, probe);
	turn_take(thread, probe->call);
	map->before = *trapped;
	arch_set_pc(&map->before, probe->addr);
	map->call = call_of(kind, regs);
	step_set_regs(thread, trapped, regs);
}

/* False: the instruction in front cannot be done from here, so the call is not seen. */
static bool reach_call(struct thread *thread, const struct space *space,
                       const struct probe *probe, struct arch_regs *regs)
{
	return step_over(thread, space, probe, regs) && arch_pc(regs) == probe->call;
}

/* Back in front of the trap: whatever becomes of us, it is not left inside an instruction. */
static struct resume wait_for_turn(struct thread *thread, taddr_t addr)
{
	step_set_pc(thread->tid, addr);
	return turn_wait(thread, addr);
}

/* Of the process, or of what we see of it. */
static struct resume before_end(struct thread *thread, const struct probe *probe,
                                const struct arch_regs *trapped, struct arch_regs *regs,
                                enum map_call_kind kind)
{
	if (!turn_may_leave(thread) || kind == MAP_CALL_CLONE)
		step_set_pc(thread->tid, probe->addr);
	if (!turn_may_leave(thread))
		return turn_leave(thread, probe->addr);
	if (kind == MAP_CALL_CLONE)
		return release_begin(thread);
	step_set_regs(thread, trapped, regs);
	return RUN;
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
		return run_on(thread, space, probe, trapped, &regs);
	}
	kind = map_call_of((int)arch_value(&regs, ARCH_RESULT));
	if (kind == MAP_CALL_CLONE && !release_is_asked(thread, &regs))
		kind = MAP_CALL_NONE;
	if (kind == MAP_CALL_NONE) {
		step_set_regs(thread, trapped, &regs);
		if (!turn_has(space, probe->call))
			bp_unrelated(space, probe, UNRELATED_MAX);
		return RUN;
	}
	if (!map_call_maps(kind))
		return before_end(thread, probe, trapped, &regs, kind);
	if (turn_is_taken(space, thread))
		return wait_for_turn(thread, probe->addr);
	begin(thread, space, probe, trapped, &regs, kind);
	return RUN;
}

struct resume map_go_on(struct thread *thread, taddr_t addr)
{
	const struct probe *probe = bp_find(thread->space, addr);
	struct arch_regs trapped;

	if (!probe || step_get_regs(thread->tid, &trapped) < 0)
		return RUN; /* the trap is gone, or the thread */
	return before_call(thread, probe, &trapped);
}

/* ---- its end ------------------------------------------------------------------------------ */

static void finish(struct thread *thread, const struct arch_regs *regs, bool held)
{
	struct map *map = &thread->map;
	struct space *space = thread->space;
	struct arch_frame frame = arch_here(regs);

	map->call.result = (int64_t)arch_value(regs, ARCH_RESULT);
	map->call_addr = 0;
	map_told(&map->call, thread->tid, space->mem);
	emit_map(thread, &map->call, &frame, held);
	if (space->mapper == thread->tid)
		turn_release(space);
}

void map_finish(struct thread *thread)
{
	struct arch_regs regs;

	if (step_get_regs(thread->tid, &regs) == 0)
		finish(thread, &regs, false);
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
	thread->map.call = call_of(kind, regs);
	finish(thread, regs, false);
}

static struct resume after_call(struct thread *thread, const struct probe *probe,
                                const struct arch_regs *trapped, struct arch_regs *regs)
{
	struct space *space = thread->space;
	bool ends = thread->map.call_addr == probe->call, holds = ends && space->holds;

	if (ends)
		finish(thread, regs, holds);
	else if (thread->map.in_earlier_call)
		finish_earlier(thread, probe, regs);
	turn_no_earlier(thread);
	return holds ? thread_hold(thread, probe) : run_on(thread, space, probe, trapped, regs);
}

struct resume map_hit(struct thread *thread, const struct probe *probe,
                      const struct arch_regs *trapped, struct arch_regs *regs)
{
	if (probe->kind == PROBE_SYSRET)
		return after_call(thread, probe, trapped, regs);
	turn_no_earlier(thread);
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
	turn_no_earlier(thread);
}

static void put_back(struct thread *thread, const struct arch_regs *regs)
{
	thread->map.call_addr = 0;
	step_set_regs(thread, regs, &thread->map.before);
	turn_release(thread->space);
}

void map_interrupted(struct thread *thread, int sig)
{
	struct map *map = &thread->map;
	struct arch_regs regs;
	bool past;

	if (map->in_call) /* its own stop is past, or to come */
		return;
	if (sig)
		turn_stays(thread);
	if ((!map->call_addr && !map->in_earlier_call) || step_get_regs(thread->tid, &regs) < 0)
		return;
	if (map->in_earlier_call)
		settle_earlier(thread, &regs);
	if (!map->call_addr)
		return;
	past = arch_pc(&regs) == map->call_addr + ARCH_SYSCALL_LEN;
	if (past && sig == SIGSYS) { /* a filter has refused it: it was none */
		map->call_addr = 0;
		turn_release(thread->space);
	} else if (past && !map_call_is_restarted((int64_t)arch_value(&regs, ARCH_RESULT))) {
		finish(thread, &regs, false);
	} else if (past || arch_pc(&regs) == map->call_addr) {
		put_back(thread, &regs);
	}
}

void map_gone(struct thread *thread)
{
	struct space *space = thread->space;

	turn_no_earlier(thread);
	thread->map = (struct map){ 0 };
	if (space && space->mapper == thread->tid)
		turn_release(space);
}

