#include "probe.h"

#include <string.h>

#include "emit.h"
#include "mem.h"
#include "step.h"


static struct layer *layer_of(struct thread *thread, const struct probe *probe)
{
	return &thread->layers[probe->flags & PROBE_BESIDE ? LAYER_BESIDE : LAYER_HEAP];
}

static void abandon(const struct thread *thread, struct calls *calls)
{
	struct call *top = calls_top(calls);

	if (top && top->entry)
		emit_call(REC_ABANDON, thread, top);
	if (top)
		calls->depth--;
}

static bool is_outermost(const struct thread *thread, struct calls *calls, taddr_t slot,
                         taddr_t entry)
{
	while (true) {
		switch (calls_judge(calls, slot, entry)) {
		case CALL_OUTERMOST:
			return true;
		case CALL_NESTED:
			return false;
		case CALL_LEFT:
			abandon(thread, calls); /* the barrier */
			abandon(thread, calls);
			break;
		case CALL_ABANDONED:
			abandon(thread, calls);
			break;
		}
	}
}

static bool is_internal(struct thread *thread, const struct probe *probe, taddr_t slot)
{
	bool internal = thread->internal_slot == slot;

	if (probe->flags & PROBE_BESIDE)
		return false;

	thread->internal_slot = 0;
	return internal;
}

static void take_names(const struct thread *thread, struct call *call)
{
	call->name_count = thread->name_count;
	memcpy(call->names, thread->names, thread->name_count * sizeof(*thread->names));
}

/* On its way to a late entry it has met an earlier one. */
static bool was_seen(struct calls *calls, const struct probe *probe, taddr_t slot)
{
	const struct call *top = calls_top(calls);

	return probe->flags & PROBE_SEEN && top && top->entry && top->slot == slot &&
	       top->function == probe->function;
}

#define CHAIN_MAX (1u << 20) /* blocks: a longer one goes round in a circle */

/* One record for each block of it. */
static void report_chain(const struct thread *thread, const struct probe *probe, struct call *call)
{
	uint64_t offset = probe->chain < 0 ? call->args[1] : (uint64_t)probe->chain, next;

	for (unsigned i = 0; i < CHAIN_MAX; i++, call->args[0] = next) {
		bool more = call->args[0] && mem_read(thread->space->mem, call->args[0] + offset,
		                                      &next, sizeof(next)) == 0;

		if (!(probe->flags & PROBE_BESIDE))
			blocks_take(&thread->space->blocks, call->args[0]);
		if (i == 0 || call->args[0])
			emit_call(REC_ENTER, thread, call);
		if (!more || !next)
			return;
	}
}

/* A block is given back. Of one that may be from before us there is nothing to say. */
static void report(struct thread *thread, const struct probe *probe, struct call *call,
                   const struct arch_regs *regs)
{
	struct space *space = thread->space;
	taddr_t block = call->args[0];
	enum block_was was = probe->flags & PROBE_BESIDE || !block ?
	                             BLOCK_LIVE :
	                             blocks_take(&space->blocks, block);

	call->had_block = was == BLOCK_LIVE;
	if (!(probe->flags & PROBE_STACK) &&
	    (was == BLOCK_LIVE || (was == BLOCK_NEVER && space->is_earlier)))
		emit_call(REC_ENTER, thread, call);
	else
		emit_entered(thread, call, regs);
}

/* That is handed out, or 0. */
static taddr_t block_of(const struct call *call, const struct emit_result *ret)
{
	return call->flags & PROBE_OUT_PARAM ? (ret->result ? 0 : ret->out) : ret->result;
}

/* What the call that returns has handed out, or left where it was. */
static void note_block(struct space *space, const struct call *call, const struct emit_result *ret)
{
	taddr_t block = block_of(call, ret);
	bool failed = !block && call->flags & PROBE_REPORT && call->args[1];

	if (call->flags & PROBE_BESIDE)
		return;
	if (block)
		blocks_put(&space->blocks, block);
	else if (failed && call->had_block && call->args[0])
		blocks_put(&space->blocks, call->args[0]);
}

/* 0: it is not there. */
static uint64_t word_before(const struct space *space, taddr_t block)
{
	uint64_t word = 0;

	if (!block || mem_read(space->mem, block - sizeof(word), &word, sizeof(word)) < 0)
		return 0;
	return word;
}

static void free_begins(const struct thread *thread, struct layer *layer, struct call *call)
{
	taddr_t caller = 0;

	if (call->flags & (PROBE_LEADS_OUT | PROBE_CALLER | PROBE_BESIDE) &&
	    mem_read(thread->space->mem, call->slot, &caller, sizeof(caller)) < 0)
		caller = 0;
	last_free_set(&layer->last_free, call, caller);
	if (call->flags & PROBE_CALLER)
		call->args[RECORD_ARGS - 1] = caller;
	if (call->flags & PROBE_USABLE)
		call->args[1] = word_before(thread->space, call->args[0]);
}

static void enter(struct thread *thread, const struct probe *probe, const struct arch_regs *regs,
                  taddr_t slot)
{
	struct call call = { .slot = slot, .entry = probe->addr, .function = probe->function,
		             .module = probe->module, .flags = probe->flags };
	bool is_free = (probe->flags & PROBE_REPORT) &&
	               !(probe->flags & (PROBE_AWAIT | PROBE_REF));
	struct layer *layer = layer_of(thread, probe);

	for (unsigned i = 0; i < RECORD_ARGS; i++)
		call.args[i] = arch_arg(regs, probe->args[i]);
	if (probe->flags & PROBE_LATE) {
		call.args[1] = 1;
		call.args[0] = arch_value(regs, probe->arg);
	}
	if (was_seen(&layer->calls, probe, slot) || is_internal(thread, probe, slot) ||
	    !is_outermost(thread, &layer->calls, slot, probe->addr) ||
	    (is_free && last_free_hands_on(&layer->last_free, &call, thread->space->mem)))
		return;
	if (layer == &thread->layers[LAYER_HEAP]) {
		thread->in_earlier_call = false;
		take_names(thread, &call);
		thread->name_count = is_free ? 0 : thread->name_count;
	}
	layer->last_free.count = 0;
	if (probe->flags & PROBE_STRING)
		call.args[0] = 1 + mem_string(thread->space->mem, call.args[0],
		                              probe->flags & PROBE_STRING_PART ? call.args[1] :
		                                                                 UINT64_MAX);
	if (is_free)
		free_begins(thread, layer, &call);
	if (probe->flags & PROBE_CHAIN)
		report_chain(thread, probe, &call);
	else if (probe->flags & PROBE_REPORT)
		report(thread, probe, &call, regs);
	if ((probe->flags & PROBE_AWAIT) && calls_push(&layer->calls, &call) < 0)
		emit_call(REC_ABANDON, thread, &call);
}

static uint64_t out_param(const struct space *space, const struct call *call)
{
	uint64_t out = 0;

	if ((call->flags & PROBE_OUT_PARAM) &&
	    mem_read(space->mem, call->args[0], &out, sizeof(out)) < 0)
		return 0;
	return out;
}

static void leave(struct thread *thread, const struct space *space, const struct probe *probe,
                  const struct arch_regs *regs, taddr_t slot)
{
	struct layer *layer = layer_of(thread, probe);
	struct call *call = calls_find(&layer->calls, slot);
	struct emit_result ret = { .frame = arch_frame(regs, slot, 0) };

	if (layer == &thread->layers[LAYER_HEAP]) {
		if (!call && thread->in_earlier_call && !layer->calls.depth)
			emit_earlier(thread, arch_value(regs, probe->result));
		thread->in_earlier_call = false;
	}
	if (!call)
		return;
	while (calls_top(&layer->calls) != call)
		abandon(thread, &layer->calls);
	ret.result = arch_value(regs, probe->result);
	ret.out = out_param(space, call);
	if (call->flags & PROBE_USABLE)
		ret.before = word_before(space, block_of(call, &ret));
	note_block(thread->space, call, &ret);
	layer->calls.depth--;
	layer->last_free.count = 0;
	if (ret.result && layer == &thread->layers[LAYER_HEAP])
		thread->name_count = 0; /* without a result operator new tries again */
	emit_return(thread, call, &ret);
}

/* Wrappers call each other: the outermost is kept first. One at a lower slot than a
 * new one is gone. Of a chain of tail jumps (operator delete[] to operator delete to
 * free), which share a slot, the first is the one the program called. */
static void name(struct thread *thread, const struct probe *probe, const struct arch_regs *regs,
                 taddr_t slot)
{
	struct record_name new = { probe->function, 0, slot, arch_arg(regs, 0) };

	if (!is_outermost(thread, &thread->layers[LAYER_HEAP].calls, slot, probe->addr))
		return;
	while (thread->name_count) {
		const struct record_name *last = &thread->names[thread->name_count - 1];

		if (last->slot > slot)
			break;
		if (last->slot == slot && last->arg == new.arg)
			return;
		thread->name_count--;
	}
	if (thread->name_count < RECORD_NAMES)
		thread->names[thread->name_count++] = new;
}

void probe_hit(struct thread *thread, const struct space *space, const struct probe *probe,
               const struct arch_regs *regs)
{
	taddr_t slot = arch_sp(regs) + probe->slot_delta;

	switch (probe->kind) {
	case PROBE_ENTRY:
		enter(thread, probe, regs, slot);
		break;
	case PROBE_EXIT:
		leave(thread, space, probe, regs, slot);
		break;
	case PROBE_INTERNAL:
		thread->internal_slot = slot;
		break;
	case PROBE_SIGRETURN: /* the slot was popped by the handler's ret */
		for (unsigned i = 0; i < LAYERS; i++)
			calls_handler_returned(&thread->layers[i].calls, slot);
		break;
	case PROBE_NAME:
		name(thread, probe, regs, slot);
		break;
	case PROBE_CREATES:
		thread->creates = (struct start){ arch_value(regs, probe->args[0]),
			                          arch_value(regs, probe->args[1]) };
		break;
	case PROBE_POINT:
		emit_point(thread, probe, regs);
		break;
	case PROBE_WATCH:
	case PROBE_WATCH_END:
		emit_watch(thread, probe, regs, slot);
		break;
	}
}

taddr_t probe_return_site(struct thread *thread, struct space *space,
                          const struct probe *probe, const struct arch_regs *regs)
{
	taddr_t slot = arch_sp(regs) + probe->slot_delta, site;
	const struct call *top = calls_top(&layer_of(thread, probe)->calls);
	uint64_t *asked;

	if (probe->kind != PROBE_ENTRY || !(probe->flags & PROBE_RETURNS) || !top ||
	    top->entry != probe->addr || top->slot != slot ||
	    mem_read(space->mem, slot, &site, sizeof(site)) < 0 || bp_find(space, site))
		return 0;
	asked = table_put(&space->returns, site);
	return asked && !(*asked)++ ? site : 0;
}

/* Where a handler's frame lies on the interrupted stack it lies close below: the
 * kernel puts the registers there, AVX-512 and AMX included. */
#define SIGNAL_FRAME_BYTES (64 << 10)

void probe_handler_begins(struct thread *thread, struct space *space)
{
	struct handler *handler = &thread->handler;
	struct call barrier = { 0 };
	struct arch_regs regs;

	handler->due = false;
	if (step_get_regs(thread->tid, &regs) < 0)
		return;
	barrier.slot = arch_sp(&regs);
	if (handler->interrupted - barrier.slot > SIGNAL_FRAME_BYTES)
		handler->own_stack = barrier.slot;
	for (unsigned i = 0; i < LAYERS; i++) {
		struct calls *calls = &thread->layers[i].calls;

		if (!calls_top(calls) || !calls_top(calls)->entry)
			continue;
		bp_plant_sigreturn(space);
		/* no room: calls in the handler are then taken for nested ones, and the
		 * pending call's end still comes */
		calls_push(calls, &barrier);
	}
}

void probe_abandon_all(struct thread *thread)
{
	for (unsigned i = 0; i < LAYERS; i++)
		while (thread->layers[i].calls.depth)
			abandon(thread, &thread->layers[i].calls);
}
