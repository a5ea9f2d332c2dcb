#include "probe.h"

#include <string.h>

#include "emit.h"
#include "mem.h"
#include "step.h"

/* A free that calls another free for the same block does so within a few frames. */
#define FREE_CHAIN_BYTES 4096

static void pop(struct thread *thread, enum call_verdict why)
{
	struct call *top = calls_top(&thread->calls);

	if (why == CALL_ABANDONED)
		emit_call(REC_ABANDON, thread, top, NULL);
	thread->calls.depth--;
}

static bool restorer_intact(const struct thread *thread, const struct space *space)
{
	const struct call *top = &thread->calls.stack[thread->calls.depth - 1];
	uint64_t restorer;

	return mem_read(space->mem, top->slot, &restorer, sizeof(restorer)) == 0 &&
	       restorer == top->args[0];
}

static bool is_outermost(struct thread *thread, const struct space *space, taddr_t slot,
                         taddr_t entry)
{
	enum call_verdict verdict;

	while (true) {
		const struct call *top = calls_top(&thread->calls);
		bool intact = top && !top->entry && restorer_intact(thread, space);

		verdict = calls_judge(&thread->calls, slot, entry, intact);
		if (verdict == CALL_OUTERMOST || verdict == CALL_NESTED)
			return verdict == CALL_OUTERMOST;
		pop(thread, verdict);
	}
}

/* A free has no exit trap. One that hands its block on to another free, as an
 * interposed one does to libc's, is told by the block and by the entry being
 * another one. */
static bool is_handed_on(struct last_free *last, const struct call *call)
{
	if (last->count == 0 || last->arg != call->args[0] || call->slot > last->slot ||
	    last->slot - call->slot > FREE_CHAIN_BYTES || last->count == countof(last->entries))
		return false;
	for (unsigned i = 0; i < last->count; i++)
		if (last->entries[i] == call->entry)
			return false;
	last->entries[last->count++] = call->entry;
	return true;
}

static bool is_internal(struct thread *thread, taddr_t slot)
{
	bool internal = thread->internal_slot == slot;

	thread->internal_slot = 0;
	return internal;
}

static void take_name(struct thread *thread, struct call *call)
{
	call->name = thread->name.function;
	call->name_slot = thread->name.slot;
	call->name_arg = thread->name.arg;
	thread->name.function = NO_FUNCTION;
}

static void enter(struct thread *thread, const struct space *space, const struct probe *probe,
                  const struct arch_regs *regs, taddr_t slot)
{
	struct call call = { .slot = slot, .entry = probe->addr, .function = probe->function,
		             .flags = probe->flags };
	bool is_free = (probe->flags & PROBE_REPORT) && !(probe->flags & PROBE_AWAIT);

	for (unsigned i = 0; i < RECORD_ARGS; i++)
		call.args[i] = arch_arg(regs, i);
	if (is_internal(thread, slot) || !is_outermost(thread, space, slot, probe->addr) ||
	    (is_free && is_handed_on(&thread->last_free, &call)))
		return;
	take_name(thread, &call);
	thread->last_free.count = 0;
	if (is_free)
		thread->last_free =
			(struct last_free){ call.args[0], slot, { probe->addr }, 1 };
	if (probe->flags & PROBE_REPORT)
		emit_call(REC_ENTER, thread, &call, NULL);
	if ((probe->flags & PROBE_AWAIT) && calls_push(&thread->calls, &call) < 0)
		emit_call(REC_ABANDON, thread, &call, NULL);
}

static uint64_t out_param(const struct space *space, const struct call *call)
{
	uint64_t out = 0;

	if ((call->flags & PROBE_OUT_PARAM) &&
	    mem_read(space->mem, call->args[0], &out, sizeof(out)) < 0)
		return 0;
	return out;
}

static bool leave(struct thread *thread, const struct space *space, const struct probe *probe,
                  const struct arch_regs *regs, taddr_t slot)
{
	struct call *call = calls_find(&thread->calls, slot);
	struct arch_regs copy = *regs;
	struct emit_return ret = { .frame = arch_frame(regs, slot, 0), .with_stack = true };

	if (!call)
		return false;
	while (calls_top(&thread->calls) != call)
		pop(thread, calls_top(&thread->calls)->entry ? CALL_ABANDONED : CALL_LEFT);
	ret.result = *arch_reg(&copy, probe->result);
	ret.out = out_param(space, call);
	thread->calls.depth--;
	thread->last_free.count = 0;
	emit_call(REC_RETURN, thread, call, &ret);
	return true;
}

/* The first name of a chain of tail jumps (operator delete[] to operator delete
 * to free) is the one the program called. */
static void name(struct thread *thread, const struct space *space, const struct probe *probe,
                 const struct arch_regs *regs, taddr_t slot)
{
	const struct pending_name *was = &thread->name;

	if (was->function != NO_FUNCTION && was->slot == slot && was->arg == arch_arg(regs, 0))
		return;
	if (!is_outermost(thread, space, slot, probe->addr))
		return;
	thread->name = (struct pending_name){ probe->function, slot, arch_arg(regs, 0) };
}

bool probe_hit(struct thread *thread, const struct space *space, const struct probe *probe,
               const struct arch_regs *regs)
{
	taddr_t slot = arch_sp(regs) + probe->slot_delta;

	switch (probe->kind) {
	case PROBE_ENTRY:
		enter(thread, space, probe, regs, slot);
		break;
	case PROBE_EXIT:
		return leave(thread, space, probe, regs, slot);
	case PROBE_INTERNAL:
		thread->internal_slot = slot;
		break;
	case PROBE_NAME:
		name(thread, space, probe, regs, slot);
		break;
	}
	return false;
}

void probe_handler_begins(struct thread *thread, const struct space *space)
{
	struct arch_regs regs;
	struct call barrier = { 0 };

	if (step_get_regs(thread->tid, &regs) < 0)
		return;
	barrier.slot = arch_sp(&regs);
	if (mem_read(space->mem, barrier.slot, &barrier.args[0], sizeof(barrier.args[0])) < 0)
		return;
	/* no room: calls in the handler are then taken for nested ones, and the
	 * pending call's end still comes */
	calls_push(&thread->calls, &barrier);
}

void probe_abandon_all(struct thread *thread)
{
	while (thread->calls.depth)
		pop(thread, calls_top(&thread->calls)->entry ? CALL_ABANDONED : CALL_LEFT);
}
