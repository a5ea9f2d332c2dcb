#include "call.h"

#include <errno.h>

#include "plan.h"

/* Is the barrier, the top of the stack, the nearest frame above slot? */
static bool in_handler(const struct calls *calls, taddr_t slot)
{
	taddr_t barrier = calls->stack[calls->depth - 1].slot;

	for (unsigned i = 0; i + 1 < calls->depth; i++)
		if (calls->stack[i].slot >= slot && calls->stack[i].slot < barrier)
			return false;
	return slot < barrier;
}

enum call_verdict calls_judge(const struct calls *calls, taddr_t slot, taddr_t entry)
{
	const struct call *top = calls->depth ? &calls->stack[calls->depth - 1] : NULL;

	if (!top)
		return CALL_OUTERMOST;
	if (!top->entry)
		return in_handler(calls, slot) ? CALL_OUTERMOST : CALL_LEFT;
	if (slot == top->slot)
		return (top->flags & PROBE_TAIL) && entry != top->entry ? CALL_NESTED :
		                                                          CALL_ABANDONED;
	return slot < top->slot ? CALL_NESTED : CALL_ABANDONED;
}

int calls_push(struct calls *calls, const struct call *call)
{
	if (calls->depth == CALLS_MAX)
		return -ENOSPC;
	calls->stack[calls->depth++] = *call;
	return 0;
}

struct call *calls_find(struct calls *calls, taddr_t slot)
{
	for (unsigned i = calls->depth; i-- > 0;)
		if (calls->stack[i].slot == slot && calls->stack[i].entry)
			return &calls->stack[i];
	return NULL;
}

void calls_drop(struct calls *calls, uint32_t begin, uint32_t end)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < calls->depth; i++) {
		const struct call *call = &calls->stack[i];

		if (!call->entry || call->function < begin || call->function >= end)
			calls->stack[kept++] = *call;
	}
	calls->depth = kept;
}

void calls_handler_returned(struct calls *calls, taddr_t slot)
{
	for (unsigned i = calls->depth; i-- > 0;)
		if (calls->stack[i].slot == slot && !calls->stack[i].entry) {
			calls->depth = i;
			return;
		}
}
