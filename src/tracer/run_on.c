#include "run_on.h"

#include "bp.h"
#include "probe.h"
#include "step.h"

#define MAX 64 /* instructions; a chain of wrappers is a dozen */

/* The others need a stop of their own. */
static bool may_run_on(const struct space *space, const struct probe *probe)
{
	return probe->kind != PROBE_LOADER && probe->kind != PROBE_SYSCALL &&
	       probe->kind != PROBE_SYSRET && !(probe->flags & PROBE_RETURNS) &&
	       !bp_awaits(space, probe);
}

/* The ret that a late entry leads to has been met: what was emulated on the way was for the
 * record, the thread does it for itself. */
static bool has_twin(const struct probe *first, const struct probe *now)
{
	return first->flags & PROBE_LATE && first->twin.addr && now && now->kind == PROBE_EXIT;
}

struct resume run_on(struct thread *thread, const struct space *space, const struct probe *first,
                     const struct arch_regs *trapped, struct arch_regs *regs)
{
	const struct resume run = { GO_RUN, 0 };
	const struct probe *probe = first;
	taddr_t twin_of = 0;

	for (int i = 0; i < MAX; i++) {
		if (probe->twin.addr && plan_is_ret(probe))
			twin_of = probe->addr;
		if (!step_over(thread, space, probe, regs)) {
			step_set_regs(thread, trapped, regs);
			return probe->kind == PROBE_PASS ? run :
			                                   step_grow(thread, space, probe, regs);
		}
		probe = bp_find(space, arch_pc(regs));
		if (!probe || !may_run_on(space, probe))
			break;
		probe_hit(thread, space, probe, regs);
		if (has_twin(first, probe)) {
			twin_of = first->addr;
			*regs = *trapped;
			arch_set_pc(regs, first->twin.addr);
			break;
		}
	}
	step_set_regs(thread, trapped, regs);
	thread->twin_of = twin_of;
	return run;
}

/* From the trap on, by emulation: nobody but the ret may stand on a trap once more. */
static bool redo(const struct thread *thread, const struct probe *probe, struct arch_regs *regs)
{
	for (int i = 0; i < MAX && probe && !plan_is_ret(probe); i++) {
		if (!step_over(thread, thread->space, probe, regs))
			return false;
		probe = bp_find(thread->space, arch_pc(regs));
	}
	return probe && plan_is_ret(probe);
}

void run_on_bring_home(struct thread *thread, struct arch_regs *regs)
{
	const struct probe *probe = thread->twin_of ? bp_find(thread->space, thread->twin_of) : NULL;
	taddr_t done = arch_pc(regs) - thread->resumed_pc;
	struct arch_regs home = *regs;

	if (!probe || done >= probe->twin.len)
		return;
	arch_set_pc(&home, thread->twin_of + done);
	if (!done && !redo(thread, probe, &home))
		return;
	step_set_regs(thread, regs, &home);
	*regs = home;
}
